package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHowLongNobodyWasServed: the last heartbeat was 110 s ago, if the clocks can be trusted.
func TestHowLongNobodyWasServed(t *testing.T) {
	const truth = 110 * time.Second
	host := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	server, another := host.Add(-24*time.Hour), host.Add(-time.Minute)
	for name, c := range map[string]struct {
		ahead   time.Duration // of the database, at the heartbeat
		moved   time.Duration // how the database's clock has stepped since
		server  time.Time     // that answers now
		host    time.Duration // how far the clock of the host that takes over is ahead
		lasted  time.Duration // what the process knows of
		want    time.Duration
		unknown bool // the release before has taken over
	}{
		"no clock differs":                              {0, 0, server, 0, 0, truth, false},
		"the same process":                              {0, 0, server, 0, truth, truth, false},
		"the database is ahead":                         {5 * time.Minute, 0, server, 0, 0, truth, false},
		"the database is behind":                        {-5 * time.Minute, 0, server, 0, 0, truth, false},
		"another host takes over, which is ahead":       {0, 0, server, 5 * time.Minute, 0, truth, false},
		"another host takes over, which is behind":      {0, 0, server, -5 * time.Minute, 0, truth, false},
		"another database server, which is ahead":       {0, 5 * time.Minute, another, 0, 0, truth, false},
		"another database server, which is behind":      {5 * time.Minute, -10 * time.Minute, another, 0, 0, truth, false},
		"another database server, the same process":     {0, 5 * time.Minute, another, 0, truth, truth, false},
		"the database's clock was set back":             {0, -5 * time.Minute, server, 0, 0, truth, false},
		"it was set back, and the process knows better": {0, -time.Minute, server, 0, truth, truth, false},
		"the host's clocks stood still":                 {0, 0, server, -truth, time.Second, truth, false},
		"the release before tells no server":            {0, 0, another, 0, 0, truth, true},
	} {
		t.Run(name, func(t *testing.T) {
			at := host.Add(-truth).Add(c.ahead)
			h := heartbeat{At: &at, Ahead: c.ahead.Microseconds(), Server: &server, Shows: host.Add(c.ahead + c.moved), NowServer: c.server}
			if c.unknown {
				h.Server = nil
			}
			require.Equal(t, c.want, h.gap(host.Add(c.host), c.lasted))
		})
	}
	require.Zero(t, heartbeat{Shows: host}.gap(host, 0), "nobody has served before")
}

// TestSilenceIsCountedOnlyWhileSomebodyListens: what counts is the time in which the standby and the database were
// awake.
func TestSilenceIsCountedOnlyWhileSomebodyListens(t *testing.T) {
	at := func(d time.Duration) moment {
		return moment{wall: time.Unix(0, 0).Add(d), awake: d, total: d}
	}
	const apart = 3 * time.Second
	one, next := sign{Session: 1, Epoch: 1, Beats: 1}, sign{Session: 1, Epoch: 1, Beats: 2}
	var s silence
	require.Zero(t, s.see(one, at(0), apart))
	require.Equal(t, 2*time.Second, s.see(one, at(2*time.Second), apart))
	require.Equal(t, 5*time.Second, s.see(one, at(5*time.Second), apart))
	require.Zero(t, s.see(next, at(6*time.Second), apart), "a heartbeat")
	require.Equal(t, time.Second, s.see(next, at(7*time.Second), apart))
	require.Zero(t, s.see(next, at(60*time.Second), apart), "the standby has stood still")
	slept := moment{wall: time.Unix(120, 0), awake: 61 * time.Second, total: 61 * time.Second}
	require.Zero(t, s.see(next, slept, apart), "its machine has slept")
	require.Zero(t, s.see(sign{Session: 2, Epoch: 1, Beats: 2}, slept, apart), "another has the lock")
}

func TestTheSkewIsThatOfTheShortestTrip(t *testing.T) {
	var s skew
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	trip := func(took, ahead time.Duration) {
		before := moment{wall: start}
		after := moment{wall: start.Add(took), awake: took, total: took}
		s.add(before, after, start.Add(took/2).Add(ahead))
	}
	require.Zero(t, s.best())
	trip(3*time.Second, time.Minute) // it hung
	trip(time.Millisecond, 2*time.Second)
	trip(time.Second, -time.Minute)
	require.Equal(t, 2*time.Second, s.ahead())
	for range 8 {
		trip(2*time.Millisecond, time.Second)
	}
	require.Equal(t, time.Second, s.ahead(), "what is old is forgotten")
}
