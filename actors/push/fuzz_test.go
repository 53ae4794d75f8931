package push

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzCursor: an accepted cursor is written in one way only, as the hub gives it out.
func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add(cursorText(0))
	f.Add(cursorText(1<<64 - 1))
	f.Add("+0000000000000000001")
	f.Add("99999999999999999999")
	f.Fuzz(func(t *testing.T, s string) {
		if c, ok := parseCursor(s); ok {
			require.Equal(t, s, cursorText(c))
		}
	})
}
