package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

func TestTimeWithoutTheLeaseIsNotHeldAgainstATurn(t *testing.T) {
	r, s := newRig(t, func(r *rig) { r.deps.Config.GenerationLimit = 300 * time.Millisecond }), spec()
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	r.away.Store(true)
	tellTurn(ref)
	r.askedAgain(60) // which takes far longer than a turn may
	require.Zero(t, r.Calls(enginetest.Turn))
	r.away.Store(false)
	for {
		switch m := (<-r.facts).(type) {
		case engine.TurnFailed:
			require.FailNow(t, m.Cause)
		case engine.TurnMade:
			require.Equal(t, 4, m.Status.Turn)
			return
		}
	}
}

// TestATurnThatWaitsForTheLeaseIsGivenUpWithTheEngine: what waits is neither made nor in the way when the engine is stopped meanwhile.
func TestATurnThatWaitsForTheLeaseIsGivenUpWithTheEngine(t *testing.T) {
	r, s := newRig(t), spec()
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	r.away.Store(true)
	tellTurn(ref)
	r.askedAgain(2)
	kit.Tell(ref, engine.Stop{Number: 2})
	r.askedAgain(2)
	r.away.Store(false)
	next[engine.Stopped](r)
	require.Zero(t, r.Calls(enginetest.Turn))
}

func TestAnEmptyEngineWaitsForTheLeaseToBeInitialised(t *testing.T) {
	r, s := newRig(t), spec()
	r.stepIn(nil, func(what string) {
		if what == "ensure" && r.Calls(enginetest.Status) == 0 {
			r.away.Store(true)
		}
	})
	r.drive(s)
	r.askedAgain(16) // more often than an engine may fail
	require.Empty(t, r.facts, "nothing is held against the engine, nor told of the daemon")
	require.Zero(t, r.Calls(enginetest.Init))
	r.away.Store(false)
	next[engine.Up](r)
}

// TestAnEngineThatAnswersAgainNeedsNoDaemon: only of one that does not answer nothing is known.
func TestAnEngineThatAnswersAgainNeedsNoDaemon(t *testing.T) {
	r, s := newRig(t), spec()
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	r.Engines.Away(true)
	r.Fail(enginetest.Healthz, enginetest.Fault{Status: 500})
	next[engine.Unknown](r)
	require.Equal(t, 3, next[engine.Up](r).Status.Turn)
	require.Equal(t, []string{"ensure"}, r.changes())
	tellTurn(ref)
	require.Equal(t, 4, next[engine.TurnMade](r).Status.Turn)
}

// TestAnAddressThatHasBecomeAnotherEngines is not taken for the engine that was there.
func TestAnAddressThatHasBecomeAnotherEngines(t *testing.T) {
	r, s := newRig(t), spec()
	r.played(&s, 3)
	r.drive(s)
	next[engine.Up](r)
	r.Engines.Away(true)
	r.Fail(enginetest.Healthz, enginetest.Fault{Status: 500})
	r.Fail(enginetest.Status, enginetest.Fault{Status: 200, Body: `{"gameId":"` + galaxy.NewID().String() + `","currentTurn":3,"stateDigest":"recorded","engineStatus":"running"}`})
	next[engine.Unknown](r)
	require.Equal(t, s.Game, next[engine.Up](r).Status.Game)
}

// TestADaemonThatIsBackIsToldOf at once: what it is asked for then, such as a pull, may take long.
func TestADaemonThatIsBackIsToldOf(t *testing.T) {
	r, s := newRig(t), spec()
	r.Engines.Away(true)
	pulled := make(chan struct{})
	r.stepIn(func(ctx context.Context, what string) error {
		if what == "ensure" {
			<-pulled
		}
		return nil
	}, nil)
	r.drive(s)
	next[engine.Unknown](r)
	r.Engines.Away(false)
	next[engine.Known](r)
	close(pulled)
	for {
		switch (<-r.facts).(type) {
		case engine.Known, engine.Unknown:
			require.FailNow(t, "nothing has changed")
		case engine.Up:
			return
		}
	}
}
