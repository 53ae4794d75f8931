package game_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/store/storetest"
)

func (s *standIn) register(version string) {
	s.t.Helper()
	require.NoError(s.t, s.st.AddEngineVersion(s.t.Context(), galaxy.EngineVersion{Version: version, ImageRef: "engine:" + version, Enabled: true, ExpectedTurn: true, CreatedAt: storetest.Now()},
		galaxy.Audit{By: admin.Principal, Action: "test"}))
}

// open waits until the game takes orders and nothing is being done to its engine.
func (s *standIn) open() galaxy.Game {
	s.t.Helper()
	return s.until("orders are open", func(g galaxy.Game) bool { return g.Runtime.Op == nil && g.Runtime.Why == galaxy.WhyDeadline })
}

func (s *standIn) version() (version string) {
	s.Change(s.id, func(g *enginetest.Game) { version = g.Version })
	return version
}

func TestAPatchIsKeptOnlyWhenTheNewEngineShowsTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		begins func(*enginetest.Game)
		want   string
	}{
		"it does":                        {nil, "1.0.1"},
		"it is at another turn":          {func(g *enginetest.Game) { g.Turn = 5 }, "1.0.0"},
		"it shows another digest":        {func(g *enginetest.Game) { g.Digest = "other" }, "1.0.0"},
		"it has lost the game":           {func(g *enginetest.Game) { g.Holds = galaxy.GameID{} }, "1.0.0"},
		"it ends at once":                {func(g *enginetest.Game) { g.State = galaxy.ContainerExited }, "1.0.0"},
		"it has spoilt the state's form": {func(g *enginetest.Game) { g.Digest, g.Turn, g.Races = "spoilt", 0, nil }, "1.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			s.force(1)
			before := s.turnMade(1)
			s.register("1.0.1")
			s.Begins("1.0.1", c.begins)
			g, err := ask(s.world, game.Patch{By: admin, Version: "1.0.1"})
			require.NoError(t, err)
			require.Equal(t, galaxy.WhyPatching, g.Runtime.Why)
			g = s.open()
			require.Equal(t, c.want, g.Runtime.EngineVersion)
			require.Equal(t, c.want, s.version())
			require.Equal(t, before.Runtime.Digest, g.Runtime.Digest)
			require.Nil(t, g.Runtime.Patch)
			if c.want == "1.0.0" {
				require.Contains(t, g.Runtime.Failure.Cause, "taken back")
			}
			_, err = s.order(0, 2, peace)
			require.NoError(t, err)
			s.force(2)
			s.turnMade(2)
			require.Equal(t, 2, s.made())
		})
	}
}

// restart ends the actors as the end of the service would, and begins anew.
func (s *standIn) restart() {
	s.t.Helper()
	old := s.games
	kittest.Stop(s.t, s.sys, old.Root())
	s.begin(s.Engines)
	kit.Tell(s.games.Ref(s.id), game.Wake{})
}

func TestAPatchThatTheServiceDoesNotSurviveIsGoneOnWith(t *testing.T) {
	s := newStandIn(t)
	s.register("1.0.1")
	hold := make(chan struct{})
	s.Begins("1.0.1", func(*enginetest.Game) { s.FailLocked(enginetest.Healthz, enginetest.Fault{Hold: hold}) })
	_, err := ask(s.world, game.Patch{By: admin, Version: "1.0.1"})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.version() == "1.0.1" }, 10*time.Second, time.Millisecond)
	s.restart()
	close(hold)
	g := s.open()
	require.Equal(t, "1.0.1", g.Runtime.EngineVersion)
}

func TestARestartEndsTheEngineInOrder(t *testing.T) {
	s := newStandIn(t)
	_, err := s.order(0, 1, peace)
	require.NoError(t, err)
	g, err := ask(s.world, game.Restart{By: admin})
	require.NoError(t, err)
	require.Equal(t, galaxy.OpRestart, g.Runtime.Op.Kind)
	s.open()
	require.Equal(t, 2, s.starts())
	require.Zero(t, s.game().Runtime.Turn)
	_, err = ask(s.world, game.Pause{By: admin})
	require.NoError(t, err)
	_, err = ask(s.world, game.Restart{By: admin})
	require.NoError(t, err)
	g = s.until("it is restarted", func(g galaxy.Game) bool { return g.Runtime.Op == nil })
	require.Equal(t, galaxy.Paused, g.Status)
	require.Equal(t, 3, s.starts())
}

