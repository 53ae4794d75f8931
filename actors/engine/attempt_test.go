package engine_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// recorded is what an engine says that has made no turn since turn 3.
func recorded(id galaxy.GameID) enginetest.Fault {
	return enginetest.Fault{Status: http.StatusOK, Body: fmt.Sprintf(`{"gameId":%q,"currentTurn":3,"stateDigest":"recorded","engineStatus":"running"}`, id)}
}

// tellTurn has the turn after turn 3 made.
func tellTurn(to kit.Ref) {
	kit.Tell(to, engine.MakeTurn{Number: 1, Attempt: 1, Recorded: 3, Digest: "recorded"})
}

// TestAnEngineThatSaysThatItHasMadeNoTurnIsAskedAgainWithoutHaste: an attempt that ends at once is followed by the next at once.
func TestAnEngineThatSaysThatItHasMadeNoTurnIsAskedAgainWithoutHaste(t *testing.T) {
	r, s := newRig(t), spec()
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	r.Fail(enginetest.Turn, recorded(s.Game), recorded(s.Game))
	from := time.Now()
	tellTurn(ref)
	require.Equal(t, 4, next[engine.TurnMade](r).Status.Turn)
	require.Equal(t, 3, r.Calls(enginetest.Turn))
	require.GreaterOrEqual(t, time.Since(from), 2*r.deps.Pace.Settle)
}

func TestAnEngineThatNeverMakesTheTurnIsGivenUp(t *testing.T) {
	r, s := newRig(t, func(r *rig) { r.deps.Config.GenerationLimit = 200 * time.Millisecond }), spec()
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	for range 1000 {
		r.Fail(enginetest.Turn, recorded(s.Game))
	}
	tellTurn(ref)
	require.Contains(t, next[engine.TurnFailed](r).Cause, "longer than")
}

// leaving has an engine not be there when it is looked at after its turn.
type leaving struct {
	engine.Client
	gone bool
}

func (l *leaving) Turn(ctx context.Context, address string, game galaxy.GameID, expected *int) (galaxy.EngineStatus, error) {
	l.gone = true
	return l.Client.Turn(ctx, address, game, expected)
}

func (l *leaving) Status(ctx context.Context, address string) (galaxy.EngineStatus, error) {
	if l.gone {
		l.gone = false
		return galaxy.EngineStatus{}, &galaxy.EngineError{Kind: galaxy.EngineUnreachable, Message: "no connection"}
	}
	return l.Client.Status(ctx, address)
}

// TestAnEngineThatFailsAtATurnAndDiesIsStartedAgain: it may have made the turn, and only the next one will tell.
func TestAnEngineThatFailsAtATurnAndDiesIsStartedAgain(t *testing.T) {
	r, s := newRig(t, func(r *rig) { r.deps.Client = &leaving{Client: r.deps.Client} }), spec()
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	r.Fail(enginetest.Turn, enginetest.Fault{Status: http.StatusInternalServerError, Code: "broken", After: true})
	tellTurn(ref)
	require.Contains(t, next[engine.Down](r).Cause, "went away")
	require.Equal(t, 4, next[engine.Up](r).Status.Turn)
}

// mute has engines not say what they hold for a while.
type mute struct {
	engine.Client
	silent atomic.Bool
}

func (m *mute) Status(ctx context.Context, address string) (galaxy.EngineStatus, error) {
	if m.silent.Load() {
		return galaxy.EngineStatus{}, &galaxy.EngineError{Kind: galaxy.EngineFailed, Status: http.StatusServiceUnavailable}
	}
	return m.Client.Status(ctx, address)
}

// TestAPlainEngineThatWasAskedForATurnIsNotAskedByTheNextActor: the call may still arrive, and the engine would make another turn.
func TestAPlainEngineThatWasAskedForATurnIsNotAskedByTheNextActor(t *testing.T) {
	m := &mute{}
	r, s := newRig(t, func(r *rig) { m.Client, r.deps.Client = r.deps.Client, m }), spec()
	s.ExpectedTurn = false
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	hold := make(chan struct{})
	defer close(hold)
	r.Fail(enginetest.Turn, enginetest.Fault{Hold: hold})
	tellTurn(ref)
	require.Eventually(t, func() bool { return r.Calls(enginetest.Turn) == 1 }, eventually, tick)
	m.silent.Store(true)
	r.Away(true)
	r.Fail(enginetest.Healthz, enginetest.Fault{Status: http.StatusServiceUnavailable})
	next[engine.Unknown](r)
	r.stepIn(func(_ context.Context, what string) error {
		if what == "ensure" {
			r.stepIn(nil, nil)
			m.silent.Store(false)
			return errDaemon // of which the actor dies
		}
		return nil
	}, nil)
	r.Away(false)
	next[engine.Down](r)
	next[engine.Up](r)
	require.Equal(t, []string{"ensure", "ensure", "stop", "ensure"}, r.changes())
}

// TestAPlainEngineThatTakesTooLongIsEnded: its call would be obeyed after the game has gone on.
func TestAPlainEngineThatTakesTooLongIsEnded(t *testing.T) {
	r, s := newRig(t, func(r *rig) { r.deps.Config.GenerationLimit = 200 * time.Millisecond }), spec()
	s.ExpectedTurn = false
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	hold := make(chan struct{})
	defer close(hold)
	r.Fail(enginetest.Turn, enginetest.Fault{Hold: hold})
	tellTurn(ref)
	require.Contains(t, next[engine.TurnFailed](r).Cause, "longer than")
	next[engine.Down](r)
	next[engine.Up](r)
	require.Equal(t, []string{"ensure", "stop", "ensure"}, r.changes())
}

// TestAnEngineThatCannotTakeStoredOrdersFailsTheTurn: it is never made without them, and says why it cannot be made.
func TestAnEngineThatCannotTakeStoredOrdersFailsTheTurn(t *testing.T) {
	full := enginetest.Fault{Status: http.StatusServiceUnavailable, Body: `{"error":{"code":"storage_failed","message":"the disk is full"}}`}
	for name, c := range map[string]struct {
		faults int
		made   bool
	}{
		"for a moment": {2, true},
		"for long":     {3, false},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newRig(t), spec()
			r.played(&s, 3)
			ref := r.drive(s)
			next[engine.Up](r)
			for range c.faults {
				r.Fail(enginetest.Put, full)
			}
			stored := galaxy.StoredOrders{Game: s.Game, Turn: 4, Race: s.Races[0], Revision: 1, EngineRevision: 7, Commands: []byte(`[{"kind":"vote"}]`)}
			kit.Tell(ref, engine.MakeTurn{Number: 1, Attempt: 1, Recorded: 3, Digest: "recorded", Orders: []galaxy.StoredOrders{stored}})
			if c.made {
				require.Equal(t, 4, next[engine.TurnMade](r).Status.Turn)
				return
			}
			require.Contains(t, next[engine.TurnFailed](r).Cause, "the disk is full")
			require.Zero(t, r.Calls(enginetest.Turn))
		})
	}
}
