package game_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// targeting gives the game a target_engine_version before it is started.
func targeting(t *testing.T, version string, registered ...string) *standIn {
	s := notStarted(t)
	for _, v := range registered {
		s.register(v)
	}
	g := s.game()
	g.TargetVersion, g.UpdatedAt = version, s.now()
	_, err := s.st.CommitGame(t.Context(), galaxy.GameChange{Next: g})
	require.NoError(t, err)
	s.restart()
	s.start()
	return s
}

// end ends the actors as the end of the service would.
func (s *standIn) end() { kittest.Stop(s.t, s.sys, s.games.Root()) }

// atRest is the fact that nothing is done to an engine, which stands like that.
func atRest(status galaxy.RuntimeStatus) func(galaxy.Game) bool {
	return func(g galaxy.Game) bool { return g.Runtime.Status == status && g.Runtime.Op == nil }
}

func (s *standIn) stop() galaxy.Game {
	s.t.Helper()
	_, err := ask(s.world, game.ForceStop{By: admin})
	require.NoError(s.t, err)
	return s.until("it is stopped", atRest(galaxy.RuntimeStopped))
}

func (s *standIn) resume() {
	s.t.Helper()
	_, err := ask(s.world, game.Resume{By: admin})
	require.NoError(s.t, err)
}

func (s *standIn) retarget(version string) error {
	_, err := ask(s.world, game.Edit{By: admin, Edit: galaxy.GameEdit{TargetVersion: &version}})
	return err
}

// begun notes the versions of all engines that are started from now on.
func (s *standIn) begun(versions ...string) func() []string {
	var started []string
	for _, v := range versions {
		s.Begins(v, func(*enginetest.Game) { started = append(started, v) })
	}
	return func() (out []string) {
		s.Change(s.id, func(*enginetest.Game) { out = append(out, started...) })
		return out
	}
}

// TestAStoppedGameNeverGoesBackToAnOlderEngine: its target is that of the start, which a patch has overtaken.
func TestAStoppedGameNeverGoesBackToAnOlderEngine(t *testing.T) {
	for name, road := range map[string]func(s *standIn){
		"force-stop and resume": func(s *standIn) {
			s.stop()
			s.resume()
		},
		"its container is gone too": func(s *standIn) {
			s.stop()
			s.Change(s.id, func(g *enginetest.Game) { g.State = galaxy.ContainerMissing })
			kit.Tell(s.games.Ref(s.id), game.Seen{State: galaxy.ContainerMissing})
			s.until("it is known", func(g galaxy.Game) bool { return g.Runtime.Status == galaxy.RuntimeRemoved })
			s.resume()
		},
		"the service is restarted meanwhile": func(s *standIn) {
			s.stop()
			s.restart()
			s.resume()
		},
		"its version is not offered any more": func(s *standIn) {
			s.stop()
			s.edit("1.0.2", galaxy.VersionEdit{Enabled: new(false)})
			s.resume()
		},
		"its version has another image by now": func(s *standIn) {
			s.stop()
			s.edit("1.0.2", galaxy.VersionEdit{ImageRef: new("engine:changed")})
			s.resume()
		},
		"a restart": func(s *standIn) {
			_, err := ask(s.world, game.Restart{By: admin})
			require.NoError(s.t, err)
		},
		"a pause": func(s *standIn) {
			_, err := ask(s.world, game.Pause{By: admin})
			require.NoError(s.t, err)
			s.resume()
		},
		"it is given up": func(s *standIn) {
			s.Refuse(true)
			s.Kill(s.id, galaxy.Container{ExitKnown: true, ExitCode: 1})
			s.until("it is unreachable", func(g galaxy.Game) bool { return g.Runtime.Status == galaxy.RuntimeUnreachable })
			s.Refuse(false)
			s.resume()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := targeting(t, "1.0.0", "1.0.2")
			_, err := ask(s.world, game.Patch{By: admin, Version: "1.0.2"})
			require.NoError(t, err)
			s.open()
			started := s.begun("1.0.0")
			road(s)
			g := s.open()
			require.Equal(t, []string{"1.0.2", "engine:1.0.2"}, []string{g.Runtime.EngineVersion, g.Runtime.ImageRef})
			require.Equal(t, "1.0.2", s.version())
			require.Empty(t, started())
			s.force(1)
			s.turnMade(1)
		})
	}
}

