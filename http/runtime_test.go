package http_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/internal/process"
)

// match is a public game of two players that runs, and is spoken to through the surface alone.
type match struct {
	*world
	engines *enginetest.Engines // its stand-ins, if it is not played on a real one
	id      galaxy.GameID
	members []as
}

const waits = 30 * time.Second

// beginMatch begins one on stand-ins, which are prepared first.
func beginMatch(t *testing.T, prepare func(*enginetest.Engines)) *match {
	engines := enginetest.New(t)
	if prepare != nil {
		prepare(engines)
	}
	m := beginMatchOn(t, engines, func(version string) string { return "engine:" + version })
	m.engines = engines
	return m
}

func beginMatchOn(t *testing.T, driver actors.Containers, image func(version string) string) *match {
	m := &match{world: beginOn(t, driver)}
	for _, v := range []string{"1.0.0", "1.0.1", "2.0.0"} {
		m.want(http.StatusCreated, root, "POST", "/admin/engine-versions", `{"version":"`+v+`","image_ref":"`+image(v)+`","expected_turn":true}`)
	}
	g := m.want(http.StatusCreated, root, "POST", "/admin/games", `{"name":"Vega",`+spec+`,"early_turn":true,"target_engine_version":"1.0.0"}`)
	require.NoError(t, m.id.UnmarshalText([]byte(g["game_id"].(string))))
	m.want(http.StatusOK, root, "POST", "/admin/games/"+m.id.String()+"/open-enrollment", `{"enrollment_ends_at":"2099-01-01T00:00:00Z"}`)
	for i, who := range []galaxy.Account{m.player, m.signIn("bob@example.com")} {
		as := func(r *http.Request) { r.Header.Set("X-User-ID", who.ID.String()) }
		m.members = append(m.members, as)
		a := m.want(http.StatusCreated, as, "POST", "/user/lobby/games/"+m.id.String()+"/applications", fmt.Sprintf(`{"race_name":"Race-%d"}`, i))
		m.want(http.StatusOK, root, "POST", "/admin/games/"+m.id.String()+"/applications/"+a["application_id"].(string)+"/approve", "")
	}
	m.want(http.StatusOK, root, "POST", "/admin/games/"+m.id.String()+"/force-start", "")
	m.until("turn 0 is recorded", func(r map[string]any) bool { return r["turn"] == 0.0 && idle(r) })
	return m
}

func (m *match) in() string        { return "/user/games/" + m.id.String() }
func (m *match) ops() string       { return "/admin/runtimes/" + m.id.String() }
func idle(r map[string]any) bool   { return r["operation"] == nil && r["why"] == "waiting_deadline" }
func code(a map[string]any) string { return a["error"].(map[string]any)["code"].(string) }

// until waits for a fact about the game's engine.
func (m *match) until(what string, fact func(map[string]any) bool) (r map[string]any) {
	m.Helper()
	require.Eventually(m, func() bool {
		r = m.want(http.StatusOK, root, "GET", m.ops(), "")
		return fact(r)
	}, waits, 10*time.Millisecond, "%s: %v", what, &r)
	return r
}

// force makes a turn.
func (m *match) force(turn int) {
	m.Helper()
	m.want(http.StatusOK, root, "POST", m.ops()+"/force-next-turn", fmt.Sprintf(`{"turn":%d}`, turn))
	m.until("the turn is recorded", func(r map[string]any) bool { return r["turn"] == float64(turn) && idle(r) })
}

// raw gives an answer as it is written.
func (m *match) raw(who as, path string) string {
	m.Helper()
	r := httptest.NewRequest(http.MethodGet, "/api/v1"+path, http.NoBody)
	who(r)
	rec := httptest.NewRecorder()
	m.handler.ServeHTTP(rec, r)
	require.Equal(m, http.StatusOK, rec.Code, rec.Body)
	return rec.Body.String()
}

