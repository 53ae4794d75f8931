package engine_test

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// TestFiveFailuresGiveAnEngineUp: as operators are told, and as the service is set.
func TestFiveFailuresGiveAnEngineUp(t *testing.T) {
	r, s := newRig(t, func(r *rig) {
		r.deps.Pace.Restarts = engine.DefaultPace.Restarts
		r.deps.Pace.Restarts.Min, r.deps.Pace.Restarts.Max = time.Millisecond, time.Millisecond
		r.deps.Pace.Health = 50 * time.Millisecond
	}), spec()
	r.played(&s, 3)
	r.Begins(s.EngineVersion, func(g *enginetest.Game) { g.State = galaxy.ContainerExited })
	r.Kill(s.Game, galaxy.Container{})
	r.drive(s)
	for range 5 {
		next[engine.Down](r)
	}
	switch fact := (<-r.facts).(type) {
	case *actor.Terminated:
	default:
		require.FailNow(t, "it is not given up", "%T", fact)
	}
}

// TestAnEngineThatEndsWhileItComesUpIsNotWaitedFor: its supervision, with its own pauses, goes on at once.
func TestAnEngineThatEndsWhileItComesUpIsNotWaitedFor(t *testing.T) {
	r, s := newRig(t, func(r *rig) { r.deps.Pace.Health = time.Hour }), spec()
	r.played(&s, 3)
	r.Begins(s.EngineVersion, func(g *enginetest.Game) { g.State = galaxy.ContainerExited })
	r.Kill(s.Game, galaxy.Container{})
	r.drive(s)
	require.Contains(t, next[engine.Down](r).Cause, "it ended")
}
