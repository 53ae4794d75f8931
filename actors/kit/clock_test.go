package kit_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type (
	set struct {
		kit.Returns[kit.Done]
		name string
		d    time.Duration
	}
	cancel struct {
		kit.Returns[kit.Done]
		name string
	}
	rang struct {
		name string
		at   time.Time
	}
)

// watch rings its timers to a probe. It begins with one when first says when.
type watch struct {
	to     kit.Ref
	first  time.Duration
	timers kit.Timers
}

func (w *watch) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		if w.first > 0 {
			w.timers.Start(c, "first", w.first)
		}
	case set:
		w.timers.Start(c, m.name, m.d)
		kit.Reply(c, kit.Done{}, nil)
	case cancel:
		w.timers.Cancel(m.name)
		kit.Reply(c, kit.Done{}, nil)
	case crash:
		panic(m.with)
	case block:
		close(m.begun)
		<-m.release
	case kit.Tick:
		if w.timers.Fired(m) {
			kit.Tell(w.to, rang{m.Name, kit.Now(c)})
		}
	case *actor.Stopping, *actor.Restarting:
		w.timers.CancelAll()
	}
}

func newWatch(t *testing.T, like *watch, strategy actor.SupervisorStrategy) (*kittest.Clock, kit.Ref, *kittest.Probe) {
	clock := kittest.NewClock(noon)
	sys := kittest.System(t, kit.WithClock(clock))
	probe := kittest.NewProbe(t, sys)
	ref, err := sys.Spawn("watch", sys.Props(func() actor.Actor { return &watch{to: probe.Ref, first: like.first} }), strategy)
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, sys, ref) })
	return clock, ref, probe
}

func do(t *testing.T, ref kit.Ref, cmd kit.Command[kit.Done]) {
	t.Helper()
	_, err := kit.Ask(t.Context(), ref, cmd)
	require.NoError(t, err)
}

func TestTimersGoByTheSystemsClock(t *testing.T) {
	clock, ref, probe := newWatch(t, &watch{}, kittest.Never)
	do(t, ref, set{name: "month", d: 30 * 24 * time.Hour})
	do(t, ref, set{name: "day", d: 24 * time.Hour})
	do(t, ref, set{name: "never", d: time.Hour})
	do(t, ref, cancel{name: "never"})
	require.Equal(t, 2, clock.Pending())
	clock.Advance(24 * time.Hour)
	require.Equal(t, rang{"day", noon.Add(24 * time.Hour)}, kittest.Await[rang](t, probe))
	do(t, ref, set{name: "now", d: -time.Hour})
	require.Equal(t, rang{"now", noon.Add(24 * time.Hour)}, kittest.Await[rang](t, probe))
	clock.Advance(29 * 24 * time.Hour)
	require.Equal(t, rang{"month", noon.Add(30 * 24 * time.Hour)}, kittest.Await[rang](t, probe))
}

func TestATimerIsNotMovedByStepsOfTheWallClock(t *testing.T) {
	clock, ref, probe := newWatch(t, &watch{}, kittest.Never)
	do(t, ref, set{name: "hour", d: time.Hour})
	for _, step := range []time.Duration{48 * time.Hour, -72 * time.Hour} {
		clock.Set(clock.Now().Add(step))
		clock.Advance(20 * time.Minute)
		require.Equal(t, 1, clock.Pending())
	}
	clock.Advance(20 * time.Minute)
	require.Equal(t, noon.Add(-23*time.Hour), kittest.Await[rang](t, probe).at)
}

// expects waits until the next timer is to fire at that time.
func expects(t *testing.T, clock *kittest.Clock, at time.Time) {
	t.Helper()
	require.Eventually(t, func() bool {
		next, ok := clock.Next()
		return ok && next.Equal(at)
	}, 5*time.Second, time.Millisecond)
}