func TestAnEngineOnAnotherLineAfterStopEditAndResume(t *testing.T) {
	s := newStandIn(t)
	s.register("2.0.0")
	_, err := ask(s.world, game.ForceStop{By: admin})
	require.NoError(t, err)
	s.until("it is stopped", func(g galaxy.Game) bool { return g.Runtime.Status == galaxy.RuntimeStopped })
	_, err = ask(s.world, game.Edit{By: admin, Edit: galaxy.GameEdit{TargetVersion: new("2.0.0")}})
	require.NoError(t, err)
	_, err = ask(s.world, game.Resume{By: admin})
	require.NoError(t, err)
	s.open()
	require.Equal(t, "2.0.0", s.version())
}

func TestABanishIsSentAtOnceAndUntilItIsTaken(t *testing.T) {
	s := newStandIn(t)
	hold := make(chan struct{})
	s.Fail(enginetest.Banish, enginetest.Fault{Status: 503, Hold: hold})
	race := s.race(1)
	_, err := ask(s.world, game.Remove{By: admin, Membership: s.game().Members[1].ID})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.Calls(enginetest.Banish) == 1 }, 10*time.Second, time.Millisecond)
	wanted := s.game()
	close(hold)
	require.Equal(t, []string{race}, wanted.Banished())
	require.Eventually(t, func() bool { // as the sweep does
		kit.Tell(s.games.Ref(s.id), game.Wake{})
		g := s.game()
		return len(g.Banished()) == 0
	}, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, galaxy.BanishTaken, s.game().Members[1].Banish)
	s.Change(s.id, func(g *enginetest.Game) { require.True(t, g.Banned[race]) })
}

func TestABanishedRaceThatTheEngineDoesNotKnowIsReported(t *testing.T) {
	s := newStandIn(t)
	s.Change(s.id, func(g *enginetest.Game) { g.Races = g.Races[:1] })
	_, err := ask(s.world, game.Remove{By: admin, Membership: s.game().Members[1].ID})
	require.NoError(t, err)
	s.until("it is beyond banishing", func(g galaxy.Game) bool { return g.Members[1].Banish == galaxy.BanishUnknown })
	require.Equal(t, 1, s.Calls(enginetest.Banish))
}

func (s *standIn) batch(player int, id, list string) (game.Ordered, error) {
	commands, err := galaxy.SplitCommands([]byte(list))
	require.NoError(s.t, err)
	return ask(s.world, game.PutCommands{User: s.accounts[player].ID, Turn: s.game().Runtime.Turn + 1, Batch: id, Commands: commands, Raw: []byte(list)})
}

func TestABatchIsTakenWholeAndOnce(t *testing.T) {
	s := newStandIn(t)
	done, err := s.batch(0, "one", peace)
	require.NoError(t, err)
	require.Equal(t, 1, done.Result.Accepted)
	again, err := s.batch(0, "one", peace)
	require.NoError(t, err)
	require.Equal(t, done, again)
	require.Equal(t, 1, s.Calls(enginetest.Command))
	_, err = s.batch(0, "one", `[{"type":"other"}]`)
	require.Equal(t, galaxy.Conflict, galaxy.CodeOf(err))
	refused, err := s.batch(0, "two", `[{"type":"refuse me"}]`)
	require.NoError(t, err)
	require.Equal(t, 1, refused.Result.Rejected)
	s.Fail(enginetest.Command, enginetest.Fault{Cut: true, After: true})
	_, err = s.batch(0, "three", peace)
	require.NoError(t, err, "an unanswered batch is repeated: the engine knows it")
	_, err = s.order(0, 1, peace)
	require.NoError(t, err)
	held, err := ask(s.world, game.GetOrders{User: s.accounts[0].ID})
	require.NoError(t, err)
	require.Len(t, held.Batches, 2)
	require.EqualValues(t, 1, held.Revision)

	s.Change(s.id, func(g *enginetest.Game) { clear(g.Lists); clear(g.Batches) })
	batches := s.Calls(enginetest.Command)
	hold := make(chan struct{})
	s.Fail(enginetest.Turn, enginetest.Fault{Hold: hold})
	s.force(1)
	require.Eventually(t, func() bool { return s.Calls(enginetest.Turn) == 1 }, 10*time.Second, time.Millisecond)
	require.Equal(t, batches+2, s.Calls(enginetest.Command), "what the engine has lost is put again")
	s.Change(s.id, func(g *enginetest.Game) { require.Len(t, g.Lists[g.Races[0]].Commands, 1) })
	close(hold)
	s.turnMade(1)
}

