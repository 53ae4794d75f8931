package engine_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// baseSpec is a game on an engine that keeps the base of the contract alone.
func baseSpec() engine.Spec {
	s := spec()
	s.ExpectedTurn = false
	return s
}

// atBase gives such an engine, that was played to turn 3.
func atBase(t *testing.T, b enginetest.Base) (*rig, engine.Spec, kit.Ref) {
	r, s := newRig(t), baseSpec()
	r.Make(b)
	r.played(&s, 3)
	ref := r.drive(s)
	require.Equal(t, 3, next[engine.Up](r).Status.Turn)
	return r, s, ref
}

// quiet wants that nothing else was told than that kind of fact.
func quiet[F any](r *rig) {
	r.t.Helper()
	for {
		select {
		case fact := <-r.facts:
			_, ok := fact.(F)
			require.True(r.t, ok, "%#v", fact)
		default:
			return
		}
	}
}

func TestAnInitMayBeAnsweredAnyWay(t *testing.T) {
	for name, b := range map[string]enginetest.Base{
		"with the game":           {},
		"created, without a body": {Init: http.StatusCreated, Stateless: true},
		"no content":              {Init: http.StatusNoContent, Stateless: true},
		"closing the connection":  {Headers: map[string]string{"Connection": "close"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newRig(t), baseSpec()
			r.Make(b)
			r.drive(s)
			up := next[engine.Up](r)
			require.Equal(t, s.Game, up.Status.Game)
			require.Len(t, up.Status.Players, 2)
			require.Equal(t, 1, r.Calls(enginetest.Init))
			require.Equal(t, 1, r.starts(s.Game))
			quiet[engine.Up](r)
		})
	}
}

// TestAGameThatAnEngineRefusesIsNotTriedAgain: the refusal cannot change.
func TestAGameThatAnEngineRefusesIsNotTriedAgain(t *testing.T) {
	fault := func(status int, body string) *enginetest.Fault {
		return &enginetest.Fault{Status: status, Body: body, Empty: body == ""}
	}
	for name, c := range map[string]struct {
		base  enginetest.Base
		fault *enginetest.Fault
		words string
	}{
		"too few races":              {enginetest.Base{Least: 10}, nil, "too few races: 2 of at least 10"},
		"too few races, as text":     {enginetest.Base{Least: 10, Says: enginetest.ErrorText}, nil, "too few races: 2 of at least 10"},
		"too few races, as our own":  {enginetest.Base{Least: 10, Says: enginetest.ErrorObject}, nil, "too few races: 2 of at least 10"},
		"a rule, told as a failure":  {enginetest.Base{}, fault(500, `{"generic_error":"names are too alike","code":3007}`), "names are too alike"},
		"unprocessable":              {enginetest.Base{}, fault(422, ""), "422"},
		"nobody is let in":           {enginetest.Base{}, fault(401, "<html>who are you?"), "who are you?"},
		"no such call":               {enginetest.Base{}, fault(404, "404 page not found"), "404 page not found"},
		"not built":                  {enginetest.Base{}, fault(501, ""), "501"},
		"redirected":                 {enginetest.Base{}, fault(308, ""), "308"},
		"a state, which is not told": {enginetest.Base{}, fault(409, `{"error":"there is a game"}`), "there is a game"},
	} {
		t.Run(name, func(t *testing.T) {
			core, lines := observer.New(zap.InfoLevel)
			r, s := newRig(t, func(r *rig) { r.deps.Log = zap.New(core) }), baseSpec()
			r.Make(c.base)
			if c.fault != nil {
				r.Fail(enginetest.Init, *c.fault)
			}
			r.drive(s)
			require.Contains(t, next[engine.Unfit](r).Cause, c.words)
			require.Equal(t, 1, r.Calls(enginetest.Init))
			require.Equal(t, 1, r.starts(s.Game))
			quiet[engine.Unfit](r)
			require.Len(t, lines.All(), 1, "one line")
			require.NotContains(t, lines.All()[0].ContextMap(), "stack")
		})
	}
}

func TestAnInitThatMayPassLaterIsTriedAgain(t *testing.T) {
	for name, fault := range map[string]enginetest.Fault{
		"its own fault":        {Status: 500, Body: `{"generic_error":"the disk is full","code":1004}`},
		"its own, told as 4xx": {Status: 400, Body: `{"generic_error":"the disk is full","code":1004}`},
		"unavailable":          {Status: 503, Empty: true},
		"too many requests":    {Status: 429, Empty: true},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newRig(t), baseSpec()
			r.Make(enginetest.Base{})
			r.Fail(enginetest.Init, fault)
			r.drive(s)
			next[engine.Up](r)
			require.Equal(t, 2, r.Calls(enginetest.Init))
		})
	}
}

