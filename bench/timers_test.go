package bench

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/store/storetest"
)

// laterThanBare is how much later than bare timers deadlines may be met, in milliseconds.
const laterThanBare = 10

// keeper sees to deadlines: it calls met with the number of each, and when whoever acts on it knew. It returns when it is
// ready for the first. stop lets go of what it has made.
type keeper func(t *testing.T, due []time.Time, met func(i int, at time.Time)) (stop func())

// benchTimers: how late 10,000 deadlines are met that are spread over a minute: each by a game, whose engine is then still at its
// turn when the last of them is met; each by an actor that does nothing else; and by bare timers.
func benchTimers(t *testing.T) {
	s, g := span{deadlines: 10_000, lead: 2 * time.Second, window: time.Minute}, span{deadlines: 10_000, lead: 20 * time.Second, window: time.Minute}
	if !*full {
		s, g = span{deadlines: 500, lead: 100 * time.Millisecond, window: 300 * time.Millisecond}, span{deadlines: 50, lead: 200 * time.Millisecond, window: time.Second}
	}
	bare, actors := s.p99(t, bareTimers), s.p99(t, actorTimers)
	if ours, limit := g.p99(t, wholeGames(t, g.deadlines, true)), bare+laterThanBare; *full {
		fmt.Printf("BENCH timers ours=%s limit=%s unit=ms ratio=%.2f rounds=1 bare=%s difference=%.3f actors=%s\n", figure(ours), figure(limit), limit/ours, figure(bare), ours-bare, figure(actors))
	}
}

// span is when deadlines come: evenly over the window, which begins after the lead.
type span struct {
	deadlines    int
	lead, window time.Duration
}

// p99 gives how late all but the latest hundredth of the deadlines were met at most, in milliseconds.
func (s span) p99(t *testing.T, keep keeper) float64 {
	t.Helper()
	due, late := make([]time.Time, s.deadlines), make([]time.Duration, s.deadlines)
	first := storetest.Now().Add(s.lead)
	for i := range due {
		due[i] = first.Add(s.window * time.Duration(i) / time.Duration(s.deadlines))
	}
	var open sync.WaitGroup
	open.Add(s.deadlines)
	stop := keep(t, due, func(i int, at time.Time) {
		late[i] = at.Sub(due[i])
		open.Done()
	})
	require.True(t, !*full || time.Now().Before(first), "the deadlines were set too late to be met")
	open.Wait()
	stop()
	slices.Sort(late)
	require.GreaterOrEqual(t, late[0], time.Duration(0), "a deadline was met early")
	return float64(late[s.deadlines*99/100-1].Microseconds()) / 1000
}

func bareTimers(_ *testing.T, due []time.Time, met func(int, time.Time)) (stop func()) {
	for i, at := range due {
		time.AfterFunc(time.Until(at), func() { met(i, time.Now()) })
	}
	return func() {}
}

// actorTimers keeps each deadline in an actor with a timer.
func actorTimers(t *testing.T, due []time.Time, met func(int, time.Time)) (stop func()) {
	sys := kittest.System(t)
	props := sys.Props(func() actor.Actor { return &timed{met: met} })
	all, err := kit.NewFamily(sys, "timed", func(int) *actor.Props { return props }, kittest.Never)
	require.NoError(t, err)
	var ready sync.WaitGroup
	ready.Add(len(due))
	for i, at := range due {
		kit.Tell(all.Ref(i), meet{i, at, ready.Done})
	}
	ready.Wait()
	return func() { kittest.Stop(t, sys, all.Root()) }
}

// meet gives an actor its deadline.
type meet struct {
	i     int
	due   time.Time
	ready func()
}

// timed waits for its deadline.
type timed struct {
	meet
	met    func(int, time.Time)
	timers kit.Timers
}

func (a *timed) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case meet:
		a.meet = m
		a.timers.Start(c, "deadline", time.Until(m.due))
		m.ready()
	case kit.Tick:
		if a.timers.Fired(m) {
			a.met(a.i, time.Now())
		}
	case *actor.Stopping, *actor.Restarting:
		a.timers.CancelAll()
	}
}