func TestEverybodyReadyMakesTheTurnEarly(t *testing.T) {
	s := newStandIn(t)
	_, err := ask(s.world, game.Edit{By: admin, Edit: galaxy.GameEdit{EarlyTurn: new(true)}})
	require.NoError(t, err)
	for _, a := range s.accounts {
		_, err = ask(s.world, game.Ready{User: a.ID, Turn: 1, Ready: true})
		require.NoError(t, err)
	}
	s.turnMade(1)
	lines, _, err := s.st.Timeline(t.Context(), s.id, galaxy.Page{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, galaxy.TimelineEarly, lines[0].Outcome)
}

func TestADeadlineIsMoved(t *testing.T) {
	s := newStandIn(t)
	_, err := ask(s.world, game.MoveDeadline{By: admin, Turn: 1, At: s.now().Add(time.Hour)})
	require.NoError(t, err)
	s.later(time.Hour)
	s.turnMade(1)
	lines, _, err := s.st.Timeline(t.Context(), s.id, galaxy.Page{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, galaxy.TimelineRan, lines[0].Outcome)
	require.Less(t, lines[0].Lateness, 30*time.Second)
}

func TestAnOutageIsMadeUpFor(t *testing.T) {
	s := newStandIn(t)
	due := *s.game().Runtime.Deadline
	kittest.Stop(t, s.sys, s.games.Root())
	s.ahead = due.Sub(s.now()) + time.Hour
	s.outages = []galaxy.Outage{{From: due.Add(-time.Hour), To: due.Add(time.Hour)}}
	s.begin(s.Engines)
	g := s.game()
	require.WithinDuration(t, due.Add(3*time.Hour), *g.Runtime.Deadline, time.Second, "two hours of grace")
	require.Eventually(t, func() bool {
		_, err := s.order(0, 1, peace)
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	s.later(3 * time.Hour)
	s.turnMade(1)
	lines, _, err := s.st.Timeline(t.Context(), s.id, galaxy.Page{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, string(galaxy.CauseCatchUp), lines[0].Cause)
}

func TestTheContainerOfAGameThatIsOverIsTakenAway(t *testing.T) {
	s := newStandIn(t)
	s.Change(s.id, func(g *enginetest.Game) { g.Ends = true })
	s.force(1)
	s.until("its reports are stored", func(g galaxy.Game) bool { return g.Status == galaxy.Finished && g.Runtime.Reports == 1 })
	kit.Tell(s.games.Ref(s.id), game.CleanUp{})
	s.until("its container is gone", func(g galaxy.Game) bool { return g.Runtime.Status == galaxy.RuntimeRemoved })
	s.Change(s.id, func(g *enginetest.Game) {
		require.Equal(t, galaxy.ContainerMissing, g.State)
		require.Equal(t, s.id, g.Holds, "its state is kept")
	})
	r, err := ask(s.world, game.GetReport{User: s.accounts[0].ID, Turn: 1})
	require.NoError(t, err)
	require.NotEmpty(t, r.Race)
}

// TestAPlainEngineIsRestartedByAStartThatFindsAClaimOpen: the call of the service before may still be under way.
func TestAPlainEngineIsRestartedByAStartThatFindsAClaimOpen(t *testing.T) {
	s := newStandIn(t, plain)
	hold := make(chan struct{})
	s.Fail(enginetest.Turn, enginetest.Fault{Hold: hold})
	s.force(1)
	require.Eventually(t, func() bool { return s.Calls(enginetest.Turn) == 1 }, 10*time.Second, time.Millisecond)
	s.restart()
	s.turnMade(1)
	close(hold)
	require.Equal(t, 2, s.starts())
	require.Equal(t, 1, s.made())
}

func TestABackendThatNoLongerServesWritesToNoEngine(t *testing.T) {
	s := newStandIn(t)
	puts, turns := s.Calls(enginetest.Put), s.Calls(enginetest.Turn)
	s.away.Store(true)
	_, err := s.order(0, 1, peace)
	require.Equal(t, galaxy.ServiceUnavailable, galaxy.CodeOf(err))
	s.force(1)
	s.until("the turn is claimed", func(g galaxy.Game) bool { return g.Runtime.Status == galaxy.RuntimeGenerating })
	asked := s.asked.Load()
	require.Eventually(t, func() bool { return s.asked.Load() >= asked+3 }, 10*time.Second, time.Millisecond, "the turn waits until this backend serves")
	require.Equal(t, puts, s.Calls(enginetest.Put))
	require.Equal(t, turns, s.Calls(enginetest.Turn))
	s.away.Store(false)
	s.turnMade(1)
}

func TestNoGameStartsWithoutSpaceForItsState(t *testing.T) {
	s := notStarted(t)
	s.full.Store(true)
	_, err := ask(s.world, game.ForceStart{By: admin})
	require.Equal(t, galaxy.ServiceUnavailable, galaxy.CodeOf(err))
	s.full.Store(false)
	s.start()
}

// TestAGameEndsWhileItsEngineDies: a game that is told of a death while it ends makes no new actor for the engine, which nobody would end.
func TestAGameEndsWhileItsEngineDies(t *testing.T) {
	s := newStandIn(t)
	for range 10 {
		s.Kill(s.id, galaxy.Container{ExitKnown: true, ExitCode: 1})
		kit.Tell(s.games.Ref(s.id), game.Seen{State: galaxy.ContainerExited})
		s.restart()
		s.open()
	}
}

func TestTheLastLinesOfADeadEngineAreKept(t *testing.T) {
	s := newStandIn(t)
	s.Kill(s.id, galaxy.Container{ExitKnown: true, ExitCode: 137, OOMKilled: true})
	kit.Tell(s.games.Ref(s.id), game.Seen{State: galaxy.ContainerExited})
	g := s.until("it is noticed", func(g galaxy.Game) bool { return g.Runtime.Failure != nil })
	require.Contains(t, g.Runtime.Failure.Cause, "memory")
	require.Contains(t, g.Runtime.Failure.Log, "last words")
	s.open()
}

// TestAListThatTheEngineLostIsNotHiddenByWhatCameAfter: its revisions begin anew, and come to the same number.
func TestAListThatTheEngineLostIsNotHiddenByWhatCameAfter(t *testing.T) {
	const home = `[{"type":"planet.rename", "planet":1, "name":"Home"}]`
	order := func(s *standIn) {
		_, err := s.order(0, 1, home)
		require.NoError(s.t, err)
	}
	batch := func(id string) func(*standIn) {
		return func(s *standIn) {
			_, err := s.batch(0, id, peace)
			require.NoError(s.t, err)
		}
	}
	for name, c := range map[string]struct{ before, after []func(*standIn) }{
		"a batch after a list":    {[]func(*standIn){order}, []func(*standIn){batch("one")}},
		"a list after a batch":    {[]func(*standIn){batch("one")}, []func(*standIn){order}},
		"lists after two batches": {[]func(*standIn){batch("one"), batch("two")}, []func(*standIn){order, order, order}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			for _, do := range c.before {
				do(s)
			}
			s.Change(s.id, func(g *enginetest.Game) { clear(g.Lists); clear(g.Batches) })
			for _, do := range c.after {
				do(s)
			}
			held, err := ask(s.world, game.GetOrders{User: s.accounts[0].ID})
			require.NoError(t, err)
			hold := make(chan struct{})
			s.Fail(enginetest.Turn, enginetest.Fault{Hold: hold})
			s.force(1)
			require.Eventually(t, func() bool { return s.Calls(enginetest.Turn) == 1 }, 10*time.Second, time.Millisecond)
			race, lists, added := s.race(0), 0, 0
			s.Change(s.id, func(g *enginetest.Game) { lists, added = len(g.Lists[race].Commands), len(g.Batches) })
			require.Equal(t, []int{1, len(held.Batches)}, []int{lists, added}, "the list's commands, and the batches")
			close(hold)
			s.turnMade(1)
		})
	}
}