// TestAnInitWhoseAnswerIsLostIsNotAFailure: the engine shows that it is done.
func TestAnInitWhoseAnswerIsLostIsNotAFailure(t *testing.T) {
	for name, fault := range map[string]enginetest.Fault{"cut": {Cut: true, After: true}, "a server error": {Status: 502, Body: "<html>", After: true}} {
		t.Run(name, func(t *testing.T) {
			r, s := newRig(t), baseSpec()
			r.Make(enginetest.Base{})
			r.Fail(enginetest.Init, fault)
			r.drive(s)
			require.Equal(t, s.Game, next[engine.Up](r).Status.Game)
			require.Equal(t, 1, r.Calls(enginetest.Init))
			quiet[engine.Up](r)
		})
	}
}

// TestAStateThatIsThereIsLookedAt: an init is refused for it, and the status says whose it is.
func TestAStateThatIsThereIsLookedAt(t *testing.T) {
	for name, own := range map[string]bool{"its own": true, "another game's": false} {
		t.Run(name, func(t *testing.T) {
			r, s := newRig(t), baseSpec()
			r.Make(enginetest.Base{})
			holds := s.Game
			if !own {
				holds = galaxy.GameID{UUID: galaxy.NewID()}
			}
			r.Change(s.Game, func(g *enginetest.Game) { g.Holds, g.Races = holds, s.Races })
			r.Fail(enginetest.Status, enginetest.Fault{Status: 501, Empty: true})
			r.drive(s)
			require.Equal(t, s.Game, next[engine.Up](r).Status.Game)
			var aside int
			r.Change(s.Game, func(g *enginetest.Game) { aside = g.Aside })
			require.Equal(t, !own, aside == 1)
		})
	}
}

// TestAStatusThatIsNoneFailsTheStartOnceItHasHadItsTime: an engine that answers all the time is not one that does not
// come up.
func TestAStatusThatIsNoneFailsTheStartOnceItHasHadItsTime(t *testing.T) {
	for name, fault := range map[string]enginetest.Fault{
		"a page":        {Status: 200, Body: "<html>welcome"},
		"another thing": {Status: 200, Body: `{"status":"ok"}`},
		"no such call":  {Status: 404, Body: "404 page not found"},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newRig(t, func(r *rig) { r.deps.Pace.Health = 100 * time.Millisecond }), baseSpec()
			for range 200 {
				r.Fail(enginetest.Status, fault)
			}
			r.drive(s)
			require.NotEmpty(t, next[engine.Unfit](r).Cause)
			require.Greater(t, r.Calls(enginetest.Status), 1)
			quiet[engine.Unfit](r)
		})
	}
}

// TestATurnOfTheBaseIsMade whatever it is answered with.
func TestATurnOfTheBaseIsMade(t *testing.T) {
	for name, c := range map[string]struct {
		faults   []enginetest.Fault
		restarts int
	}{
		"plainly":                            {},
		"done, and answered without a body":  {[]enginetest.Fault{{Status: 204, Empty: true, After: true}}, 0},
		"done, and answered with no turn":    {[]enginetest.Fault{{Status: 200, Body: `{"gameId":"` + galaxy.NewID().String() + `"}`, After: true}}, 0},
		"done, and answered with a failure":  {[]enginetest.Fault{{Status: 504, Body: "<html>", After: true}}, 0},
		"done, and cut":                      {[]enginetest.Fault{{Cut: true, After: true}}, 0},
		"not done, and answered like that":   {[]enginetest.Fault{{Status: 202, Empty: true}, {Status: 200, Body: "]"}}, 0},
		"a race is banished, without a word": {},
	} {
		t.Run(name, func(t *testing.T) {
			r, s, ref := atBase(t, enginetest.Base{})
			r.Fail(enginetest.Turn, c.faults...)
			kit.Tell(ref, engine.MakeTurn{Number: 1, Attempt: 1, Recorded: 3, Banish: []string{"A"}, Out: []string{"B"}})
			require.Equal(t, 4, next[engine.TurnMade](r).Status.Turn)
			require.Equal(t, 1+c.restarts, r.starts(s.Game))
			require.Equal(t, 1, r.Calls(enginetest.Banish), "what it has taken is not shown, and not sent again")
		})
	}
}

