package kittest_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fired keeps what fired, and when.
type fired struct {
	clock *kittest.Clock
	names []string
	after []time.Duration
}

func (f *fired) fire(name string) func() {
	return func() {
		f.names, f.after = append(f.names, name), append(f.after, f.clock.Now().Sub(start))
	}
}

func TestTheClockStandsStillUntilItIsMoved(t *testing.T) {
	c := kittest.NewClock(start)
	require.Equal(t, start, c.Now())
	require.Zero(t, c.Elapsed())
	_, any := c.Next()
	require.False(t, any)
	c.Advance(time.Hour)
	require.Equal(t, start.Add(time.Hour), c.Now())
	require.Equal(t, time.Hour, c.Elapsed())
	require.Panics(t, func() { c.Advance(-1) })
}

func TestWhatIsDueFiresOnceInTheOrderOfTimeAndAtItsTime(t *testing.T) {
	c := kittest.NewClock(start)
	f := &fired{clock: c}
	c.AfterFunc(3*time.Second, f.fire("third"))
	c.AfterFunc(time.Second, f.fire("first"))
	c.AfterFunc(3*time.Second, f.fire("third too"))
	c.AfterFunc(2*time.Second, f.fire("second"))
	c.AfterFunc(time.Hour, f.fire("later"))
	require.Equal(t, 5, c.Pending())
	next, ok := c.Next()
	require.True(t, ok)
	require.Equal(t, start.Add(time.Second), next)

	c.Advance(time.Second - 1)
	require.Empty(t, f.names)
	c.Advance(time.Minute)
	require.Equal(t, []string{"first", "second", "third", "third too"}, f.names)
	require.Equal(t, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second}, f.after)
	require.Equal(t, start.Add(time.Minute+time.Second-1), c.Now())
	require.Equal(t, 1, c.Pending())
	c.Advance(time.Minute)
	require.Len(t, f.names, 4)
}

func TestTimersThatATimerStartsFireWithinTheSameSpan(t *testing.T) {
	c := kittest.NewClock(start)
	f := &fired{clock: c}
	var again func()
	again = func() {
		f.fire("again")()
		c.AfterFunc(10*time.Second, again)
		c.AfterFunc(0, f.fire("at once"))
	}
	c.AfterFunc(10*time.Second, again)
	c.AfterFunc(15*time.Second, f.fire("between"))
	c.Advance(25 * time.Second)
	require.Equal(t, []string{"again", "at once", "between", "again", "at once"}, f.names)
	require.Equal(t, []time.Duration{10 * time.Second, 10 * time.Second, 15 * time.Second, 20 * time.Second, 20 * time.Second}, f.after)
	require.Equal(t, 1, c.Pending())
}

func TestAStoppedTimerDoesNotFire(t *testing.T) {
	c := kittest.NewClock(start)
	f := &fired{clock: c}
	var stops []kit.Stopper
	for range 10 {
		stops = append(stops, c.AfterFunc(time.Second, f.fire("one")))
	}
	for i := 0; i < len(stops); i += 2 {
		require.True(t, stops[i].Stop())
		require.False(t, stops[i].Stop())
	}
	require.Equal(t, 5, c.Pending())
	c.Advance(time.Second)
	require.Len(t, f.names, 5)
	for _, s := range stops {
		require.False(t, s.Stop())
	}
}

func TestATimerCanStopAnotherOfTheSameTime(t *testing.T) {
	c := kittest.NewClock(start)
	f := &fired{clock: c}
	var other kit.Stopper
	c.AfterFunc(time.Second, func() { require.True(t, other.Stop()) })
	other = c.AfterFunc(time.Second, f.fire("other"))
	c.Advance(time.Minute)
	require.Empty(t, f.names)
}

func TestAStepOfTheWallClockMovesNoTimer(t *testing.T) {
	for name, step := range map[string]time.Duration{"forward": 48 * time.Hour, "backward": -48 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			c := kittest.NewClock(start)
			var at []time.Duration
			c.AfterFunc(time.Hour, func() { at = append(at, c.Elapsed()) })
			c.Advance(20 * time.Minute)
			c.Set(c.Now().Add(step))
			require.Equal(t, start.Add(20*time.Minute+step), c.Now())
			require.Equal(t, 20*time.Minute, c.Elapsed())
			next, ok := c.Next()
			require.True(t, ok)
			require.Equal(t, c.Now().Add(40*time.Minute), next)

			c.Advance(40*time.Minute - 1)
			require.Empty(t, at)
			c.Advance(1)
			require.Equal(t, []time.Duration{time.Hour}, at)
			require.Equal(t, next, c.Now())
		})
	}
}

func TestWhatIsDueAlreadyFiresWithoutBeingAskedFor(t *testing.T) {
	c := kittest.NewClock(start)
	var n atomic.Int64
	c.AfterFunc(0, func() { n.Add(1) })
	c.AfterFunc(-time.Hour, func() { n.Add(1) })
	require.Eventually(t, func() bool { return n.Load() == 2 && c.Pending() == 0 }, 5*time.Second, time.Millisecond)
	require.Equal(t, start, c.Now())
}

func TestTenThousandTimersFireOnTime(t *testing.T) {
	c := kittest.NewClock(start)
	var due, at []time.Time
	for _, i := range rand.Perm(10_000) {
		d := time.Duration(i) * 7 * time.Second
		due = append(due, start.Add(d+time.Second))
		c.AfterFunc(d+time.Second, func() { at = append(at, c.Now()) })
	}
	slices.SortFunc(due, time.Time.Compare)
	for c.Pending() > 0 {
		c.Advance(13 * time.Minute)
	}
	require.Equal(t, due, at)
}

func TestManyMayMoveTheClockAndUseIt(t *testing.T) {
	c := kittest.NewClock(start)
	var firing, fires, stopped atomic.Int64
	var users, movers sync.WaitGroup
	for range 8 {
		users.Go(func() {
			for i := range 1000 {
				s := c.AfterFunc(time.Duration(rand.IntN(1000)-10)*time.Millisecond, func() {
					if firing.Add(1) != 1 {
						t.Error("two fire at a time")
					}
					fires.Add(1)
					firing.Add(-1)
				})
				if i%3 == 0 && s.Stop() {
					stopped.Add(1)
				}
				c.Set(c.Now())
				c.Next()
			}
		})
	}
	for range 4 {
		movers.Go(func() {
			for range 500 {
				c.Advance(time.Millisecond)
			}
		})
	}
	users.Wait()
	movers.Wait()
	require.Equal(t, 2*time.Second, c.Elapsed())
	c.Advance(time.Second)
	require.Zero(t, c.Pending())
	require.EqualValues(t, 8000, fires.Load()+stopped.Load())
}