// toNext lets time pass until the next timer has fired.
func toNext(t *testing.T, clock *kittest.Clock) time.Time {
	t.Helper()
	next, ok := clock.Next()
	require.True(t, ok)
	clock.Advance(next.Sub(clock.Now()))
	return next
}

func TestALateTickDoesNoHarm(t *testing.T) {
	clock, ref, probe := newWatch(t, &watch{first: time.Hour}, kittest.Never)
	expects(t, clock, noon.Add(time.Hour))
	release := hold(ref)
	kit.Tell(ref, set{name: "first", d: time.Hour})
	clock.Advance(time.Hour) // the tick waits behind what starts its timer again
	release()
	expects(t, clock, noon.Add(2*time.Hour))
	clock.Advance(time.Hour)
	require.Equal(t, rang{"first", noon.Add(2 * time.Hour)}, kittest.Await[rang](t, probe))
}

func TestATickOfTheIncarnationBeforeDoesNoHarm(t *testing.T) {
	clock, ref, probe := newWatch(t, &watch{first: time.Hour}, kit.Backoff{Min: time.Minute, Max: time.Minute, Retries: 3, Within: time.Hour})
	expects(t, clock, noon.Add(time.Hour))
	release := hold(ref)
	kit.Tell(ref, crash{with: errors.New("dead")})
	clock.Advance(time.Hour) // the tick waits behind the crash
	release()
	require.Eventually(t, func() bool { return clock.Pending() == 1 }, 5*time.Second, time.Millisecond, "the restart is waited for")
	toNext(t, clock)
	expects(t, clock, clock.Now().Add(time.Hour))
	clock.Advance(time.Hour)
	require.Equal(t, clock.Now(), kittest.Await[rang](t, probe).at)
}

// TestTenThousandDeadlinesFireOnTime lets the clock go from each deadline to the next, and waits for whom it is.
func TestTenThousandDeadlinesFireOnTime(t *testing.T) {
	clock := kittest.NewClock(noon)
	sys := kittest.System(t, kit.WithClock(clock))
	probe := kittest.NewProbe(t, sys)
	props := sys.Props(func() actor.Actor { return &watch{to: probe.Ref} })
	all, err := kit.NewFamily(sys, "watches", func(int) *actor.Props { return props }, kittest.Never)
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, sys, all.Root()) })
	const n = 10_000
	for i := range n {
		do(t, all.Ref(i), set{name: strconv.Itoa(i), d: time.Duration(i*7919%n+1) * time.Minute})
	}
	require.Equal(t, n, clock.Pending())
	for left := n; left > 0; left-- {
		next := toNext(t, clock)
		r := kittest.Await[rang](t, probe)
		i, err := strconv.Atoi(r.name)
		require.NoError(t, err)
		require.Equal(t, next, r.at)
		require.Equal(t, noon.Add(time.Duration(i*7919%n+1)*time.Minute), r.at)
	}
	require.Zero(t, clock.Pending())
}

// sleeper ends when nobody has used it for an hour.
type sleeper struct {
	timers kit.Timers
	idle   *kit.Idle
}

func (s *sleeper) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		s.idle = kit.NewIdle(time.Hour, &s.timers)
	case read:
		s.idle.Use(c)
		kit.Reply(c, 0, nil)
	case kit.Tick:
		if s.timers.Fired(m) && s.idle.Tired(c) {
			kit.Passivate(c)
		}
	case *actor.Stopping, *actor.Restarting:
		s.timers.CancelAll()
	}
}

