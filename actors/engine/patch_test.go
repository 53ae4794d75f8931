package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// TestAPatchThatCannotBeDoneIsTakenBack: while it is open players and operators can do nothing with the game.
func TestAPatchThatCannotBeDoneIsTakenBack(t *testing.T) {
	for name, c := range map[string]struct {
		what  string // of the changes of the container
		fails func(context.Context) error
		cause string
	}{
		"its image cannot be pulled in time": {"ensure", func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("%w: %w", galaxy.ErrImagePull, ctx.Err())
		}, "the new engine could not be started: " + galaxy.ErrImagePull.Error()},
		"the state takes too long to copy": {"copy", func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}, "the state could not be copied"},
		"the new engine cannot be started": {"ensure", func(context.Context) error { return errDaemon }, "the new engine could not be started"},
		"the engine cannot be stopped":     {"stop", func(context.Context) error { return errDaemon }, "the engine could not be stopped"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t, func(r *rig) { r.deps.Config.StartTimeout = 300 * time.Millisecond }), patching()
			r.played(&s, 3)
			failed := false
			r.stepIn(func(ctx context.Context, what string) error {
				if what != c.what || failed {
					return nil
				}
				failed = true
				return c.fails(ctx)
			}, nil)
			r.drive(s)
			said := next[engine.PatchFailed](r)
			require.Equal(t, c.cause, said.Cause)
			require.False(t, said.Kept)
			up := next[engine.Up](r)
			require.Equal(t, 3, up.Status.Turn)
			r.Change(s.Game, func(g *enginetest.Game) { require.Equal(t, "1.0.0", g.Version) })
		})
	}
}

// TestAPatchThatCannotBeTakenBackKeepsItsCopy: what the engine shows then is for the game to judge.
func TestAPatchThatCannotBeTakenBackKeepsItsCopy(t *testing.T) {
	r, s := newRig(t), patching()
	r.played(&s, 3)
	r.Begins("1.0.1", func(g *enginetest.Game) { g.Digest = "other" })
	r.stepIn(func(_ context.Context, what string) error {
		if what == "restore" {
			return errors.New("the disk has a problem")
		}
		return nil
	}, nil)
	r.drive(s)
	said := next[engine.PatchFailed](r)
	require.True(t, said.Kept)
	require.Contains(t, said.Cause, "another state; the state of before could not be put back")
	require.Equal(t, "other", next[engine.Up](r).Status.Digest)
	require.Equal(t, 1, r.Copies(s.Game))
}

// patching is an engine that is to be patched at turn 3.
func patching() engine.Spec {
	s := spec()
	s.Patch = &engine.Patch{Number: 5, Label: "five", Turn: 3, Digest: "recorded", To: galaxy.Pin{EngineVersion: "1.0.1", ImageRef: "engine:1.0.1"}}
	return s
}