// refused asks for something and wants it refused with a code.
func (m *match) refused(want string, who as, method, path, body string) {
	m.Helper()
	status, answer, _ := m.call(who, method, path, body)
	require.GreaterOrEqual(m, status, 400, "%s %s", path, body)
	require.Equal(m, want, code(answer), "%s %s: %v", path, body, answer)
}

func TestPlayersSayThatTheyAreReady(t *testing.T) {
	m := beginMatch(t, nil)
	state := func() map[string]any { return m.want(http.StatusOK, m.members[0], "GET", m.in(), "") }
	s := state()
	require.Equal(t, []any{0.0, 1.0, true, nil}, []any{s["turn"], s["next_turn"], s["early_turn"], s["early_turn_at"]})
	require.Equal(t, map[string]any{"ready_count": 0.0, "of": 2.0, "own": false}, s["ready"])
	waiting := s["waiting"].(map[string]any)
	require.Equal(t, []any{"waiting_deadline", "orders are open until the deadline", "turn 1 is made", s["next_turn_at"]},
		[]any{waiting["code"], waiting["text"], waiting["next"], waiting["next_at"]})

	one := m.want(http.StatusOK, m.members[0], "PUT", m.in()+"/ready", `{"turn":1,"ready":true}`)
	require.Equal(t, map[string]any{"turn": 1.0, "ready": true, "ready_count": 1.0, "of": 2.0}, one)
	require.Equal(t, one, m.want(http.StatusOK, m.members[0], "PUT", m.in()+"/ready", `{"turn":1,"ready":true}`), "once more")
	require.Equal(t, map[string]any{"ready_count": 1.0, "of": 2.0, "own": true}, state()["ready"])
	both := m.want(http.StatusOK, m.members[1], "PUT", m.in()+"/ready", `{"turn":1,"ready":true}`)
	require.Equal(t, 2.0, both["ready_count"])
	s = state()
	require.Equal(t, []any{both["early_turn_at"], both["early_turn_at"], "early_turn"}, []any{s["early_turn_at"], s["next_turn_at"], s["waiting"].(map[string]any)["code"]})
	r := m.until("operators see it too", func(r map[string]any) bool { return r["early_at"] != nil })
	require.Equal(t, []any{both["early_turn_at"], both["early_turn_at"], "early_turn"}, []any{r["early_at"], r["next_at"], r["why"]})

	m.want(http.StatusOK, root, "PATCH", "/admin/games/"+m.id.String(), `{"show_ready":true}`)
	require.ElementsMatch(t, []any{"Race-0", "Race-1"}, state()["ready"].(map[string]any)["races"])
	back := m.want(http.StatusOK, m.members[1], "PUT", m.in()+"/ready", `{"turn":1,"ready":false}`)
	require.Equal(t, map[string]any{"turn": 1.0, "ready": false, "ready_count": 1.0, "of": 2.0}, back)
	s = state()
	require.Equal(t, []any{"Race-0"}, s["ready"].(map[string]any)["races"])
	require.Nil(t, s["early_turn_at"])

	m.refused("conflict", m.members[0], "PUT", m.in()+"/ready", `{"turn":2,"ready":true}`)
	m.force(1)
	m.refused("turn_already_closed", m.members[0], "PUT", m.in()+"/ready", `{"turn":1,"ready":true}`)
	require.Equal(t, 0.0, state()["ready"].(map[string]any)["ready_count"], "a mark is for one turn")
	m.want(http.StatusOK, root, "PATCH", "/admin/games/"+m.id.String(), `{"early_turn":false}`)
	m.refused("conflict", m.members[0], "PUT", m.in()+"/ready", `{"turn":2,"ready":true}`)
	require.Nil(t, state()["ready"])
}

