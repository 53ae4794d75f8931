package http_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/store/storetest"
)

func TestAnEngineIsRestarted(t *testing.T) {
	hold := make(chan struct{})
	m := beginMatch(t, nil)
	m.engines.Begins("1.0.0", func(*enginetest.Game) { m.engines.FailLocked(enginetest.Healthz, enginetest.Fault{Hold: hold}) })
	r := m.want(http.StatusOK, root, "POST", m.ops()+"/restart", "")
	op := r["operation"].(map[string]any)
	require.Equal(t, []any{"restart", "admin:root", nil, "restarting", "starting"}, []any{op["kind"], op["by"], op["turn"], r["why"], r["status"]})
	require.NotEmpty(t, r["closed_since"])
	m.refused("conflict", root, "POST", m.ops()+"/restart", "")
	m.refused("conflict", root, "POST", m.ops()+"/patch", `{"version":"1.0.1"}`)
	m.refused("conflict", root, "POST", "/admin/games/"+m.id.String()+"/deadline", `{"turn":1,"deadline":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
	require.Equal(t, "the game's engine is being restarted", m.want(http.StatusOK, m.members[0], "GET", m.in(), "")["waiting"].(map[string]any)["text"])
	close(hold)
	r = m.until("it is up again", idle)
	require.Nil(t, r["closed_since"])
	m.engines.Change(m.id, func(g *enginetest.Game) { require.Equal(t, 2, g.Started) })
}

func TestAnEngineIsPatched(t *testing.T) {
	m := beginMatch(t, nil)
	for version, want := range map[string]string{"2.0.0": "semver_patch_only", "1.0.0": "semver_patch_only", "0.9.9": "semver_patch_only", "1.0.9": "conflict", "newest": "invalid_request"} {
		m.refused(want, root, "POST", m.ops()+"/patch", `{"version":"`+version+`"}`)
	}
	r := m.want(http.StatusOK, root, "POST", m.ops()+"/patch", `{"version":"1.0.1"}`)
	require.Equal(t, map[string]any{"version": "1.0.1", "image_ref": "engine:1.0.1"}, r["patch"])
	require.Equal(t, []any{"patch", "patching", "1.0.0"}, []any{r["operation"].(map[string]any)["kind"], r["why"], r["engine_version"]})
	r = m.until("it is patched", func(r map[string]any) bool { return r["engine_version"] == "1.0.1" && idle(r) })
	require.Nil(t, r["patch"])
	require.Equal(t, "engine:1.0.1", r["image_ref"])
}

func TestAStoppedGameGoesOnWithAnotherVersionLine(t *testing.T) {
	m := beginMatch(t, nil)
	path := "/admin/games/" + m.id.String()
	m.refused("conflict", root, "PATCH", path, `{"target_engine_version":"2.0.0"}`)
	m.want(http.StatusOK, root, "POST", path+"/force-stop", "")
	r := m.until("it is stopped", func(r map[string]any) bool { return r["status"] == "stopped" && r["operation"] == nil })
	require.Equal(t, "paused", r["game_status"])
	require.Greater(t, r["remaining_seconds"], 0.0)
	m.refused("conflict", root, "POST", m.ops()+"/restart", "")
	require.Equal(t, "2.0.0", m.want(http.StatusOK, root, "PATCH", path, `{"target_engine_version":"2.0.0"}`)["target_engine_version"])
	m.want(http.StatusOK, root, "POST", path+"/resume", "")
	r = m.until("it goes on", idle)
	require.Equal(t, []any{"2.0.0", "engine:2.0.0"}, []any{r["engine_version"], r["image_ref"]})
}

// TestAStoppedGameKeepsToTheVersionThatHasWrittenItsState: its target, of the start, was overtaken by a patch.
func TestAStoppedGameKeepsToTheVersionThatHasWrittenItsState(t *testing.T) {
	m := beginMatch(t, nil)
	path := "/admin/games/" + m.id.String()
	stop := func() {
		t.Helper()
		m.want(http.StatusOK, root, "POST", path+"/force-stop", "")
		m.until("it is stopped", func(r map[string]any) bool { return r["status"] == "stopped" && r["operation"] == nil })
	}
	m.want(http.StatusOK, root, "POST", m.ops()+"/patch", `{"version":"1.0.1"}`)
	m.until("it is patched", func(r map[string]any) bool { return r["engine_version"] == "1.0.1" && idle(r) })
	require.Equal(t, "1.0.1", m.want(http.StatusOK, root, "GET", path, "")["target_engine_version"])
	stop()
	m.want(http.StatusOK, root, "POST", path+"/resume", "")
	require.Equal(t, "1.0.1", m.until("it goes on", idle)["engine_version"])

	m.refused("conflict", root, "PATCH", path, `{"target_engine_version":"1.0.0"}`)
	stop()
	a := m.want(http.StatusConflict, root, "PATCH", path, `{"target_engine_version":"1.0.0"}`)
	require.Contains(t, a["error"].(map[string]any)["message"], "engine 1.0.1 has written the game's state last, and the older 1.0.0 is never started on it")
	m.refused("conflict", root, "PATCH", path, `{"target_engine_version":"1.0.0","state_restored":false}`)
	m.refused("invalid_request", root, "PATCH", path, `{"state_restored":true}`)
	m.want(http.StatusOK, root, "PATCH", path, `{"target_engine_version":"1.0.0","state_restored":true}`)
	r := m.until("its container is gone", func(r map[string]any) bool { return r["status"] == "removed" && r["operation"] == nil })
	require.Equal(t, []any{"1.0.1", "1.0.0"}, []any{r["engine_version"], r["state_version"]})
	m.want(http.StatusOK, root, "POST", path+"/resume", "")
	r = m.until("it goes on", idle)
	require.Equal(t, []any{"1.0.0", "engine:1.0.0", nil}, []any{r["engine_version"], r["image_ref"], r["state_version"]})
	require.Len(t, items(m.want(http.StatusOK, root, "GET", "/admin/audit?action=runtime.state_restored", "")), 1)
}

// record stores a game whose engine stands as told, without an actor having heard of it.
func (w *world) record(set func(*galaxy.Game)) galaxy.Game {
	w.Helper()
	change, err := galaxy.NewGame(galaxy.GameID{UUID: galaxy.NewID()}, galaxy.Public, galaxy.GameSpec{Name: "Rigel", MinPlayers: 2, MaxPlayers: 4, Schedule: galaxy.Schedule{Cron: "0 21 * * *"}},
		galaxy.Idempotency{}, galaxy.By{Principal: galaxy.Admin("root"), At: storetest.Now()}, time.Minute)
	require.NoError(w, err)
	set(&change.Next)
	change.Memberships = change.Next.Members
	return storetest.Commit(w.T, w.st, change)
}

// TestRuntimesAreListed: by status and by what they wait for, page by page, with all that an operator must know at night.
func TestRuntimesAreListed(t *testing.T) {
	w := beginAway(t)
	at := storetest.Now().Add(-time.Hour)
	w.record(func(*galaxy.Game) {}) // was never started
	for _, status := range []galaxy.RuntimeStatus{galaxy.RuntimeStopped, galaxy.RuntimeRemoved} {
		w.record(func(g *galaxy.Game) {
			g.Status, g.Runtime.Status, g.Runtime.Why, g.Runtime.EndedAt = galaxy.Cancelled, status, galaxy.WhyStopped, &at
		})
	}
	wounded := w.record(func(g *galaxy.Game) {
		g.Status, g.Reason = galaxy.Paused, "paused"
		g.Runtime = galaxy.Runtime{Status: galaxy.RuntimeStarting, Pin: galaxy.Pin{EngineVersion: "1.0.0", ImageRef: "engine:1.0.0"}, Patch: &galaxy.Pin{EngineVersion: "1.0.1", ImageRef: "engine:1.0.1"},
			Turn: 7, Reports: 6, Digest: "d7", Makeup: true, ClosedSince: &at, Remaining: new(90 * time.Minute), OpNumber: 12, StartedAt: &at,
			Op:  &galaxy.Operation{Kind: galaxy.OpPatch, Number: 12, Attempt: 2, Since: at, Turn: 8, Cause: galaxy.CauseEarly, By: galaxy.Admin("ann"), Due: &at},
			Why: galaxy.WhyPatching, WhyText: "the engine is being patched", WhySince: at, Failure: &galaxy.Failure{At: at, Cause: "exit code 2", Log: "out of cheese"}}
	})
	all := items(w.want(http.StatusOK, root, "GET", "/admin/runtimes", ""))
	require.Len(t, all, 3)
	stamp := at.Format(time.RFC3339Nano)
	require.Equal(t, map[string]any{"game_id": wounded.ID.String(), "game_name": "Rigel", "game_status": "paused", "status": "starting", "driver_unknown": false,
		"engine_version": "1.0.0", "image_ref": "engine:1.0.0", "turn": 7.0, "reports": 6.0, "state_digest": "d7", "makeup": true, "closed_since": stamp, "remaining_seconds": 5400.0,
		"operation": map[string]any{"kind": "patch", "number": 12.0, "attempt": 2.0, "since": stamp, "turn": 8.0, "cause": "early", "deadline": stamp, "by": "admin:ann"},
		"patch":     map[string]any{"version": "1.0.1", "image_ref": "engine:1.0.1"}, "failure": map[string]any{"at": stamp, "cause": "exit code 2", "log": "out of cheese"},
		"why": "patching", "why_text": "the engine is being patched", "why_since": stamp, "started_at": stamp,
		"next": "the new engine must show the same turn, or else the old one is put back; then orders are open again"}, all[0])
	for query, want := range map[string]int{"?status=stopped": 1, "?status=removed": 1, "?status=running": 0, "?status=none": 1, "?why=stopped": 2, "?why=patching": 1, "?why=stopped&status=stopped": 1, "?why=idle": 0} {
		require.Len(t, items(w.want(http.StatusOK, root, "GET", "/admin/runtimes"+query, "")), want, query)
	}
	w.want(http.StatusBadRequest, root, "GET", "/admin/runtimes?status=asleep", "")
	w.want(http.StatusBadRequest, root, "GET", "/admin/runtimes?why=because", "")
	seen, cursor := map[any]bool{}, ""
	for range 3 {
		page := w.want(http.StatusOK, root, "GET", "/admin/runtimes?limit=1"+cursor, "")
		seen[items(page)[0].(map[string]any)["game_id"]] = true
		next, more := page["next_cursor"].(string)
		cursor = "&cursor=" + next
		require.Equal(t, len(seen) < 3, more)
	}
	require.Len(t, seen, 3)
}

func TestARuntimeTellsWhatIsStillToBeDone(t *testing.T) {
	w := beginAway(t)
	at := storetest.Now().Add(-time.Hour)
	g := w.record(func(g *galaxy.Game) {
		g.Status, g.Reason = galaxy.Paused, "stopped"
		g.Runtime.Status, g.Runtime.Turn, g.Runtime.Reports, g.Runtime.Why, g.Runtime.WhyText = galaxy.RuntimeStopped, 2, 2, galaxy.WhyStopped, "stopped by somebody"
		g.Members = []galaxy.Membership{{ID: galaxy.MembershipID{UUID: galaxy.NewID()}, User: w.player.ID, Race: "Vogons", RaceKey: "vogons", Status: galaxy.MemberBlocked, Banish: galaxy.BanishWanted, JoinedAt: at, EndedAt: &at}}
	})
	r := w.want(http.StatusOK, root, "GET", "/admin/runtimes/"+g.ID.String(), "")
	require.Equal(t, []any{"Vogons"}, r["banish_pending"])
	require.Equal(t, []any{"stopped", "stopped by somebody", "the game goes on when its owner or an operator resumes it"}, []any{r["why"], r["why_text"], r["next"]})
	s := w.want(http.StatusOK, w.player1, "GET", "/user/games/"+g.ID.String(), "")["waiting"].(map[string]any)
	require.Equal(t, []any{"stopped", "the game's engine is stopped"}, []any{s["code"], s["text"]}, "players are told what is theirs to know")

	run := w.record(func(g *galaxy.Game) {
		g.Status, g.Runtime.Status, g.Runtime.Turn, g.Runtime.Reports, g.Runtime.Why = galaxy.Running, galaxy.RuntimeRunning, 2, 2, galaxy.WhyDeadline
		g.Runtime.Deadline = new(storetest.Now().Add(time.Hour))
	})
	require.Eventually(t, func() bool {
		r = w.want(http.StatusOK, root, "GET", "/admin/runtimes/"+run.ID.String(), "")
		return r["driver_unknown"] == true
	}, waits, 10*time.Millisecond)
	require.Equal(t, []any{"running", "driver_unknown"}, []any{r["status"], r["why"]}, "nothing is concluded")
}

func TestAnEngineVersionIsEdited(t *testing.T) {
	w := begin(t)
	const path = "/admin/engine-versions/1.2.3"
	_, made, h := w.call(root, "POST", "/admin/engine-versions", `{"version":"1.2.3","image_ref":"engine:1.2.3"}`)
	require.Equal(t, made["etag"], h.Get("ETag"))
	status, edited, h2 := w.call(root, "PATCH", path, `{"enabled":false,"expected_turn":true}`, "If-Match", h.Get("ETag"))
	require.Equal(t, http.StatusOK, status, edited)
	require.Equal(t, []any{false, true, "engine:1.2.3"}, []any{edited["enabled"], edited["expected_turn"], edited["image_ref"]})
	require.NotEqual(t, h.Get("ETag"), h2.Get("ETag"))
	require.Equal(t, "conflict", code(w.want(http.StatusPreconditionFailed, root, "PATCH", path, `{"image_ref":"engine:other"}`, "If-Match", h.Get("ETag"))))
	listed := items(w.want(http.StatusOK, root, "GET", "/admin/engine-versions", ""))[0].(map[string]any)
	require.Equal(t, edited, listed)
	w.want(http.StatusOK, root, "PATCH", path, `{"image_ref":"engine:other"}`, "If-Match", listed["etag"].(string))
	require.Equal(t, "engine:final", w.want(http.StatusOK, root, "PATCH", path, `{"image_ref":"engine:final"}`)["image_ref"], "whatever is there")
	for _, body := range []string{`{}`, `{"image_ref":""}`, `{"image_ref":"file://host/engine"}`, `{"version":"1.2.4"}`, `{"enabled":null}`} {
		require.Equal(t, "invalid_request", code(w.want(http.StatusBadRequest, root, "PATCH", path, body)), body)
	}
	require.Equal(t, "subject_not_found", code(w.want(http.StatusNotFound, root, "PATCH", "/admin/engine-versions/9.9.9", `{"enabled":true}`)))
	lines := items(w.want(http.StatusOK, root, "GET", "/admin/audit?action=engine_version.edit", ""))
	require.Len(t, lines, 3)
	first := lines[2].(map[string]any)
	require.Equal(t, []any{"engine_version:1.2.3", "admin", "root"}, []any{first["subject"], first["actor_kind"], first["actor_id"]})
	require.Equal(t, []any{true, false}, []any{first["before"].(map[string]any)["enabled"], first["after"].(map[string]any)["enabled"]})
}

func TestContainersThatNoGameWants(t *testing.T) {
	stray := galaxy.GameID{UUID: galaxy.NewID()}
	m := beginMatch(t, func(e *enginetest.Engines) {
		e.Change(stray, func(g *enginetest.Game) { g.State = galaxy.ContainerRunning })
	})
	list := items(m.want(http.StatusOK, root, "GET", "/admin/runtimes/orphans", ""))
	require.Len(t, list, 1)
	found := list[0].(map[string]any)
	require.Equal(t, []any{stray.String(), stray.String(), "running", galaxy.OrphanNoGame}, []any{found["game_id"], found["container_id"], found["state"], found["reason"]})
	require.NotEmpty(t, found["since"])
	require.Nil(t, found["started_at"], "the stand-in does not know")
}

func TestAnEngineIsListenedTo(t *testing.T) {
	m := beginMatch(t, nil)
	for _, tail := range []string{"", "?tail=1", "?tail=1000"} {
		require.Equal(t, map[string]any{"game_id": m.id.String(), "log": "the stand-in has said its last words"}, m.want(http.StatusOK, root, "GET", m.ops()+"/logs"+tail, ""))
	}
	for _, tail := range []string{"0", "1001", "all", "-1"} {
		m.refused("invalid_request", root, "GET", m.ops()+"/logs?tail="+tail, "")
	}
	silent := m.record(func(*galaxy.Game) {})
	require.Equal(t, "", m.want(http.StatusOK, root, "GET", "/admin/runtimes/"+silent.ID.String()+"/logs", "")["log"])
	m.engines.Away(true)
	m.refused("service_unavailable", root, "GET", m.ops()+"/logs", "")
}