// TestATurnThatIsRefusedFailsAtOnceInTheEnginesWords: nothing is in flight then, and nobody is restarted.
func TestATurnThatIsRefusedFailsAtOnceInTheEnginesWords(t *testing.T) {
	for name, c := range map[string]struct {
		fault enginetest.Fault
		words string
	}{
		"refused":    {enginetest.Fault{Status: 409, Body: `{"error":"the game is over"}`}, "the game is over"},
		"failed":     {enginetest.Fault{Status: 500, Body: `{"generic_error":"phase 3 panicked","code":1300}`}, "phase 3 panicked"},
		"redirected": {enginetest.Fault{Status: 301, Empty: true}, "301"},
	} {
		t.Run(name, func(t *testing.T) {
			r, s, ref := atBase(t, enginetest.Base{})
			r.Fail(enginetest.Turn, c.fault)
			kit.Tell(ref, engine.MakeTurn{Number: 1, Attempt: 1, Recorded: 3})
			require.Contains(t, next[engine.TurnFailed](r).Cause, c.words)
			require.Equal(t, 1, r.starts(s.Game))
		})
	}
}

func TestARaceThatAnEngineOfAnyMakeDoesNotKnowIsBeyondBanishing(t *testing.T) {
	for _, status := range []int{400, 404, 500} {
		for name, says := range map[string]func(int, string) string{"text": enginetest.ErrorText, "ours": enginetest.ErrorObject, "generic": enginetest.Generic,
			"mute": func(int, string) string { return "" }, "vague": func(int, string) string { return "<html>no" }} {
			t.Run(name, func(t *testing.T) {
				r, _, ref := atBase(t, enginetest.Base{Unknown: status, Says: says})
				kit.Tell(ref, engine.Banish{Race: "Nobody"})
				require.Equal(t, engine.Banished{Race: "Nobody"}, next[engine.Banished](r))
				kit.Tell(ref, engine.MakeTurn{Number: 1, Attempt: 1, Recorded: 3, Banish: []string{"Nobody"}})
				require.Equal(t, 4, next[engine.TurnMade](r).Status.Turn)
			})
		}
	}
}

// TestAListAfterARefusalIsTakenAtOnce: a call that the engine lacks, or refuses, harms nothing.
func TestAListAfterARefusalIsTakenAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		base enginetest.Base
		code galaxy.Code
	}{
		"no commands":             {enginetest.Base{}, galaxy.Conflict},
		"no commands, and no way": {enginetest.Base{Command: 405, Readback: 405}, galaxy.Conflict},
		"nothing read back":       {enginetest.Base{Readback: 204}, galaxy.Conflict},
		"read back":               {enginetest.Base{Readback: 200}, galaxy.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			r, _, ref := atBase(t, c.base)
			kit.Tell(ref, engine.PutBatch{ID: 1, Race: "A", Turn: 4, Batch: "b", Commands: noCommands})
			refused := next[engine.OrdersPut](r)
			require.Equal(t, c.code, galaxy.CodeOf(refused.Err))
			require.False(t, refused.Lost)
			kit.Tell(ref, list(2, "A"))
			put := next[engine.OrdersPut](r)
			require.NoError(t, put.Err)
			require.Equal(t, 1, put.Result.Accepted)
			require.Equal(t, []int{1, 1}, []int{r.Calls(enginetest.Command), r.Calls(enginetest.Put)})
		})
	}
	t.Run("an engine that counts says there is none", func(t *testing.T) {
		r, s := newRig(t), spec()
		r.played(&s, 3)
		ref := r.drive(s)
		next[engine.Up](r)
		r.Fail(enginetest.Put, enginetest.Fault{Cut: true})
		r.Fail(enginetest.Get, enginetest.Fault{Status: 204, Empty: true})
		kit.Tell(ref, list(1, "A"))
		require.NoError(t, next[engine.OrdersPut](r).Err)
	})
}