func TestAGameHasWhatItWasMadeWith(t *testing.T) {
	w := begin(t)
	w.pay(w.player)
	clock := func(g map[string]any) []any { return []any{g["early_turn"], g["show_ready"], g["catch_up"]} }
	for _, c := range []struct {
		who  as
		path string
	}{{root, "/admin/games"}, {w.player1, "/user/lobby/games"}} {
		plain := w.want(http.StatusCreated, c.who, "POST", c.path, `{"name":"Vega",`+spec+`}`)
		require.Equal(t, []any{false, false, "run_once"}, clock(plain))
		g := w.want(http.StatusCreated, c.who, "POST", c.path, `{"name":"Vega",`+spec+`,"early_turn":true,"show_ready":true,"catch_up":"shift"}`)
		require.Equal(t, []any{true, true, "shift"}, clock(g))
		path := c.path + "/" + g["game_id"].(string)
		edited := w.want(http.StatusOK, c.who, "PATCH", path, `{"early_turn":false,"catch_up":"skip"}`)
		require.Equal(t, []any{false, true, "skip"}, clock(edited))
		require.Equal(t, edited, w.want(http.StatusOK, c.who, "GET", path, ""))
		w.want(http.StatusBadRequest, c.who, "PATCH", path, `{"catch_up":"never"}`)
	}
}

func TestADeadlineIsMovedAndToldInTheTimeline(t *testing.T) {
	m := beginMatch(t, nil)
	move := func(turn int, at time.Time) string {
		return fmt.Sprintf(`{"turn":%d,"deadline":%q}`, turn, at.Format(time.RFC3339Nano))
	}
	path, now := "/admin/games/"+m.id.String()+"/deadline", time.Now().UTC()
	m.refused("invalid_request", root, "POST", path, move(1, now.Add(-time.Second)))
	m.refused("invalid_request", root, "POST", path, move(1, now.Add(400*24*time.Hour)))
	m.refused("conflict", root, "POST", path, move(2, now.Add(time.Hour)))
	m.refused("forbidden", m.members[0], "POST", "/user/lobby/games/"+m.id.String()+"/deadline", move(1, now.Add(time.Hour)))
	later := now.Add(48 * time.Hour).Truncate(time.Microsecond)
	g := m.want(http.StatusOK, root, "POST", path, move(1, later))
	require.Equal(t, later.Format(time.RFC3339Nano), g["runtime"].(map[string]any)["deadline"])
	require.Equal(t, later.Format(time.RFC3339Nano), m.want(http.StatusOK, m.members[0], "GET", m.in(), "")["next_turn_at"])
	soon := time.Now().UTC().Add(2 * time.Second).Truncate(time.Microsecond)
	m.want(http.StatusOK, root, "POST", path, move(1, soon))
	m.until("the turn is made", func(r map[string]any) bool { return r["turn"] == 1.0 && idle(r) })
	m.refused("turn_already_closed", root, "POST", path, move(1, now.Add(time.Hour)))
	m.force(2)

	list := "/admin/games/" + m.id.String() + "/timeline"
	first := m.want(http.StatusOK, root, "GET", list+"?limit=1", "")
	forced := items(first)[0].(map[string]any)
	require.Equal(t, []any{2.0, "forced", "forced", "admin:root", 0.0}, []any{forced["turn"], forced["outcome"], forced["cause"], forced["by"], forced["lateness_ms"]})
	second := m.want(http.StatusOK, root, "GET", list+"?limit=1&cursor="+first["next_cursor"].(string), "")
	require.Nil(t, second["next_cursor"])
	ran := items(second)[0].(map[string]any)
	require.Equal(t, []any{1.0, "ran", "schedule", "system:schedule", soon.Format(time.RFC3339Nano)},
		[]any{ran["turn"], ran["outcome"], ran["cause"], ran["by"], ran["deadline"]})
	require.GreaterOrEqual(t, ran["lateness_ms"], 0.0)
	seen := items(m.want(http.StatusOK, m.members[0], "GET", m.in()+"/timeline", ""))
	require.Len(t, seen, 2)
	require.Equal(t, []any{"forced", nil}, []any{seen[0].(map[string]any)["outcome"], seen[0].(map[string]any)["by"]}, "players hear why, and not by whom")
	stranger := m.signIn("eve@example.com")
	m.refused("forbidden", func(r *http.Request) { r.Header.Set("X-User-ID", stranger.ID.String()) }, "GET", m.in()+"/timeline", "")
	m.refused("invalid_request", root, "GET", list+"?cursor=nonsense", "")
	m.want(http.StatusOK, m.members[1], "POST", "/user/lobby/games/"+m.id.String()+"/leave", "")
	require.Len(t, items(m.want(http.StatusOK, m.members[1], "GET", m.in()+"/timeline", "")), 2, "who has had a seat may look back")
}

