package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

// FuzzCursor: a cursor that is accepted is one that a list has answered.
func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add(cursorOf(galaxy.NewID()))
	f.Add("AAAAAAAAAAAAAAAAAAAAAB")
	f.Add("AAAAAAAAAAA\nAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, s string) {
		key, err := keyOf(s)
		if err != nil {
			require.Equal(t, galaxy.InvalidRequest, galaxy.CodeOf(err))
			return
		}
		require.Equal(t, s, cursorOf(key))
	})
}