// TestABatchIsNeverRunTwice by an engine that does not tell one from another.
func TestABatchIsNeverRunTwice(t *testing.T) {
	for name, c := range map[string]struct {
		fault enginetest.Fault
		code  galaxy.Code
		lost  bool
		ran   int
	}{
		"done, and cut":             {enginetest.Fault{Cut: true, After: true}, galaxy.Timeout, true, 1},
		"done, and a failure":       {enginetest.Fault{Status: 500, Body: "oh", After: true}, galaxy.ServiceUnavailable, true, 1},
		"not run":                   {enginetest.Fault{Status: 503, Empty: true}, galaxy.ServiceUnavailable, false, 0},
		"not run in time":           {enginetest.Fault{Status: 504, Body: "<html>"}, galaxy.ServiceUnavailable, false, 0},
		"against the rules":         {enginetest.Fault{Status: 500, Body: `{"generic_error":"no","code":3001}`}, galaxy.InvalidRequest, false, 0},
		"done, and told as a page":  {enginetest.Fault{Status: 200, Body: "<html>", After: true}, "", false, 1},
		"done, and nothing is told": {enginetest.Fault{Status: 204, Empty: true, After: true}, "", false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r, s, ref := atBase(t, enginetest.Base{Command: 200})
			r.Fail(enginetest.Command, c.fault)
			kit.Tell(ref, engine.PutBatch{ID: 1, Race: "A", Turn: 4, Batch: "b", Commands: noCommands})
			put := next[engine.OrdersPut](r)
			if c.code == "" {
				require.NoError(t, put.Err)
			} else {
				require.Equal(t, c.code, galaxy.CodeOf(put.Err))
			}
			require.Equal(t, c.lost, put.Lost)
			batch := galaxy.StoredBatch{Race: "A", Turn: 4, ID: "b", EngineRevision: 1, Commands: []byte(`[{"a":1}]`), Result: galaxy.OrderResult{Plain: true}}
			stored := galaxy.StoredOrders{Race: "A", Turn: 4, Revision: 1, EngineRevision: 1, Commands: []byte(`[{"b":1}]`), Batches: []galaxy.StoredBatch{batch}}
			kit.Tell(ref, engine.MakeTurn{Number: 1, Attempt: 1, Recorded: 3, Orders: []galaxy.StoredOrders{stored}})
			next[engine.TurnMade](r)
			require.Equal(t, 1, r.Calls(enginetest.Command))
			r.Change(s.Game, func(g *enginetest.Game) {
				require.Len(t, g.Ran, c.ran)
				require.Equal(t, []json.RawMessage{json.RawMessage(`{"b":1}`)}, g.Made[0]["A"].Commands, "the list is put again, whatever it holds")
			})
		})
	}
}

func TestAReportOfAnotherMake(t *testing.T) {
	for name, c := range map[string]struct {
		fault enginetest.Fault
		code  galaxy.Code
	}{
		"none":       {enginetest.Fault{Status: 404, Empty: true}, galaxy.NotFound},
		"not built":  {enginetest.Fault{Status: 501, Empty: true}, galaxy.Conflict},
		"a page":     {enginetest.Fault{Status: 200, Body: "<html>"}, galaxy.ServiceUnavailable},
		"nothing":    {enginetest.Fault{Status: 204, Empty: true}, galaxy.ServiceUnavailable},
		"redirected": {enginetest.Fault{Status: 302, Empty: true}, galaxy.ServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			r, s, ref := atBase(t, enginetest.Base{})
			r.Fail(enginetest.Report, c.fault)
			kit.Tell(ref, engine.Report{ID: 1, Race: "A", Turn: 3})
			require.Equal(t, c.code, galaxy.CodeOf(next[engine.ReportRead](r).Err))
			r.Fail(enginetest.Report, c.fault)
			kit.Tell(ref, engine.FetchReports{Turn: 3, Races: []string{"A"}})
			require.Equal(t, []string{"A"}, next[engine.Fetched](r).Missing, "it may be there later")
			kit.Tell(ref, list(2, "A"))
			require.NoError(t, next[engine.OrdersPut](r).Err)
			require.Equal(t, 1, r.starts(s.Game), "nothing is restarted for it")
		})
	}
}

// TestAPatchToAnEngineWithoutADigest: nothing speaks against its state.
func TestAPatchToAnEngineWithoutADigest(t *testing.T) {
	r, s := newRig(t), baseSpec()
	r.Make(enginetest.Base{})
	r.played(&s, 3)
	s.Patch = &engine.Patch{Number: 7, Label: "p7", To: galaxy.Pin{EngineVersion: "1.0.1", ImageRef: "engine:1.0.1"}, Turn: 3, Digest: "recorded"}
	r.drive(s)
	require.Equal(t, engine.Patched{Number: 7}, next[engine.Patched](r))
}