// strange are commands whose every byte must stay as it is.
const strange = `[ {"do" : "<&>é\u00e9", "n":1.0} , {"commands":null,"x":"\"commands\":0"}]`

func TestBatchesAreTakenWholeAndOnce(t *testing.T) {
	m := beginMatch(t, nil)
	path := m.in() + "/commands"
	first := m.want(http.StatusOK, m.members[0], "POST", path, `{"turn":1,"batch_id":"one","commands":`+strange+`}`)
	require.Equal(t, []any{1.0, "one", 2.0, 0.0}, []any{first["turn"], first["batch_id"], first["accepted"], first["rejected"]})
	require.Equal(t, map[string]any{"index": 1.0, "applied": true}, first["results"].([]any)[1])
	calls := m.engines.Calls(enginetest.Command)
	require.Equal(t, first, m.want(http.StatusOK, m.members[0], "POST", path, `{"commands":`+strange+`,"batch_id":"one","turn":1}`))
	require.Equal(t, calls, m.engines.Calls(enginetest.Command), "what is stored is not asked for again")
	m.refused("conflict", m.members[0], "POST", path, `{"turn":1,"batch_id":"one","commands":[]}`)
	named := m.want(http.StatusOK, m.members[0], "POST", path, `{"turn":1,"commands":[{"do":"more"}]}`)["batch_id"].(string)
	require.NotEmpty(t, named)
	refused := m.want(http.StatusOK, m.members[0], "POST", path, `{"turn":1,"batch_id":"two","commands":[{"do":"good"},{"do":"refuse me"}]}`)
	require.Equal(t, []any{0.0, 2.0}, []any{refused["accepted"], refused["rejected"]})
	m.want(http.StatusOK, m.members[1], "POST", path, `{"turn":1,"batch_id":"one","commands":[]}`) // another race's

	m.want(http.StatusOK, m.members[0], "PUT", m.in()+"/orders", `{"turn":1,"commands":`+strange+`}`)
	orders := m.want(http.StatusOK, m.members[0], "GET", m.in()+"/orders", "")
	require.Equal(t, 1.0, orders["revision"])
	require.Len(t, orders["batches"], 2)
	require.Equal(t, []any{"one", named}, []any{orders["batches"].([]any)[0].(map[string]any)["batch_id"], orders["batches"].([]any)[1].(map[string]any)["batch_id"]})
	require.Equal(t, 2, strings.Count(m.raw(m.members[0], m.in()+"/orders"), `"commands":`+strange), "byte for byte, in the batch and in the list")

	for body, want := range map[string]string{`{"turn":2,"commands":[]}`: "conflict", `{"turn":0,"commands":[]}`: "invalid_request", `{"turn":1,"commands":[5]}`: "invalid_request",
		`{"turn":1,"commands":[{"a":"\u0000"}]}`: "invalid_request", `{"turn":1,"batch_id":"","commands":[]}`: "invalid_request", `{"turn":1,"turn":1,"commands":[]}`: "invalid_request",
		`{"turn":1,"batch_id":"` + strings.Repeat("b", 65) + `","commands":[]}`:                "invalid_request",
		`{"turn":1,"commands":[` + strings.TrimSuffix(strings.Repeat("{},", 1001), ",") + `]}`: "invalid_request"} {
		m.refused(want, m.members[0], "POST", path, body)
	}
	stranger := m.signIn("eve@example.com")
	m.refused("forbidden", func(r *http.Request) { r.Header.Set("X-User-ID", stranger.ID.String()) }, "POST", path, `{"turn":1,"commands":[]}`)
	m.force(1)
	m.refused("turn_already_closed", m.members[0], "POST", path, `{"turn":1,"batch_id":"one","commands":`+strange+`}`)
	require.Empty(t, m.want(http.StatusOK, m.members[0], "GET", m.in()+"/orders", "")["batches"])
}

