package heap

import (
	"os"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnOperatorsWordCounts(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	t.Setenv("GOGC", "100")
	Tune()
	require.Equal(t, 100, debug.SetGCPercent(100))
	require.NoError(t, os.Unsetenv("GOGC"))
	Tune()
	require.Equal(t, percent, debug.SetGCPercent(100))
}