func TestWhoIsIdleEndsByTheSystemsClock(t *testing.T) {
	for name, one := range map[string]struct {
		receive func() actor.Actor
		opts    []kit.FamilyOption
		most    time.Duration // without use
	}{
		"on its own":    {func() actor.Actor { return &sleeper{} }, nil, time.Hour},
		"by its family": {func() actor.Actor { return &counter{} }, []kit.FamilyOption{kit.IdleAfter(time.Hour)}, 90 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			clock := kittest.NewClock(noon)
			sys := kittest.System(t, kit.WithClock(clock))
			props := sys.Props(one.receive)
			f, err := kit.NewFamily(sys, "sleepers", func(int) *actor.Props { return props }, kittest.Never, one.opts...)
			require.NoError(t, err)
			t.Cleanup(func() { kittest.Stop(t, sys, f.Root()) })
			use := func() {
				_, err := kit.Ask(t.Context(), f.Ref(1), read{})
				require.NoError(t, err)
			}
			pass := func(d time.Duration) { // lets every tick be worked on before the next
				for end := clock.Elapsed() + d; clock.Elapsed() < end; {
					clock.Advance(5 * time.Minute)
					require.Eventually(t, func() bool { return f.Live() == 0 && len(one.opts) == 0 || clock.Pending() == 1 }, 5*time.Second, time.Millisecond)
				}
			}
			use()
			for range 3 { // used again and again, and steps of the wall clock say nothing
				pass(55 * time.Minute)
				clock.Set(clock.Now().Add(100 * time.Hour))
				use()
				require.Equal(t, 1, f.Live())
				clock.Set(clock.Now().Add(-200 * time.Hour))
			}
			pass(55 * time.Minute)
			require.Equal(t, 1, f.Live())
			pass(one.most - 55*time.Minute)
			require.Eventually(t, func() bool { return f.Live() == 0 }, 5*time.Second, time.Millisecond)
		})
	}
}

func TestARestartWaitsByTheSystemsClock(t *testing.T) {
	clock, ref, _ := newWatch(t, &watch{}, kit.Backoff{Min: time.Hour, Max: time.Hour, Retries: 2, Within: 10 * time.Hour})
	fail := func() {
		t.Helper()
		_, err := kit.Ask(t.Context(), ref, crash{with: errors.New("dead")})
		require.ErrorContains(t, err, "dead")
		require.Eventually(t, func() bool { return clock.Pending() == 1 }, 5*time.Second, time.Millisecond, "its restart is waited for")
		_, err = kit.Ask(t.Context(), ref, set{name: "a", d: time.Hour})
		require.ErrorIs(t, err, kit.ErrRestarting)
	}
	back := func() {
		t.Helper()
		clock.Advance(time.Hour)
		require.Eventually(t, func() bool {
			_, err := kit.Ask(t.Context(), ref, cancel{name: "a"})
			return err == nil
		}, 5*time.Second, time.Millisecond)
	}
	for range 5 { // never more than two in ten hours
		fail()
		back()
		clock.Advance(5 * time.Hour)
	}
	clock.Set(clock.Now().Add(-1000 * time.Hour))
	fail()
	back()
	_, err := kit.Ask(t.Context(), ref, crash{with: errors.New("dead")})
	require.ErrorContains(t, err, "dead")
	require.Eventually(t, func() bool {
		_, err := kit.Ask(t.Context(), ref, cancel{name: "a"})
		return errors.Is(err, kit.ErrStopping) || errors.Is(err, kit.ErrGone)
	}, 5*time.Second, time.Millisecond, "the third in ten hours is the end")
	require.Zero(t, clock.Pending())
}

func TestFailuresAndBirthsAreTimedByTheSystemsClock(t *testing.T) {
	clock := kittest.NewClock(noon)
	sys := kittest.System(t, kit.WithClock(clock))
	ref, err := sys.Spawn("counter", sys.Props(func() actor.Actor { return &counter{} }), kit.Backoff{Min: time.Hour, Max: time.Hour, Retries: 2, Within: time.Hour})
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, sys, ref) })
	clock.Advance(time.Minute)
	_, err = kit.Ask(t.Context(), ref, crash{with: errors.New("dead")})
	require.Error(t, err)
	require.Eventually(t, func() bool { return sys.Stats()[0].State == kit.StateRestarting }, 5*time.Second, time.Millisecond)
	require.Equal(t, noon, sys.Stats()[0].Born)
	require.Equal(t, noon.Add(time.Minute), sys.Stats()[0].Failure.At)
}
