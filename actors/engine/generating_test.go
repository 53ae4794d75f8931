package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/engineapi"
	"galaxy/backend/internal/enginetest"
)

// TestAnEngineThatMakesATurnNobodyWaitsForIsStartedAfresh: it refuses orders for as long as it goes on, and nobody knows how long that is.
func TestAnEngineThatMakesATurnNobodyWaitsForIsStartedAfresh(t *testing.T) {
	r, s := newRig(t, soonGivenUp), spec()
	r.played(&s, 3)
	r.Change(s.Game, func(g *enginetest.Game) { g.Busy = true }) // until it is started anew
	r.drive(s)
	up := next[engine.Up](r)
	require.Equal(t, engineapi.StateRunning, up.Status.State)
	require.Equal(t, 3, up.Status.Turn)
	require.Equal(t, []string{"ensure", "stop", "ensure"}, r.changes())
}

func TestAnEngineThatIsAboutToEndItsTurnIsWaitedFor(t *testing.T) {
	r, s := newRig(t), spec()
	r.played(&s, 3)
	r.Change(s.Game, func(g *enginetest.Game) { g.Busy = true })
	r.drive(s)
	require.Eventually(t, func() bool { return r.Calls(enginetest.Status) > 1 }, eventually, tick)
	r.Change(s.Game, func(g *enginetest.Game) {
		g.Advance()
		g.Busy = false
	})
	up := next[engine.Up](r)
	require.Equal(t, 4, up.Status.Turn)
	require.Equal(t, engineapi.StateRunning, up.Status.State)
	require.Equal(t, 1, r.starts(s.Game))
}

// TestAnEngineThatMakesTheTurnThatIsClaimedIsLeftToIt: a new backend adopts what the one before has asked for.
func TestAnEngineThatMakesTheTurnThatIsClaimedIsLeftToIt(t *testing.T) {
	r, s := newRig(t), spec()
	r.played(&s, 3)
	s.Making = true
	r.Change(s.Game, func(g *enginetest.Game) { g.Busy = true })
	r.drive(s)
	require.Equal(t, engineapi.StateGenerating, next[engine.Up](r).Status.State)
}

// TestATurnUnderWayIsNotDisturbedByADaemonThatWasAway: the engine is looked at again as soon as the daemon answers.
func TestATurnUnderWayIsNotDisturbedByADaemonThatWasAway(t *testing.T) {
	r, s := newRig(t, soonGivenUp), spec()
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	hold := make(chan struct{})
	r.Fail(enginetest.Turn, enginetest.Fault{Hold: hold})
	tellTurn(ref)
	require.Eventually(t, func() bool { return r.Calls(enginetest.Turn) == 1 }, eventually, tick)
	r.Change(s.Game, func(g *enginetest.Game) { g.Busy = true })
	r.Away(true)
	r.Fail(enginetest.Healthz, enginetest.Fault{Status: 503})
	next[engine.Unknown](r)
	r.Away(false)
	next[engine.Up](r)
	require.NotContains(t, r.changes(), "stop")
	r.Change(s.Game, func(g *enginetest.Game) { g.Busy = false })
	close(hold)
	next[engine.TurnMade](r)
}
