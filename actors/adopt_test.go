package actors_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/reconciler"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/internal/process"
)

// strays is a yard whose container is started by nobody here, and whose stops fail or hang when they are told to.
type strays struct {
	*yard
	*enginetest.Engines
	failing atomic.Int64  // stops that fail from now on
	hold    chan struct{} // what a stop waits for; nil: nothing
}

func newStrays(t *testing.T) *strays {
	s := &strays{Engines: enginetest.New(t)}
	s.yard = newYard(t, s, "engine:1", often)
	return s
}

func (s *strays) Stop(ctx context.Context, id galaxy.GameID, grace time.Duration) error {
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.failing.Add(-1) >= 0 {
		return errors.New("the daemon has a problem")
	}
	return s.Engines.Stop(ctx, id, grace)
}

// start has a container of a version run, as docker start does, since a moment from now.
func (s *strays) start(version string) {
	s.Change(s.id, func(g *enginetest.Game) {
		g.State, g.Version, g.Image = galaxy.ContainerRunning, version, "engine:by-hand"
		g.Since = time.Now().Add(time.Duration(s.ahead.Load()))
	})
}

func (s *strays) ended() {
	s.Helper()
	s.until("it is stopped", atRest(galaxy.RuntimeStopped))
	c, err := s.Inspect(s.Context(), s.id)
	require.NoError(s, err)
	require.Equal(s, galaxy.ContainerExited, c.State)
}

// atRest is the fact that nothing is done to an engine, which stands like that.
func atRest(status galaxy.RuntimeStatus) func(galaxy.Game) bool {
	return func(g galaxy.Game) bool { return g.Runtime.Status == status && g.Runtime.Op == nil }
}

func (s *strays) passes(d time.Duration) { s.ahead.Add(int64(d)) }

// TestARunningContainerOfAGameThatWantsNoneIsAdoptedAndStopped, wherever the game stands.
func TestARunningContainerOfAGameThatWantsNoneIsAdoptedAndStopped(t *testing.T) {
	stopped := func(s *strays) {
		act(s.yard, game.ForceStart{By: root})
		s.runs()
		act(s.yard, game.ForceStop{By: root})
		s.ended()
	}
	for name, c := range map[string]struct {
		before func(*strays)
		want   galaxy.GameStatus
	}{
		"players enrol":    {func(*strays) {}, galaxy.EnrollmentOpen},
		"it is ready":      {func(s *strays) { act(s.yard, game.ReadyToStart{By: root}) }, galaxy.ReadyToStart},
		"it was stopped":   {stopped, galaxy.Paused},
		"it was cancelled": {func(s *strays) { act(s.yard, game.Cancel{By: root}) }, galaxy.Cancelled},
		"it was cancelled while it ran": {func(s *strays) {
			act(s.yard, game.ForceStart{By: root})
			s.runs()
			act(s.yard, game.Cancel{By: root})
			s.ended()
		}, galaxy.Cancelled},
		"its start failed": {func(s *strays) {
			s.Refuse(true)
			act(s.yard, game.ForceStart{By: root})
			s.until("the start fails", func(g galaxy.Game) bool { return g.Status == galaxy.StartFailed && g.Runtime.Op == nil })
			s.Refuse(false)
		}, galaxy.StartFailed},
		"it was given up": {func(s *strays) {
			act(s.yard, game.ForceStart{By: root})
			s.runs()
			s.Refuse(true)
			s.Kill(s.id, galaxy.Container{ExitKnown: true, ExitCode: 1})
			s.until("it is given up", atRest(galaxy.RuntimeUnreachable))
			s.Refuse(false)
			s.passes(time.Second)
		}, galaxy.Paused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStrays(t)
			c.before(s)
			for range 2 { // whoever starts it again has it stopped again
				s.start("1.0.0")
				s.passes(2 * time.Minute)
				require.Eventually(t, func() bool {
					var state galaxy.ContainerState
					s.Change(s.id, func(g *enginetest.Game) { state = g.State })
					return state == galaxy.ContainerExited
				}, 30*time.Second, 5*time.Millisecond)
				s.ended()
			}
			g := s.until("it is where it was", func(galaxy.Game) bool { return true })
			require.Equal(t, c.want, g.Status)
			lines, _, err := s.st.ListAudit(t.Context(), galaxy.AuditFilter{Action: "runtime.adopted"}, galaxy.Page{Limit: 10})
			require.NoError(t, err)
			require.Len(t, lines, 2)
			found, err := kit.Ask(t.Context(), s.system.Reconciler, reconciler.Orphans{})
			require.NoError(t, err)
			require.Empty(t, found)
		})
	}
}

