package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// TestAContainerThatMustEndEndsThoughItsStopFails: the call for a turn that was not answered may still arrive, and an engine that does
// not know expectedTurn would make a second turn of it.
func TestAContainerThatMustEndEndsThoughItsStopFails(t *testing.T) {
	r, s := newRig(t), spec()
	s.ExpectedTurn = false
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	var failed atomic.Bool
	r.stepIn(func(_ context.Context, what string) error {
		if what == "stop" && failed.CompareAndSwap(false, true) {
			return errDaemon
		}
		return nil
	}, nil)
	r.Fail(enginetest.Turn, enginetest.Fault{Cut: true})
	kit.Tell(ref, engine.MakeTurn{Number: 1, Attempt: 1, Recorded: 3, Digest: "recorded"})
	require.Contains(t, next[engine.Down](r).Cause, "may still arrive")
	next[engine.Up](r)
	require.Equal(t, 2, r.starts(s.Game))
	kit.Tell(ref, engine.MakeTurn{Number: 1, Attempt: 2, Recorded: 3, Digest: "recorded"})
	require.Equal(t, 4, next[engine.TurnMade](r).Status.Turn)
	require.Equal(t, []string{"ensure", "stop", "stop", "ensure"}, r.changes())
}

// deaf has the engine's health unanswered until the channel is closed.
func deaf(until chan struct{}) (faults []enginetest.Fault) {
	for range 50 {
		faults = append(faults, enginetest.Fault{Hold: until})
	}
	return faults
}

func soonGivenUp(r *rig) { r.deps.Pace.Health = 500 * time.Millisecond }

func TestAnEngineThatHangsWhenItIsAdoptedIsRestarted(t *testing.T) {
	r, s := newRig(t, soonGivenUp), spec()
	r.played(&s, 3)
	until := make(chan struct{})
	r.Fail(enginetest.Healthz, deaf(until)...)
	r.stepIn(nil, func(what string) {
		if what == "stop" {
			close(until)
		}
	})
	r.drive(s)
	next[engine.Down](r)
	require.Equal(t, 3, next[engine.Up](r).Status.Turn)
	require.Equal(t, []string{"ensure", "stop", "ensure"}, r.changes())
}

// TestAnEngineThatIsSlowToStartIsNotEndedForIt: what was started only now is waited for.
func TestAnEngineThatIsSlowToStartIsNotEndedForIt(t *testing.T) {
	r, s := newRig(t, soonGivenUp), spec()
	until := make(chan struct{})
	r.Begins(s.EngineVersion, func(*enginetest.Game) { r.FailLocked(enginetest.Healthz, deaf(until)...) })
	r.drive(s)
	next[engine.Down](r)
	next[engine.Down](r)
	close(until)
	next[engine.Up](r)
	require.NotContains(t, r.changes(), "stop")
	require.Equal(t, 1, r.starts(s.Game))
}

// TestAnEngineThatIsOfNoUseIsToldOfOnce: with what it has said, which takes a while to be read.
func TestAnEngineThatIsOfNoUseIsToldOfOnce(t *testing.T) {
	r, s := newRig(t), spec()
	r.played(&s, 3)
	r.drive(s)
	next[engine.Up](r)
	var unknown atomic.Int64
	r.stepIn(func(_ context.Context, what string) error {
		if what == "stop" && unknown.Add(1) <= 2 {
			return galaxy.ErrDriverUnknown
		}
		return nil
	}, nil)
	r.Fail(enginetest.Healthz, enginetest.Fault{Status: 500}, enginetest.Fault{Status: 500}, enginetest.Fault{Status: 500})
	require.Equal(t, "it does not answer its probes", next[engine.Down](r).Cause)
	next[engine.Unknown](r)
	require.NotEmpty(t, next[engine.LastWords](r).Log)
	for fact := range r.facts {
		_, down := fact.(engine.Down)
		require.False(t, down, "that the daemon does not answer is not the engine's death")
		if _, up := fact.(engine.Up); up {
			break
		}
	}
	require.Equal(t, 2, r.starts(s.Game))
}

// TestAPullThatHangsKeepsNoOtherGameWaiting for longer than its place counts.
func TestAPullThatHangsKeepsNoOtherGameWaiting(t *testing.T) {
	r, s := newRig(t, func(r *rig) { r.deps.Pace.Place = 50 * time.Millisecond }), spec()
	var hanging atomic.Int64
	r.stepIn(func(ctx context.Context, what string) error {
		if what == "ensure" && hanging.Add(1) <= int64(r.deps.Config.WorkerPool) {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}, nil)
	for range r.deps.Config.WorkerPool {
		r.drive(spec())
	}
	require.Eventually(t, func() bool { return hanging.Load() == int64(r.deps.Config.WorkerPool) }, eventually, tick)
	r.played(&s, 3)
	r.drive(s)
	require.Equal(t, 3, next[engine.Up](r).Status.Turn)
}

// TestWhateverEndsAContainerGivesItItsTime, which an operator has set.
func TestWhateverEndsAContainerGivesItItsTime(t *testing.T) {
	r, s := newRig(t), spec()
	r.played(&s, 3)
	s.Turn = galaxy.NoTurn // what is there is another game's
	ref := r.drive(s)
	require.Zero(t, next[engine.Up](r).Status.Turn)
	kit.Tell(ref, engine.Stop{Number: 1})
	next[engine.Stopped](r)
	require.Equal(t, []string{"ensure", "set aside", "ensure", "stop"}, r.changes())
	require.Equal(t, []time.Duration{r.deps.Config.StopGrace, r.deps.Config.StopGrace, r.deps.Config.StopGrace, r.deps.Config.StopGrace}, r.graces)
}
