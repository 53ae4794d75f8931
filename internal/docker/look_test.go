package docker

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheEndingIsWhatWasWrittenLast(t *testing.T) {
	for name, pieces := range map[string][]string{
		"nothing":               {},
		"little":                {"one\n", "two\n"},
		"exactly as much":       {strings.Repeat("x", maxLogs-1), "\n"},
		"one piece too large":   {strings.Repeat("line\n", maxLogs), "last"},
		"many small pieces":     strings.SplitAfter(strings.Repeat("a longer line of the log\n", maxLogs/5), "\n"),
		"one line without end":  {strings.Repeat("x", 3*maxLogs)},
		"a little more than is": {strings.Repeat("x", 10), "\n", strings.Repeat("line\n", maxLogs/5)},
	} {
		var e ending
		for _, p := range pieces {
			n, err := e.Write([]byte(p))
			require.NoError(t, err)
			require.Equal(t, len(p), n)
		}
		all, got := strings.Join(pieces, ""), e.String()
		require.True(t, strings.HasSuffix(all, got), name)
		require.GreaterOrEqual(t, len(got), min(len(all), maxLogs-100), name)
		require.LessOrEqual(t, len(got), maxLogs, name)
		if len(got) < len(all) && strings.Contains(got, "\n") {
			require.Equal(t, byte('\n'), all[len(all)-len(got)-1], "%s: it begins with a whole line", name)
		}
	}
}
