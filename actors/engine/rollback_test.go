package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// Copied lets a test step in too.
func (d *daemon) Copied(ctx context.Context, id galaxy.GameID, label string) (bool, error) {
	d.mu.Lock()
	before := d.before
	d.mu.Unlock()
	if before != nil {
		if err := before(ctx, "copied"); err != nil {
			return false, err
		}
	}
	return d.Engines.Copied(ctx, id, label)
}

// TestAPatchThatCannotBeRolledBackTellsWhetherACopyIsKept: what it says decides what operators look for, and what is
// cleared.
func TestAPatchThatCannotBeRolledBackTellsWhetherACopyIsKept(t *testing.T) {
	errDisk := errors.New("the disk has a problem")
	for name, c := range map[string]struct {
		fails  func(*rig, galaxy.GameID, string) error
		words  string
		kept   bool
		unread bool
		copies int
	}{
		"the engine cannot be stopped": {func(_ *rig, _ galaxy.GameID, what string) error {
			if what == "stop" {
				return errDaemon
			}
			return nil
		}, "the engine could not be stopped; the state is that of before, and no copy is left", false, false, 0},
		"the copy cannot be put back": {func(_ *rig, _ galaxy.GameID, what string) error {
			if what == "restore" {
				return errDisk
			}
			return nil
		}, "the state of before could not be put back", true, false, 1},
		"the copy is gone": {func(r *rig, id galaxy.GameID, what string) error {
			if what == "restore" {
				return r.Engines.DropState(context.Background(), id, "five")
			}
			return nil
		}, "could not be put back: its copy is gone", false, false, 0},
		"nothing of it can be read": {func(_ *rig, _ galaxy.GameID, what string) error {
			if what == "restore" || what == "copied" {
				return errDisk
			}
			return nil
		}, "could not be put back, and whether its copy is there could not be read", false, true, 1},
		"it was put back, and only that could not be said": {func(r *rig, id galaxy.GameID, what string) error {
			if what == "restore" {
				return errors.Join(r.Engines.RestoreState(context.Background(), id, "five"), errDisk)
			}
			return nil
		}, "the state is that of before, and no copy is left", false, false, 1}, // what it has replaced
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t), patching()
			r.played(&s, 3)
			r.Begins("1.0.1", func(g *enginetest.Game) { g.Digest = "other" })
			r.stepIn(func(_ context.Context, what string) error { return c.fails(r, s.Game, what) }, nil)
			r.drive(s)
			said := next[engine.PatchFailed](r)
			require.Contains(t, said.Cause, c.words)
			require.Equal(t, []bool{c.kept, c.unread}, []bool{said.Kept, said.Unread})
			require.Equal(t, c.copies, r.Copies(s.Game))
		})
	}
}

// atAnAddress gives a patch of an engine that runs, and has answered before.
func (r *rig) atAnAddress() engine.Spec {
	s := patching()
	r.played(&s, 3)
	at, err := r.Engines.Inspect(r.t.Context(), s.Game)
	require.NoError(r.t, err)
	s.Address = at.Address
	return s
}

func (r *rig) runsOn(id galaxy.GameID) (version string) {
	r.Change(id, func(g *enginetest.Game) { version = g.Version })
	return version
}

// TestAPatchDoesNotWaitForADaemonThatHangs while the engine of before serves: the game goes on with that, without the
// daemon.
func TestAPatchDoesNotWaitForADaemonThatHangs(t *testing.T) {
	for name, hangs := range map[string]func(*rig) error{
		"the daemon is away": func(r *rig) error { r.Away(true); return nil },
		"the stop hangs": func(r *rig) error {
			r.Away(true)
			return galaxy.ErrDriverUnknown
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := r.atAnAddress()
			r.stepIn(func(context.Context, string) error { return hangs(r) }, nil)
			ref := r.drive(s)
			said := next[engine.PatchFailed](r)
			require.Equal(t, engine.PatchFailed{Number: 5, Cause: "the container daemon does not answer; the engine was not touched"}, said)
			require.Equal(t, s.Address, next[engine.Up](r).Address, "and it is up although the daemon is away")
			kit.Tell(ref, list(9, "A"))
			require.NoError(t, next[engine.OrdersPut](r).Err)
			require.Equal(t, "1.0.0", r.runsOn(s.Game))

			r.Kill(s.Game, galaxy.Container{ExitKnown: true}) // the stop is obeyed after all
			r.stepIn(nil, nil)
			r.Away(false)
			next[engine.Down](r)
			require.Equal(t, 3, next[engine.Up](r).Status.Turn)
			require.Equal(t, "1.0.0", r.runsOn(s.Game))
		})
	}
}

// TestAPatchWaitsForTheDaemonWhenNothingIsKnownOfTheEngine: it may have been stopped, or be another's by now.
func TestAPatchWaitsForTheDaemonWhenNothingIsKnownOfTheEngine(t *testing.T) {
	for name, change := range map[string]func(*rig, *engine.Spec){
		"where it was is not known": func(_ *rig, s *engine.Spec) { s.Address = "" },
		"it has ended":              func(r *rig, s *engine.Spec) { r.Kill(s.Game, galaxy.Container{ExitKnown: true}) },
		"it shows another turn":     func(r *rig, s *engine.Spec) { s.Patch.Turn = 4 },
		"it shows another state":    func(r *rig, s *engine.Spec) { s.Patch.Digest = "another" },
		"it is the new one already": func(r *rig, s *engine.Spec) {
			r.Change(s.Game, func(g *enginetest.Game) { g.Version = "1.0.1" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := r.atAnAddress()
			change(r, &s)
			r.Away(true)
			r.drive(s)
			for range 3 {
				next[engine.Unknown](r)
			}
			r.Away(false)
			for { // whether it is kept or taken back is decided by what the engine shows
				switch fact := (<-r.facts).(type) {
				case engine.Patched:
					require.Contains(t, []string{"where it was is not known", "it has ended", "it is the new one already"}, name)
					return
				case engine.PatchFailed:
					require.NotContains(t, fact.Cause, "not touched")
					return
				}
			}
		})
	}
}

// TestAPatchThatADaemonKeepsTooLongIsRolledBackWhenItAnswers, from wherever the daemon left it.
func TestAPatchThatADaemonKeepsTooLongIsRolledBackWhenItAnswers(t *testing.T) {
	for _, step := range []string{"stop", "ensure"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(r *rig) { r.deps.Config.StartTimeout = 300 * time.Millisecond })
			s := patching()
			r.played(&s, 3)
			var away atomic.Bool
			away.Store(true)
			r.stepIn(func(_ context.Context, what string) error {
				if what == step && away.Load() {
					return galaxy.ErrDriverUnknown
				}
				return nil
			}, nil)
			r.drive(s)
			late := time.Now().Add(time.Second) // its time is over by then, and nothing else is to be seen of that
			require.Eventually(t, func() bool { return time.Now().After(late) && len(r.changes()) > 10 }, eventually, tick)
			away.Store(false)
			said := next[engine.PatchFailed](r)
			require.Equal(t, "the container daemon did not answer in time", said.Cause)
			require.False(t, said.Kept)
			require.Equal(t, 3, next[engine.Up](r).Status.Turn)
			require.Equal(t, "1.0.0", r.runsOn(s.Game))
		})
	}
}
