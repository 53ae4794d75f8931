// Package heap decides how often garbage is collected.
package heap

import (
	"os"
	"runtime/debug"
)

// percent is how much garbage there may be for what lives. Most of what lives are games and sessions, which stay: looking them
// through is what keeps deadlines waiting, and it is done four times less often than by default.
const percent = 400

// Tune sets that for the process, unless GOGC says otherwise. A bound on memory is GOMEMLIMIT's, which the runtime obeys by itself.
func Tune() {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(percent)
	}
}