// TestAStopThatFailsIsTriedUntilTheContainerHasEnded; what is asked of the game meanwhile is refused, and afterwards is
// not.
func TestAStopThatFailsIsTriedUntilTheContainerHasEnded(t *testing.T) {
	s := newStrays(t)
	act(s.yard, game.ForceStart{By: root})
	s.runs()
	act(s.yard, game.ForceStop{By: root})
	s.ended()
	s.failing.Store(5)
	s.hold = make(chan struct{})
	s.start("1.0.0")
	s.passes(2 * time.Minute)
	s.until("it is adopted", func(g galaxy.Game) bool { return g.Runtime.Op != nil && g.Runtime.Op.Kind == galaxy.OpStop })
	_, err := kit.Ask(t.Context(), s.system.Games.Ref(s.id), game.Resume{By: root})
	require.Equal(t, galaxy.Conflict, galaxy.CodeOf(err))
	require.ErrorContains(t, err, "try again when it has ended")
	close(s.hold)
	s.ended()
	act(s.yard, game.Resume{By: root})
	s.runs()
	s.passes(2 * time.Minute)
	require.Equal(t, galaxy.Running, s.runs().Status, "its own engine is nobody's to adopt")
}

// TestAResumeAdoptsWhatRunsAlready: it came before the container was noticed, and then nothing is stopped.
func TestAResumeAdoptsWhatRunsAlready(t *testing.T) {
	s := newStrays(t)
	act(s.yard, game.ForceStart{By: root})
	s.runs()
	act(s.yard, game.ForceStop{By: root})
	s.ended()
	s.start("1.0.0")
	act(s.yard, game.Resume{By: root})
	s.runs()
	s.passes(2 * time.Minute)
	require.Equal(t, galaxy.Running, s.runs().Status)
	s.Change(s.id, func(g *enginetest.Game) {
		require.Equal(t, []any{1, galaxy.ContainerRunning}, []any{g.Started, g.State})
	})
}

// TestAnAdoptedContainerOfALaterVersionBindsTheGame: it has written the state.
func TestAnAdoptedContainerOfALaterVersionBindsTheGame(t *testing.T) {
	s := newStrays(t)
	act(s.yard, game.ForceStart{By: root})
	s.runs()
	act(s.yard, game.ForceStop{By: root})
	s.ended()
	s.start("1.0.7")
	s.passes(2 * time.Minute)
	s.until("that is recorded", func(g galaxy.Game) bool {
		return g.Runtime.LastWriter().EngineVersion == "1.0.7" && g.Runtime.Op == nil
	})
	s.ended()
	_, err := kit.Ask(t.Context(), s.system.Games.Ref(s.id), game.Resume{By: root})
	require.ErrorContains(t, err, "engine 1.0.7 has written the game's state last")
}

func TestAContainerOfAGameThatIsOverIsStoppedAndCleanedUp(t *testing.T) {
	s := newStrays(t)
	act(s.yard, game.Cancel{By: root})
	s.start("1.0.0")
	s.passes(2 * time.Minute)
	s.ended()
	s.passes(169 * time.Hour)
	s.until("its time is over", atRest(galaxy.RuntimeRemoved))
	c, err := s.Inspect(t.Context(), s.id)
	require.NoError(t, err)
	require.Equal(t, galaxy.ContainerMissing, c.State)
}

// TestAnEngineThatSomebodyHasStartedByHandEnds: a real one, that the driver's next life finds by its record.
func TestAnEngineThatSomebodyHasStartedByHandEnds(t *testing.T) {
	driver, err := process.New(t.TempDir())
	require.NoError(t, err)
	image := "file://" + containertest.BuildEngine(t)
	y := newYard(t, driver, image, often)
	t.Cleanup(func() { _ = driver.Stop(context.Background(), y.id, time.Second) })
	act(y, game.ForceStart{By: root})
	y.runs()
	act(y, game.ForceStop{By: root})
	y.until("it is stopped", atRest(galaxy.RuntimeStopped))
	spec := galaxy.ContainerSpec{Game: y.id, Version: "1.0.0", ImageRef: image, StateMustExist: true}
	_, err = driver.Ensure(t.Context(), spec)
	require.NoError(t, err)
	y.ahead.Add(int64(2 * time.Minute))
	require.Eventually(t, func() bool {
		c, err := driver.Inspect(t.Context(), y.id)
		return err == nil && c.State == galaxy.ContainerExited
	}, 30*time.Second, 10*time.Millisecond)
	y.until("that is recorded", atRest(galaxy.RuntimeStopped))
	act(y, game.Resume{By: root})
	y.runs()
}
