package engine_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// pinned is an engine of a game whose state was last written by the version writer.
func pinned(version, writer string) engine.Spec {
	s := spec()
	s.Pin, s.Writer = galaxy.Pin{EngineVersion: version, ImageRef: "engine:" + version, ExpectedTurn: true}, writer
	return s
}

// left has a container of another version be there, as it was left by somebody.
func (r *rig) left(id galaxy.GameID, version string, state galaxy.ContainerState) {
	r.Change(id, func(g *enginetest.Game) { g.Version, g.State, g.Image = version, state, "by-hand" })
}

// did reports how often that was done to containers.
func (r *rig) did(what string) (n int) {
	for _, done := range r.changes() {
		if done == what {
			n++
		}
	}
	return n
}

func TestNoEngineIsStartedOnTheStateOfANewerOne(t *testing.T) {
	for name, c := range map[string]struct {
		writer, container string
		state             galaxy.ContainerState
	}{
		"the record says so":                {"1.0.2", "1.0.0", galaxy.ContainerExited},
		"the record says so, and it is run": {"1.0.2", "1.0.0", galaxy.ContainerRunning},
		"the container that runs says so":   {"1.0.0", "1.0.2", galaxy.ContainerRunning},
		"the container that ended says so":  {"1.0.0", "1.0.2", galaxy.ContainerExited},
		"a container of a later line":       {"1.0.0", "2.0.0", galaxy.ContainerRunning},
		"there is no container":             {"1.0.2", "1.0.0", galaxy.ContainerMissing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t), pinned("1.0.0", c.writer)
			r.played(&s, 3)
			r.left(s.Game, c.container, c.state)
			r.drive(s)
			said := next[engine.Refused](r)
			require.Equal(t, galaxy.StartConfigInvalid, said.Kind)
			require.Contains(t, said.Cause, "has written the game's state last")
			require.Contains(t, said.Cause, "the older 1.0.0 is never started on it")
			require.Zero(t, r.did("ensure"))
			r.Change(s.Game, func(g *enginetest.Game) {
				require.Equal(t, []any{c.container, c.state}, []any{g.Version, g.State}, "nothing was done to it")
			})
		})
	}
}

func TestTheGameIsToldOfANewerContainer(t *testing.T) {
	r, s := newRig(t), pinned("1.0.0", "1.0.0")
	r.played(&s, 3)
	r.left(s.Game, "1.0.2", galaxy.ContainerRunning)
	ref := r.drive(s)
	found := next[engine.Found](r).Container
	require.Equal(t, []any{"1.0.2", "by-hand"}, []any{found.Version, found.ImageRef})
	next[engine.Refused](r)
	kit.Tell(ref, engine.Stop{Number: 7})
	require.Equal(t, "1.0.2", next[engine.Found](r).Container.Version, "and so when it is stopped")
	require.EqualValues(t, 7, next[engine.Stopped](r).Number)
}

func TestAContainerOfAnOlderOrEqualVersionGivesWay(t *testing.T) {
	for _, there := range []string{"1.0.0", "1.0.1-rc.1", "0.9.9", "1.0.2+other", "", "nightly"} {
		t.Run("of "+there, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t), pinned("1.0.2", "1.0.2")
			r.played(&s, 3)
			r.left(s.Game, there, galaxy.ContainerRunning)
			r.drive(s)
			require.Equal(t, 3, next[engine.Up](r).Status.Turn)
			r.Change(s.Game, func(g *enginetest.Game) { require.Equal(t, "1.0.2", g.Version) })
		})
	}
}

// TestTheStateOfANewerEngineIsSetAsideWhenNobodyHasPlayed: a start that failed left it, and the next one chose an older
// version.
func TestTheStateOfANewerEngineIsSetAsideWhenNobodyHasPlayed(t *testing.T) {
	for name, container := range map[string]string{"its container is there": "1.0.2", "the record says so": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t), pinned("1.0.0", "1.0.2")
			r.played(&s, 0)
			s.Turn = galaxy.NoTurn
			r.left(s.Game, container, galaxy.ContainerExited)
			r.Fail(enginetest.Status, enginetest.Fault{Cut: true})
			r.Begins("1.0.0", func(g *enginetest.Game) { assert.NotEqual(t, s.Game, g.Holds, "it is started on nothing") })
			r.drive(s)
			require.Equal(t, s.Game, next[engine.Up](r).Status.Game)
			require.Equal(t, 1, r.did("set aside"))
		})
	}
}

// TestAnEngineThatDiesWhileItStartsIsNotSetAsideAgain: what it holds is its own by then.
func TestAnEngineThatDiesWhileItStartsIsNotSetAsideAgain(t *testing.T) {
	r, s := newRig(t), pinned("1.0.0", "1.0.2")
	r.left(s.Game, "1.0.2", galaxy.ContainerExited)
	ends := 0
	r.Begins("1.0.0", func(g *enginetest.Game) {
		if ends++; ends <= 2 {
			g.State = galaxy.ContainerExited
		}
	})
	r.drive(s)
	next[engine.Up](r)
	require.Equal(t, 1, r.did("set aside"))
}

