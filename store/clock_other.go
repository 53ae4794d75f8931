//go:build !linux

package store

import "time"

// elapsed is what Go's own clock shows. A machine that sleeps is noticed by its wall clock, and by the database's.
func elapsed() time.Duration { return time.Since(began) }
