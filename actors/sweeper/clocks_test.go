package sweeper_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/sweeper"
	"galaxy/backend/galaxy"
)

// clocks is a database's clock, with the operators.
type clocks struct {
	mu      sync.Mutex
	ahead   time.Duration
	known   bool
	now     time.Time
	away    bool
	looks   int
	alerts  []galaxy.Notice
	refused int
	woken   int
}

func (c *clocks) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	c.looks = 0
}

// seen waits until the clock was compared with what is set.
func (c *clocks) seen(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.looks > 3 }, 10*time.Second, time.Millisecond)
}

func (c *clocks) start(t *testing.T) {
	sys := kittest.System(t)
	locked := func(f func()) { c.mu.Lock(); defer c.mu.Unlock(); f() }
	ref, err := sweeper.Start(sys, sweeper.Deps{Store: &fake{purges: make(chan string, 100)}, WakeGame: func(galaxy.GameID) {}, WakeUser: func(galaxy.UserID) {}, Log: zap.NewNop(),
		Interval: time.Hour, Purge: time.Hour, Clocks: time.Millisecond,
		Now: func() (now time.Time) { locked(func() { now = c.now }); return now },
		Skew: func() (ahead time.Duration, known bool) {
			locked(func() { ahead, known = c.ahead, c.known; c.looks++ })
			return
		},
		WakeNotify: func() { locked(func() { c.woken++ }) },
		Alert: func(_ context.Context, at time.Time, n galaxy.Notice) (err error) {
			locked(func() {
				if c.away {
					c.refused++
					err = errors.New("away")
					return
				}
				c.alerts = append(c.alerts, n)
			})
			return err
		}}, kittest.Never)
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, sys, ref) })
}

func TestOperatorsAreNotifiedOnceThatClocksDiffer(t *testing.T) {
	c := &clocks{now: time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC), ahead: time.Hour}
	c.start(t)
	c.seen(t)
	c.set(func() {
		require.Empty(t, c.alerts, "nothing is known yet")
		c.known, c.away, c.ahead = true, true, -5*time.Minute
	})
	require.Eventually(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.refused > 2 }, 10*time.Second, time.Millisecond)
	c.set(func() { c.away = false })
	c.seen(t)
	c.set(func() { c.ahead = -700 * time.Millisecond })
	c.seen(t)
	c.set(func() { c.ahead = 3 * time.Second; c.now = c.now.Add(time.Hour) })
	c.seen(t)
	want := galaxy.Notice{Kind: galaxy.ClockSkew, Key: "clock_skew:2026-03-01T12", Payload: galaxy.Payload{Reason: "the database's clock is 5m0s behind this host's"}}
	c.set(func() {
		require.Equal(t, []galaxy.Notice{want}, c.alerts, "one episode")
		require.Equal(t, 1, c.woken)
		c.ahead = 0
	})
	c.seen(t)
	c.set(func() { c.ahead = 2 * time.Second })
	c.seen(t)
	c.set(func() {
		require.Len(t, c.alerts, 2)
		require.Equal(t, "clock_skew:2026-03-01T13", c.alerts[1].Key)
	})
}

func TestAfterATimeWithoutServiceEveryGameIsWoken(t *testing.T) {
	sys, woken := kittest.System(t), make(chan galaxy.GameID, 100)
	ref, err := sweeper.Start(sys, sweeper.Deps{Store: &fake{purges: make(chan string, 100)}, WakeGame: func(id galaxy.GameID) {
		if id != lapsed {
			woken <- id
		}
	}, WakeUser: func(galaxy.UserID) {}, Now: time.Now, Log: zap.NewNop(), Interval: time.Hour}, kittest.Never)
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, sys, ref) })
	require.Equal(t, live, <-woken)
	kit.Tell(ref, sweeper.CatchUp{})
	require.Equal(t, live, <-woken)
}