func TestTheStateIsCopiedBeforeAnotherVersionIsFirstStartedOnIt(t *testing.T) {
	s := pinned("2.0.0", "1.0.0")
	s.Copy = "line-7"
	t.Run("before the start", func(t *testing.T) {
		r, s := newRig(t), s
		r.played(&s, 3)
		r.left(s.Game, "1.0.0", galaxy.ContainerExited)
		ref := r.drive(s)
		next[engine.Up](r)
		done := r.changes()
		require.Less(t, slices.Index(done, "copy"), slices.Index(done, "ensure"))
		require.Equal(t, 1, r.Copies(s.Game))
		kit.Tell(ref, engine.DropCopy{Label: s.Copy})
		require.Eventually(t, func() bool { return r.Copies(s.Game) == 0 }, eventually, tick)
	})
	t.Run("not when it runs already", func(t *testing.T) { // for the service died after the start
		r, s := newRig(t), s
		r.played(&s, 3)
		r.drive(s)
		next[engine.Up](r)
		require.Zero(t, r.did("copy"))
		require.Zero(t, r.did("stop"))
	})
	t.Run("or it is not started", func(t *testing.T) {
		r, s := newRig(t), s
		r.played(&s, 3)
		r.left(s.Game, "1.0.0", galaxy.ContainerExited)
		r.stepIn(func(_ context.Context, what string) error {
			if what == "copy" {
				return errors.New("the disk is full")
			}
			return nil
		}, nil)
		r.drive(s)
		require.Contains(t, next[engine.Down](r).Cause, "the disk is full")
		require.Zero(t, r.did("ensure"))
	})
}

// TestWhetherAnEngineMayHaveWrittenTheState is told after a start that failed, by the container that is there.
func TestWhetherAnEngineMayHaveWrittenTheState(t *testing.T) {
	for name, c := range map[string]struct {
		begins func(*enginetest.Game)
		ensure func(*rig) error
		want   bool
	}{
		"it was started, and died":             {func(g *enginetest.Game) { g.State = galaxy.ContainerExited }, nil, true},
		"its image is not there":               {nil, func(*rig) error { return galaxy.ErrImagePull }, false},
		"the daemon refuses it":                {nil, func(*rig) error { return galaxy.ErrStartConfig }, false},
		"it is refused, and nobody can say so": {nil, func(r *rig) error { r.Away(true); return galaxy.ErrStartConfig }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t), pinned("2.0.0", "1.0.0")
			r.played(&s, 3)
			r.left(s.Game, "1.0.0", galaxy.ContainerExited)
			r.Begins("2.0.0", c.begins)
			r.stepIn(func(_ context.Context, what string) error {
				if what == "ensure" && c.ensure != nil {
					return c.ensure(r)
				}
				return nil
			}, nil)
			r.drive(s)
			told := false
			for {
				var fact any
				select {
				case fact = <-r.facts:
				case <-time.After(eventually):
					require.FailNow(t, "nothing is told")
				}
				switch f := fact.(type) {
				case engine.Found:
					require.Equal(t, "2.0.0", f.Container.Version)
					told = true
					continue
				case engine.Down, engine.Refused:
				default:
					continue
				}
				break
			}
			require.Equal(t, c.want, told)
		})
	}
}

// TestAPatchThatIsRolledBackLeavesNoContainerOfTheNewerVersion: it would say that the newer engine has written the
// state.
func TestAPatchThatIsRolledBackLeavesNoContainerOfTheNewerVersion(t *testing.T) {
	r, s := newRig(t), patching()
	s.Writer = "1.0.0"
	r.played(&s, 3)
	r.Begins("1.0.1", func(g *enginetest.Game) { g.Digest = "other" })
	r.drive(s)
	said := next[engine.PatchFailed](r)
	require.False(t, said.Written)
	require.Equal(t, "recorded", next[engine.Up](r).Status.Digest)
	require.Equal(t, 1, r.did("remove"))
	r.Change(s.Game, func(g *enginetest.Game) { require.Equal(t, "1.0.0", g.Version) })
}

func TestAPatchWhoseStateCannotBePutBackStaysOnTheNewerVersion(t *testing.T) {
	for name, c := range map[string]struct {
		what    string // cannot be done, ever
		begins  func(*enginetest.Game)
		written bool
		version string
	}{
		"the copy cannot be put back":     {"restore", func(g *enginetest.Game) { g.Digest = "other" }, true, "1.0.1"},
		"the new engine cannot be ended":  {"remove", func(g *enginetest.Game) { g.Digest = "other" }, true, "1.0.1"},
		"the old engine cannot be ended":  {"stop", nil, false, "1.0.0"},
		"the new engine ends by itself":   {"restore", func(g *enginetest.Game) { g.Holds = galaxy.GameID{} }, true, "1.0.1"},
		"the new engine was not the last": {"ensure", nil, false, "1.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t), patching()
			s.Writer = "1.0.0"
			r.played(&s, 3)
			r.Begins("1.0.1", c.begins)
			failing := true
			r.stepIn(func(_ context.Context, what string) error {
				if what == c.what && failing {
					if what == "ensure" {
						failing = false
					}
					return errDaemon
				}
				return nil
			}, nil)
			r.drive(s)
			said := next[engine.PatchFailed](r)
			require.Equal(t, c.written, said.Written, said.Cause)
			if c.what == "stop" {
				next[engine.Up](r)
			}
			require.Eventually(t, func() bool {
				var version string
				r.Change(s.Game, func(g *enginetest.Game) { version = g.Version })
				return version == c.version
			}, eventually, tick)
			r.Change(s.Game, func(g *enginetest.Game) { require.Equal(t, c.version, g.Version) })
		})
	}
}

// TestAPatchBelowAContainerThatSomebodyHasStarted goes no further: the newer engine has written the state.
func TestAPatchBelowAContainerThatSomebodyHasStarted(t *testing.T) {
	r, s := newRig(t), patching()
	s.Writer = "1.0.0"
	r.played(&s, 3)
	r.left(s.Game, "1.0.9", galaxy.ContainerRunning)
	r.drive(s)
	require.Contains(t, next[engine.PatchFailed](r).Cause, "of engine 1.0.9, which is newer")
	require.Contains(t, next[engine.Refused](r).Cause, "engine 1.0.9 has written")
	require.Zero(t, r.did("ensure"))
}
