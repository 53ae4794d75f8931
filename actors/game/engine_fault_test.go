package game_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginehttp"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/store/storetest"
)

// standIn is a running game whose engine misbehaves when it is told to.
type standIn struct {
	*world
	*enginetest.Engines
}

// option changes a stand-in's world before it begins.
type option func(*standIn, *galaxy.EngineVersion)

// plain is an engine that does not know expectedTurn.
func plain(_ *standIn, v *galaxy.EngineVersion) { v.ExpectedTurn = false }

func newStandIn(t *testing.T, options ...option) *standIn {
	s := notStarted(t, options...)
	s.start()
	return s
}

func notStarted(t *testing.T, options ...option) *standIn {
	w := &world{t: t, st: storetest.Open(t), sys: kittest.System(t), limit: 30 * time.Second}
	s := &standIn{w, enginetest.New(t)}
	version := galaxy.EngineVersion{Version: "1.0.0", ImageRef: "engine:1.0.0", Enabled: true, ExpectedTurn: true, CreatedAt: storetest.Now()}
	for _, o := range options {
		o(s, &version)
	}
	require.NoError(t, w.st.AddEngineVersion(t.Context(), version, galaxy.Audit{By: admin.Principal, Action: "test"}))
	w.client = enginehttp.New(enginehttp.Config{CallTimeout: 2 * time.Second, ProbeTimeout: 500 * time.Millisecond}, tracenoop.NewTracerProvider())
	g, accounts := storetest.Game(t, w.st, 2)
	w.id, w.accounts = g.ID, accounts
	w.begin(s.Engines)
	return s
}

// made is the turn that the engine itself is at.
func (s *standIn) made() (turn int) {
	s.Change(s.id, func(g *enginetest.Game) { turn = g.Turn })
	return turn
}

func (s *standIn) starts() (n int) {
	s.Change(s.id, func(g *enginetest.Game) { n = g.Started })
	return n
}

func (s *standIn) race(player int) string {
	seat, ok := s.game().SeatOf(s.accounts[player].ID)
	require.True(s.t, ok)
	return seat.Race
}

func (s *standIn) force(turn int) {
	s.t.Helper()
	_, err := ask(s.world, game.ForceNextTurn{By: admin, Turn: turn})
	require.NoError(s.t, err)
}

// waits gives what the game waits for once it is that.
func (s *standIn) waits(for_ galaxy.WhyCode) galaxy.Game {
	s.t.Helper()
	return s.until("it waits: "+string(for_), func(g galaxy.Game) bool { return g.Runtime.Why == for_ })
}

// TestATurnIsMadeOnceWhateverBecomesOfItsCall: each engine is asked for turn 1 and behaves badly, and the game ends up at
// turn 1 with the engine at turn 1.
func TestATurnIsMadeOnceWhateverBecomesOfItsCall(t *testing.T) {
	cut, undone := enginetest.Fault{Cut: true, After: true}, enginetest.Fault{Cut: true}
	for name, c := range map[string]struct {
		options  []option
		faults   []enginetest.Fault
		restarts int
	}{
		"done, and the connection cut":           {faults: []enginetest.Fault{cut}},
		"not done, and the connection cut":       {faults: []enginetest.Fault{undone, undone}},
		"done, and cut again and again":          {faults: []enginetest.Fault{cut, cut, cut}},
		"done, and answered with garbage":        {faults: []enginetest.Fault{{Status: 200, Body: "<html>", After: true}}},
		"done, and answered with a server error": {faults: []enginetest.Fault{{Status: 500, Code: "oops", After: true}}},
		"refused because a turn is being made":   {faults: []enginetest.Fault{{Status: 409, Code: engineapi.CodeTurnInProgress}}},
		"plain: done, and the connection cut":    {options: []option{plain}, faults: []enginetest.Fault{cut}},
		"plain: not done, and cut":               {options: []option{plain}, faults: []enginetest.Fault{undone}, restarts: 1},
		"plain: done, and answered with garbage": {options: []option{plain}, faults: []enginetest.Fault{{Status: 200, Body: "]", After: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t, c.options...)
			s.Fail(enginetest.Turn, c.faults...)
			s.force(1)
			g := s.turnMade(1)
			require.Equal(t, galaxy.Running, g.Status)
			require.Equal(t, 1, s.made())
			require.Equal(t, 1+c.restarts, s.starts())
			_, err := s.order(0, 2, peace)
			if c.restarts == 0 {
				require.NoError(t, err)
			}
		})
	}
}

func TestAnEngineThatCannotMakeTheTurnPausesTheGame(t *testing.T) {
	s := newStandIn(t)
	s.Fail(enginetest.Turn, enginetest.Fault{Status: http.StatusInternalServerError, Code: engineapi.CodeGenerationFail})
	s.force(1)
	g := s.waits(galaxy.WhyGenerationFail)
	require.Equal(t, galaxy.Paused, g.Status)
	require.Nil(t, g.Runtime.Op)
	require.Nil(t, g.Runtime.Deadline)
	require.Zero(t, s.made())
}

func TestATurnThatTakesTooLongPausesTheGame(t *testing.T) {
	s := newStandIn(t, func(s *standIn, _ *galaxy.EngineVersion) { s.limit = 300 * time.Millisecond })
	s.Change(s.id, func(g *enginetest.Game) { g.Busy = true })
	s.force(1)
	g := s.waits(galaxy.WhyGenerationFail)
	require.Contains(t, g.Runtime.WhyText, "longer than")
	s.Change(s.id, func(g *enginetest.Game) { g.Busy = false })
}

