package galaxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClocksThatDifferAreOneEpisode(t *testing.T) {
	for name, c := range map[string]struct {
		seen []time.Duration
		keys int // episodes that began, each an hour after the one before
	}{
		"they agree":                     {[]time.Duration{0, 10 * time.Millisecond, -900 * time.Millisecond, time.Second}, 0},
		"ahead":                          {[]time.Duration{0, 1001 * time.Millisecond, 5 * time.Minute}, 1},
		"behind":                         {[]time.Duration{-1001 * time.Millisecond, -5 * time.Minute}, 1},
		"about the limit":                {[]time.Duration{1100 * time.Millisecond, 900 * time.Millisecond, 1100 * time.Millisecond, 600 * time.Millisecond}, 1},
		"from one side to the other":     {[]time.Duration{2 * time.Second, -2 * time.Second}, 1},
		"again, after they were set":     {[]time.Duration{2 * time.Second, 100 * time.Millisecond, 2 * time.Second}, 2},
		"set to almost the same is over": {[]time.Duration{2 * time.Second, -499 * time.Millisecond}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			keys := map[string]bool{}
			var e SkewEpisode
			for i, ahead := range c.seen {
				if e = e.See(ahead, noon.Add(time.Duration(i)*time.Hour)); e.Key != "" {
					keys[e.Key] = true
				}
			}
			require.Len(t, keys, c.keys)
		})
	}
	e := SkewEpisode{}.See(-5*time.Minute, noon)
	e.Notified = true
	require.Equal(t, e, e.See(-4*time.Minute, noon.Add(time.Hour)), "operators stay notified")
	require.Equal(t, "the database's clock is 5m0s behind this host's", e.Notice(-5*time.Minute).Payload.Reason)
	require.Equal(t, "the database's clock is 1.24s ahead of this host's", DescribeSkew(1236*time.Millisecond))
}