func (s *standIn) edit(version string, e galaxy.VersionEdit) {
	s.t.Helper()
	all, err := s.st.EngineVersions(s.t.Context())
	require.NoError(s.t, err)
	for _, v := range all {
		if v.Version == version {
			edited, err := v.Edit(e, 0)
			require.NoError(s.t, err)
			err = s.st.EditEngineVersion(s.t.Context(), edited, s.now(), galaxy.Audit{By: admin.Principal, Action: "test"})
			require.NoError(s.t, err)
		}
	}
}

func TestALowerTargetIsRefusedAndTheStateThatWasPutBackIsNot(t *testing.T) {
	s := targeting(t, "1.0.0", "1.0.2")
	_, err := ask(s.world, game.Patch{By: admin, Version: "1.0.2"})
	require.NoError(t, err)
	s.open()
	require.NoError(t, s.CopyState(t.Context(), s.id, "by-hand"))
	s.force(1)
	s.turnMade(1)
	s.stop()
	err = s.retarget("1.0.0")
	require.Equal(t, galaxy.Conflict, galaxy.CodeOf(err))
	require.ErrorContains(t, err, "engine 1.0.2 has written the game's state last")
	back := galaxy.GameEdit{TargetVersion: new("1.0.0"), StateRestored: new(true)}
	_, err = ask(s.world, game.Edit{By: admin, Edit: back})
	require.NoError(t, err)
	s.until("its container is taken away", atRest(galaxy.RuntimeRemoved))
	s.restart()
	s.resume()
	g := s.open()
	require.Equal(t, []string{"1.0.0", "1.0.0"}, []string{g.Runtime.EngineVersion, s.version()})
	require.Nil(t, g.Runtime.Writer)
}

// TestAVersionWhoseEngineWasNeverStartedIsGivenUpFreely, and one that was started is not.
func TestAVersionWhoseEngineWasNeverStartedIsGivenUpFreely(t *testing.T) {
	for name, c := range map[string]struct {
		refuse bool
		begins func(*enginetest.Game)
		free   bool
	}{
		"the daemon refuses it":  {refuse: true, free: true},
		"it dies of the state":   {begins: func(g *enginetest.Game) { g.State = galaxy.ContainerExited }},
		"it shows another state": {begins: func(g *enginetest.Game) { g.Digest = "other" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			s.register("2.0.0")
			s.Begins("2.0.0", c.begins)
			s.stop()
			require.NoError(t, s.retarget("2.0.0"))
			s.Refuse(c.refuse)
			s.resume()
			g := s.until("it comes to an end", func(g galaxy.Game) bool { return g.Runtime.Op == nil })
			require.Equal(t, galaxy.Paused, g.Status)
			require.Equal(t, c.free, g.Runtime.Writer != nil)
			require.Equal(t, 1, s.Copies(s.id), "the state of before is kept")
			s.Refuse(false)
			s.stop()
			err := s.retarget("1.0.0")
			if !c.free {
				require.Equal(t, galaxy.Conflict, galaxy.CodeOf(err))
				return
			}
			require.NoError(t, err)
			s.resume()
			s.open()
			require.Equal(t, "1.0.0", s.version())
		})
	}
}

func TestAnotherLineKeepsACopyUntilItShowsTheSameState(t *testing.T) {
	s := newStandIn(t)
	s.register("2.0.0")
	s.stop()
	require.NoError(t, s.retarget("2.0.0"))
	hold := make(chan struct{})
	s.Begins("2.0.0", func(*enginetest.Game) { s.FailLocked(enginetest.Healthz, enginetest.Fault{Hold: hold}) })
	s.resume()
	require.Eventually(t, func() bool { return s.version() == "2.0.0" }, 10*time.Second, time.Millisecond)
	require.Equal(t, 1, s.Copies(s.id))
	close(hold)
	g := s.open()
	require.Equal(t, "2.0.0", g.Runtime.EngineVersion)
	require.Eventually(t, func() bool { return s.Copies(s.id) == 0 }, 10*time.Second, time.Millisecond)
	s.stop()
	require.Equal(t, galaxy.Conflict, galaxy.CodeOf(s.retarget("1.0.0")))
}

// TestTheServiceDiesBetweenTheStartOfALaterVersionAndItsAnswer: the next one goes on with that version, and never below
// it.
func TestTheServiceDiesBetweenTheStartOfALaterVersionAndItsAnswer(t *testing.T) {
	s := newStandIn(t)
	s.register("2.0.0")
	s.stop()
	require.NoError(t, s.retarget("2.0.0"))
	hold := make(chan struct{})
	s.Begins("2.0.0", func(*enginetest.Game) { s.FailLocked(enginetest.Healthz, enginetest.Fault{Hold: hold}) })
	s.resume()
	require.Eventually(t, func() bool { return s.version() == "2.0.0" }, 10*time.Second, time.Millisecond)
	s.restart()
	g := s.stop()
	close(hold)
	require.Equal(t, "2.0.0", g.Runtime.LastWriter().EngineVersion, "the container that was stopped says so")
	require.Equal(t, galaxy.Conflict, galaxy.CodeOf(s.retarget("1.0.0")))
	s.resume()
	s.open()
	require.Equal(t, "2.0.0", s.version())
}

