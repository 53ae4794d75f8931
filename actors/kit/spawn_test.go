package kit_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
)

const eventually, tick = 10 * time.Second, time.Millisecond

// brief stops as soon as it has started.
func brief() actor.Actor {
	return actor.ReceiveFunc(func(c actor.Context) {
		if _, ok := c.Message().(*actor.Started); ok {
			c.Stop(c.Self())
		}
	})
}

func nobodyRuns(sys *kit.System) func() bool { return func() bool { return len(sys.Stats()) == 0 } }

func TestAnActorThatHasEndedBeforeItsSpawnReturnsLeavesNoTrace(t *testing.T) {
	sys := kittest.System(t)
	// Whatever is posted is worked on before the post returns.
	props := sys.Props(brief).Configure(actor.WithDispatcher(actor.NewSynchronizedDispatcher(300)))
	_, err := sys.Spawn("brief", props, kittest.Never)
	require.NoError(t, err)
	require.Empty(t, sys.Stats())
}

func TestManyBriefActorsOnABusySchedulerLeaveNoTrace(t *testing.T) {
	sys := kittest.System(t)
	busy := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				select {
				case <-busy:
					return
				default:
					runtime.Gosched()
				}
			}
		})
	}
	for i := range 4 {
		wg.Go(func() {
			for n := range 500 {
				props := sys.Props(brief)
				if n%2 == 0 {
					props = sys.Props(brief, kit.Frequent())
				}
				_, err := sys.Spawn(fmt.Sprintf("brief-%d-%d", i, n), props, kittest.Never)
				require.NoError(t, err)
				_ = sys.Stats()
			}
		})
	}
	require.Eventually(t, nobodyRuns(sys), eventually, tick)
	close(busy)
	wg.Wait()
	require.Eventually(t, nobodyRuns(sys), eventually, tick)
}

// TestWhatArrivesBeforeAnActorHasBegunWaits: a name can be known from an earlier incarnation.
func TestWhatArrivesBeforeAnActorHasBegunWaits(t *testing.T) {
	sys := kittest.System(t)
	var got []string
	done := make(chan struct{})
	props := sys.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(c actor.Context) {
			switch c.Message().(type) {
			case *actor.Started:
				got = append(got, "started")
			case letter:
				got = append(got, "letter")
				c.Stop(c.Self())
			case *actor.Stopped:
				close(done)
			}
		})
	}).Configure(actor.WithOnInit(func(c actor.Context) {
		kit.Tell(kit.Self(c), letter{1}) // the name is known already, and the mailbox is not ready
	}))
	_, err := sys.Spawn("early", props, kittest.Never)
	require.NoError(t, err)
	select {
	case <-done:
	case <-time.After(eventually):
		require.FailNow(t, "it has not ended")
	}
	require.Equal(t, []string{"started", "letter"}, got)
}

func TestAnActorStoppedBeforeItHasBegunEnds(t *testing.T) {
	sys := kittest.System(t)
	props := sys.Props(func() actor.Actor { return actor.ReceiveFunc(func(actor.Context) {}) }).
		Configure(actor.WithOnInit(func(c actor.Context) { c.Stop(c.Self()) }))
	_, err := sys.Spawn("early", props, kittest.Never)
	require.NoError(t, err)
	require.Eventually(t, nobodyRuns(sys), eventually, tick)
}

// phoenix counts how often it was started.
type phoenix struct {
	started *atomic.Int64
	child   *actor.Props
}

func (p phoenix) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		p.started.Add(1)
		if p.child != nil {
			c.Spawn(p.child)
		}
	case crash:
		panic(m.with)
	}
}

var inAMinute = kit.Backoff{Min: time.Minute, Max: time.Minute, Retries: 5, Within: time.Hour}

// fails has the actor fail, and waits until its restart is a matter of time only.
func fails(t *testing.T, clock *kittest.Clock, ref kit.Ref) {
	t.Helper()
	kit.Tell(ref, crash{with: fmt.Errorf("dead")})
	require.Eventually(t, func() bool { return clock.Pending() == 1 }, eventually, tick)
}

func TestARestartDoesNotReachALaterActorOfTheName(t *testing.T) {
	clock := kittest.NewClock(noon)
	sys := kittest.System(t, kit.WithClock(clock))
	var first, second atomic.Int64
	ref, err := sys.Spawn("a", sys.Props(func() actor.Actor { return phoenix{started: &first} }), inAMinute)
	require.NoError(t, err)
	fails(t, clock, ref)
	kittest.Stop(t, sys, ref)
	ref, err = sys.Spawn("a", sys.Props(func() actor.Actor { return phoenix{started: &second} }), inAMinute)
	require.NoError(t, err)
	clock.Advance(time.Minute)
	kittest.Stop(t, sys, ref) // after whatever has arrived
	require.EqualValues(t, 1, first.Load())
	require.EqualValues(t, 1, second.Load())
}

func TestARestartDoesNotReviveAnActorThatEnds(t *testing.T) {
	clock := kittest.NewClock(noon)
	sys := kittest.System(t, kit.WithClock(clock))
	held, ending := make(chan struct{}), make(chan struct{})
	var started atomic.Int64
	child := sys.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(c actor.Context) {
			if _, ok := c.Message().(*actor.Stopping); ok {
				close(ending)
				<-held
			}
		})
	})
	props := sys.Props(func() actor.Actor { return phoenix{started: &started, child: child} })
	ref, err := sys.Spawn("a", props, inAMinute)
	require.NoError(t, err)
	fails(t, clock, ref)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		kittest.Stop(t, sys, ref)
	}()
	<-ending
	clock.Advance(time.Minute) // its restart comes due while its child is still ending
	close(held)
	<-ended
	require.EqualValues(t, 1, started.Load())
	require.Eventually(t, nobodyRuns(sys), eventually, tick)
}

// TestAnActorThatEndsStaysEndedWhateverFails: it fails on the end of its child, while it is ending itself.
func TestAnActorThatEndsStaysEndedWhateverFails(t *testing.T) {
	sys := kittest.System(t)
	var started atomic.Int64
	child := sys.Props(func() actor.Actor { return actor.ReceiveFunc(func(actor.Context) {}) })
	quick := kit.Backoff{Min: time.Millisecond, Max: time.Millisecond, Retries: 100, Within: time.Minute}
	ref, err := sys.Spawn("a", sys.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(c actor.Context) {
			switch c.Message().(type) {
			case *actor.Started:
				started.Add(1)
				c.Spawn(child)
			case *actor.Terminated:
				panic("it cannot bear it")
			}
		})
	}), quick)
	require.NoError(t, err)
	kittest.Stop(t, sys, ref)
	require.EqualValues(t, 1, started.Load())
	require.Eventually(t, nobodyRuns(sys), eventually, tick)
}