func TestAStoredReportIsServedWithoutItsEngine(t *testing.T) {
	const report = `{ "race" : "Räce <1>", "n":1.0,"text":"é" }`
	m := beginMatch(t, func(e *enginetest.Engines) {
		e.Fail(enginetest.Report, enginetest.Fault{Status: 200, Body: report}, enginetest.Fault{Status: 200, Body: report})
	})
	m.until("the reports are stored", func(r map[string]any) bool { return r["reports"] == 0.0 })
	m.want(http.StatusOK, root, "POST", "/admin/games/"+m.id.String()+"/force-stop", "")
	m.until("the engine is stopped", func(r map[string]any) bool { return r["status"] == "stopped" && r["operation"] == nil })
	calls := m.engines.Calls(enginetest.Report)
	require.Equal(t, report, m.raw(m.members[0], m.in()+"/reports/0"))
	require.Equal(t, calls, m.engines.Calls(enginetest.Report))
	m.refused("subject_not_found", m.members[0], "GET", m.in()+"/reports/1", "")
}

// TestARealEngineIsPlayedOn: what players and operators do to a running game, done to the reference engine.
func TestARealEngineIsPlayedOn(t *testing.T) {
	driver, err := process.New(t.TempDir())
	require.NoError(t, err)
	image := "file://" + containertest.BuildEngine(t)
	m := beginMatchOn(t, driver, func(string) string { return image })
	t.Cleanup(func() { _ = driver.Stop(context.Background(), m.id, time.Second) })
	refused := m.want(http.StatusOK, m.members[0], "POST", m.in()+"/commands", `{"turn":1,"commands":[{"type":"shiptype.create","name":"Scout","drive":2},{"type":"fly"}]}`)
	require.Equal(t, []any{0.0, 2.0}, []any{refused["accepted"], refused["rejected"]})
	require.NotEmpty(t, refused["results"].([]any)[1].(map[string]any)["error_code"])
	m.want(http.StatusOK, m.members[0], "POST", m.in()+"/commands", `{"turn":1,"batch_id":"b","commands":[{"type":"shiptype.create","name":"Scout","drive":2}]}`)
	m.want(http.StatusOK, m.members[0], "PUT", m.in()+"/orders", `{"turn":1,"commands":[{"type":"shiptype.create","name":"Hauler","drive":3,"cargo":1}]}`)
	m.want(http.StatusOK, root, "POST", m.ops()+"/restart", "")
	m.until("it is restarted", idle)
	m.want(http.StatusOK, root, "POST", m.ops()+"/patch", `{"version":"1.0.1"}`)
	m.until("it is patched", func(r map[string]any) bool { return r["engine_version"] == "1.0.1" && idle(r) })
	m.force(1)
	m.until("the reports are stored", func(r map[string]any) bool { return r["reports"] == 1.0 })
	report := m.raw(m.members[0], m.in()+"/reports/1")
	require.Contains(t, report, `"Scout"`, "batches and lists have outlived both")
	require.Contains(t, report, `"Hauler"`)
	require.Len(t, items(m.want(http.StatusOK, m.members[0], "GET", m.in()+"/timeline", "")), 1)
}