// TestAPatchThatCannotBeRolledBackNeverStartsTheOldEngine on the state that the new one may have written.
func TestAPatchThatCannotBeRolledBackNeverStartsTheOldEngine(t *testing.T) {
	s := notStarted(t)
	s.end()
	s.begin(unrestorable{s.Engines})
	s.start()
	s.register("1.0.2")
	s.Begins("1.0.2", func(g *enginetest.Game) { g.Digest = "other" })
	started := s.begun("1.0.0")
	_, err := ask(s.world, game.Patch{By: admin, Version: "1.0.2"})
	require.NoError(t, err)
	g := s.until("it is held", func(g galaxy.Game) bool { return g.Runtime.Held() })
	require.Equal(t, "1.0.2", g.Runtime.EngineVersion)
	require.Contains(t, g.Runtime.Failure.Cause, "stays on 1.0.2")
	require.Equal(t, "1.0.2", s.version())
	require.Equal(t, 1, s.Copies(s.id))
	s.stop()
	require.Equal(t, galaxy.Conflict, galaxy.CodeOf(s.retarget("1.0.0")))
	require.Empty(t, started())
}

// unrestorable is a driver that cannot put a state back.
type unrestorable struct{ *enginetest.Engines }

func (unrestorable) RestoreState(context.Context, galaxy.GameID, string) error {
	return errors.New("the disk has a problem")
}

// TestAContainerOfALaterVersionIsNotReplaced: somebody has started it, or the database is an older one.
func TestAContainerOfALaterVersionIsNotReplaced(t *testing.T) {
	for _, state := range []galaxy.ContainerState{galaxy.ContainerRunning, galaxy.ContainerExited} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			s.register("1.0.7")
			s.end()
			s.Change(s.id, func(g *enginetest.Game) { g.Version, g.Image, g.State = "1.0.7", "engine:by-hand", state })
			s.begin(s.Engines)
			kit.Tell(s.games.Ref(s.id), game.Wake{})
			g := s.until("the game is paused", atRest(galaxy.RuntimeUnreachable))
			require.Equal(t, galaxy.WhyUnreachable, g.Runtime.Why)
			require.Contains(t, g.Runtime.WhyText, "set target_engine_version to 1.0.7")
			require.Equal(t, "1.0.7", g.Runtime.LastWriter().EngineVersion)
			require.Equal(t, "1.0.7", s.version(), "it is left as it is")
			_, err := ask(s.world, game.Resume{By: admin})
			require.Equal(t, galaxy.Conflict, galaxy.CodeOf(err))
			s.stop()
			require.NoError(t, s.retarget("1.0.7"))
			s.resume()
			g = s.open()
			require.Equal(t, []string{"1.0.7", "engine:1.0.7"}, []string{g.Runtime.EngineVersion, g.Runtime.ImageRef})
		})
	}
}

// TestAStartThatFailedOnALaterVersionLeavesNothingToAnOlderOne: nobody has played, so the state is made anew.
func TestAStartThatFailedOnALaterVersionLeavesNothingToAnOlderOne(t *testing.T) {
	s := notStarted(t)
	s.register("1.0.2")
	hold := make(chan struct{})
	defer close(hold)
	s.Fail(enginetest.Init, enginetest.Fault{After: true, Hold: hold, Cut: true})
	_, err := ask(s.world, game.ForceStart{By: admin})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.Calls(enginetest.Init) == 1 }, 10*time.Second, time.Millisecond)
	s.Change(s.id, func(g *enginetest.Game) { g.Holds = s.id })
	_, err = ask(s.world, game.ForceStop{By: admin})
	require.NoError(t, err)
	s.until("it is stopped", func(g galaxy.Game) bool { return g.Status == galaxy.StartFailed && g.Runtime.Op == nil })
	s.edit("1.0.2", galaxy.VersionEdit{Enabled: new(false)})
	s.start()
	g := s.open()
	require.Equal(t, "1.0.0", g.Runtime.LastWriter().EngineVersion)
	s.Change(s.id, func(g *enginetest.Game) { require.Equal(t, 1, g.Aside) })
}