func TestOrdersAreRefusedWhileTheTurnIsMade(t *testing.T) {
	s := newStandIn(t)
	hold := make(chan struct{})
	s.Fail(enginetest.Turn, enginetest.Fault{Hold: hold})
	s.force(1)
	_, err := s.order(0, 1, peace)
	require.Equal(t, galaxy.TurnAlreadyClosed, galaxy.CodeOf(err))
	close(hold)
	s.turnMade(1)
}

// TestAListIsPutWhateverBecomesOfItsCall: the player is answered, and store and engine hold the same list.
func TestAListIsPutWhateverBecomesOfItsCall(t *testing.T) {
	for name, c := range map[string]struct {
		faults   []enginetest.Fault
		revision int64 // of the engine, afterwards
	}{
		"refused for a revision of somebody else's": {[]enginetest.Fault{{Status: 409, Code: engineapi.CodeRevision}}, 2},
		"done, and the connection cut":              {[]enginetest.Fault{{Cut: true, After: true}}, 3},
		"not done, and the connection cut":          {[]enginetest.Fault{{Cut: true}}, 2},
		"done, and a server error":                  {[]enginetest.Fault{{Status: 503, After: true}}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			_, err := s.order(0, 1, "[]")
			require.NoError(t, err)
			s.Fail(enginetest.Put, c.faults...)
			done, err := s.order(0, 1, peace)
			require.NoError(t, err)
			require.EqualValues(t, 2, done.Revision)
			held, err := ask(s.world, game.GetOrders{User: s.accounts[0].ID})
			require.NoError(t, err)
			require.Equal(t, peace, string(held.Commands))
			s.Change(s.id, func(g *enginetest.Game) {
				list := g.Lists[g.Races[0]]
				require.Equal(t, c.revision, list.Revision)
				require.Len(t, list.Commands, 1)
			})
		})
	}
}

func TestAListWhoseFateIsUnknownIsNotStored(t *testing.T) {
	s := newStandIn(t)
	s.Fail(enginetest.Put, enginetest.Fault{Cut: true}, enginetest.Fault{Cut: true})
	_, err := s.order(0, 1, peace)
	require.Equal(t, galaxy.Timeout, galaxy.CodeOf(err))
	held, err := ask(s.world, game.GetOrders{User: s.accounts[0].ID})
	require.NoError(t, err)
	require.Zero(t, held.Revision)
	done, err := s.order(0, 1, peace)
	require.NoError(t, err)
	require.EqualValues(t, 1, done.Revision)
}

func TestOrdersThatTheEngineLostArePutAgainBeforeTheTurn(t *testing.T) {
	s := newStandIn(t)
	_, err := s.order(0, 1, peace)
	require.NoError(t, err)
	s.Change(s.id, func(g *enginetest.Game) { clear(g.Lists) })
	puts := s.Calls(enginetest.Put)
	hold := make(chan struct{})
	s.Fail(enginetest.Turn, enginetest.Fault{Hold: hold})
	s.force(1)
	require.Eventually(t, func() bool { return s.Calls(enginetest.Turn) == 1 }, 10*time.Second, time.Millisecond)
	require.Equal(t, puts+1, s.Calls(enginetest.Put))
	race := s.race(0)
	s.Change(s.id, func(g *enginetest.Game) {
		require.Equal(t, []json.RawMessage{json.RawMessage(`{"type":"planet.rename", "planet":1, "name":"Home"}`)}, g.Lists[race].Commands)
	})
	close(hold)
	s.turnMade(1)
}

func TestTheGameIsHeldWhenItsEngineIsAnotherThanRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*enginetest.Game)
		words  string
	}{
		"no game at all":    {func(g *enginetest.Game) { g.Holds = galaxy.GameID{} }, "no game"},
		"somebody else's":   {func(g *enginetest.Game) { g.Holds = galaxy.GameID{UUID: galaxy.NewID()} }, "the engine shows"},
		"an older turn":     {func(g *enginetest.Game) { g.Turn = 0 }, "the engine shows turn 0"},
		"a turn too far on": {func(g *enginetest.Game) { g.Turn = 3 }, "the engine shows turn 3"},
		"another state":     {func(g *enginetest.Game) { g.Digest = "other" }, "the engine shows turn 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			s.force(1)
			s.turnMade(1)
			s.Kill(s.id, galaxy.Container{ExitCode: 1, ExitKnown: true})
			s.Change(s.id, c.change)
			g := s.waits(galaxy.WhyMismatch)
			require.Equal(t, galaxy.Paused, g.Status)
			require.Contains(t, g.Runtime.WhyText, c.words)
			require.Equal(t, 1, g.Runtime.Turn)
			s.later(25 * time.Hour)
			require.Equal(t, galaxy.WhyMismatch, s.game().Runtime.Why, "no deadline goes on by itself")
			require.Equal(t, 1, s.Calls(enginetest.Init), "and nothing is initialised again")
		})
	}
}

func TestATurnMadeBehindOurBackIsAdopted(t *testing.T) {
	s := newStandIn(t)
	s.Kill(s.id, galaxy.Container{ExitCode: 1, ExitKnown: true})
	s.Change(s.id, (*enginetest.Game).Advance)
	s.turnMade(1)
}
