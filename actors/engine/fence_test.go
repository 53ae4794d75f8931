package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

func TestABackendThatNoLongerServesTouchesNoContainer(t *testing.T) {
	died := galaxy.Container{ExitKnown: true, ExitCode: 1}
	for name, c := range map[string]struct {
		change func(*rig, galaxy.GameID)
		tell   any
		back   func(*testing.T, *rig) // what is told once it serves again
	}{
		"its engine has died": {change: func(r *rig, id galaxy.GameID) { r.Kill(id, died) }, tell: engine.Look{},
			back: func(_ *testing.T, r *rig) { next[engine.Up](r) }},
		"it is to be stopped": {tell: engine.Stop{Number: 7},
			back: func(t *testing.T, r *rig) { require.EqualValues(t, 7, next[engine.Stopped](r).Number) }},
		"it is to be removed": {tell: engine.Remove{Number: 7},
			back: func(t *testing.T, r *rig) { require.EqualValues(t, 7, next[engine.Removed](r).Number) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t), spec()
			ref := r.drive(s)
			next[engine.Up](r)
			r.away.Store(true)
			before := r.changes()
			if c.change != nil {
				c.change(r, s.Game)
			}
			kit.Tell(ref, c.tell)
			r.askedAgain(3)
			require.Equal(t, before, r.changes())
			r.away.Store(false)
			c.back(t, r)
		})
	}
}

func TestAPatchWaitsWhileTheBackendDoesNotServe(t *testing.T) {
	r, s := newRig(t), patching()
	r.played(&s, 3)
	r.away.Store(true)
	ref := r.drive(s)
	r.askedAgain(2)
	require.Empty(t, r.changes())
	r.away.Store(false)
	require.EqualValues(t, 5, next[engine.Patched](r).Number)
	next[engine.Up](r)
	require.Equal(t, 1, r.Copies(s.Game))

	r.away.Store(true)
	kit.Tell(ref, engine.DropCopy{Label: "five"})
	r.askedAgain(2)
	require.NotContains(t, r.changes(), "drop")
	r.away.Store(false)
	require.Eventually(t, func() bool { return r.Copies(s.Game) == 0 }, eventually, tick, "it is dropped all the same")
}

// TestALeaseThatIsLostInTheMiddle: what was begun is not gone on with.
func TestALeaseThatIsLostInTheMiddle(t *testing.T) {
	r, s := newRig(t), spec()
	ref := r.drive(s)
	next[engine.Up](r)
	r.stepIn(nil, func(what string) {
		if what == "stop" {
			r.away.Store(true)
		}
	})
	kit.Tell(ref, engine.Remove{Number: 7})
	r.askedAgain(2)
	require.NotContains(t, r.changes(), "remove")
	r.stepIn(nil, nil)
	r.away.Store(false)
	next[engine.Removed](r)
	r.Change(s.Game, func(g *enginetest.Game) { require.Equal(t, galaxy.ContainerMissing, g.State) })
}
