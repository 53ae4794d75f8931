package http_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/push"
	"galaxy/backend/galaxy"
	"galaxy/backend/store/storetest"
)

// as makes a request in somebody's name.
type as func(*http.Request)

func (w *world) player1(r *http.Request) { r.Header.Set("X-User-ID", w.player.ID.String()) }
func root(r *http.Request)               { r.SetBasicAuth("root", "secret") }
func nobody(*http.Request)               {}

// call answers a request and gives what a caller sees of it.
func (w *world) call(who as, method, path, body string, headers ...string) (status int, answer map[string]any, header http.Header) {
	w.Helper()
	r := httptest.NewRequest(method, "/api/v1"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	} else {
		r.Body = http.NoBody
	}
	who(r)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	if op, ok := w.find(method, r.URL.Path); ok {
		w.holds(op, r, rec)
	}
	if rec.Body.Len() > 0 {
		require.NoError(w, json.Unmarshal(rec.Body.Bytes(), &answer), rec.Body.String())
	}
	return rec.Code, answer, rec.Header()
}

// want is call for one status.
func (w *world) want(status int, who as, method, path, body string, headers ...string) map[string]any {
	w.Helper()
	got, answer, _ := w.call(who, method, path, body, headers...)
	require.Equal(w, status, got, "%s %s %s: %v", method, path, body, answer)
	return answer
}

func items(answer map[string]any) []any { return answer["items"].([]any) }

func TestAnAccountIsEdited(t *testing.T) {
	w := begin(t)
	_, _, h := w.call(w.player1, "GET", "/user/account", "")
	tag := h.Get("ETag")
	require.NotEmpty(t, tag)
	_, a, h := w.call(w.player1, "PATCH", "/user/account/profile", `{"display_name":"Änn"}`, "If-Match", tag)
	require.Equal(t, "Änn", a["display_name"])
	require.NotEqual(t, tag, h.Get("ETag"))
	stale := w.want(http.StatusPreconditionFailed, w.player1, "PATCH", "/user/account/profile", `{"display_name":"Anna"}`, "If-Match", tag)
	require.Equal(t, "conflict", stale["error"].(map[string]any)["code"])
	w.want(http.StatusBadRequest, w.player1, "PATCH", "/user/account/profile", `{"display_name":"Anna"}`, "If-Match", "yesterday")
	a = w.want(http.StatusOK, w.player1, "PATCH", "/user/account/settings", `{"time_zone":"Asia/Tokyo","preferred_language":"pt-br"}`)
	require.Equal(t, []any{"Asia/Tokyo", "pt-BR"}, []any{a["time_zone"], a["preferred_language"]})
	w.want(http.StatusBadRequest, w.player1, "PATCH", "/user/account/settings", `{"time_zone":"Mars/Olympus"}`)
	got := w.want(http.StatusOK, w.player1, "GET", "/user/account", "")
	require.Equal(t, []any{"Änn", "Asia/Tokyo"}, []any{got["display_name"], got["time_zone"]})
	p := w.want(http.StatusOK, w.player1, "PUT", "/user/account/notification-preferences", `{"email":{"lobby.application.approved":false}}`)
	require.Equal(t, p, w.want(http.StatusOK, w.player1, "GET", "/user/account/notification-preferences", ""))
	require.Equal(t, map[string]any{"lobby.application.approved": false, "lobby.application.rejected": true, "lobby.invite.received": true,
		"lobby.membership.removed": true, "lobby.membership.blocked": true, "lobby.race_name.pending": true}, p["email"])
	w.want(http.StatusBadRequest, w.player1, "PUT", "/user/account/notification-preferences", `{"email":{"auth.login_code":false}}`)
	e := w.want(http.StatusOK, w.player1, "GET", "/user/account/export", "")
	require.Len(t, e["sessions"], 1)
	require.NotEmpty(t, e["actions"])
}

func TestAPlayersDevices(t *testing.T) {
	w := begin(t)
	sub, err := kit.Ask(t.Context(), w.system.Push, push.Subscribe{Client: "g"})
	require.NoError(t, err)
	phone := w.session
	_, tablet := w.another("ann@example.com")
	_, laptop := w.another("ann@example.com")
	stranger, foreign := w.another("bob@example.com")
	header := []string{"X-Device-Session-ID", phone.ID.String()}
	list := items(w.want(http.StatusOK, w.player1, "GET", "/user/sessions", "", header...))
	require.Len(t, list, 3)
	require.Equal(t, true, list[2].(map[string]any)["current"], "newest first")
	named := w.want(http.StatusOK, w.player1, "PATCH", "/user/sessions/"+tablet.ID.String(), `{"device_name":"Tablet"}`)
	require.Equal(t, "Tablet", named["device_name"])
	w.want(http.StatusNotFound, w.player1, "PATCH", "/user/sessions/"+foreign.ID.String(), `{"device_name":"Mine"}`)
	w.want(http.StatusNotFound, w.player1, "POST", "/user/sessions/"+foreign.ID.String()+"/revoke", "")
	look := func(s galaxy.Session) any {
		return w.want(http.StatusOK, nobody, "GET", "/internal/sessions/"+s.ID.String(), "")["status"]
	}
	w.want(http.StatusNoContent, w.player1, "POST", "/user/sessions/"+tablet.ID.String()+"/revoke", "")
	require.Equal(t, "revoked", look(tablet))
	require.Equal(t, "active", look(laptop))
	w.want(http.StatusBadRequest, w.player1, "POST", "/user/sessions/revoke-others", "")
	w.want(http.StatusNoContent, w.player1, "POST", "/user/sessions/revoke-others", "", header...)
	require.Equal(t, []any{"active", "revoked", "active"}, []any{look(phone), look(laptop), look(foreign)})
	w.want(http.StatusUnauthorized, w.player1, "GET", "/user/account", "", "X-Device-Session-ID", laptop.ID.String())
	w.want(http.StatusNoContent, nobody, "POST", "/internal/sessions/"+phone.ID.String()+"/revoke", "")
	require.Equal(t, "revoked", look(phone))
	w.want(http.StatusNoContent, nobody, "POST", "/internal/users/"+stranger.ID.String()+"/sessions/revoke-all", "")
	require.Equal(t, "revoked", look(foreign))
	told := 0
	for told < 4 {
		frames, err := sub.Take(t.Context())
		require.NoError(t, err)
		told += len(frames)
	}
	require.Equal(t, 4, told)
	require.Len(t, items(w.want(http.StatusOK, root, "GET", "/admin/users/"+w.player.ID.String()+"/sessions", "")), 3, "operators see ended ones too")
}

// another signs a device in.
func (w *world) another(email string) (galaxy.Account, galaxy.Session) {
	a, s := storetest.SignIn(w.T, w.st, email)
	w.system.Rights.Add(a)
	w.system.Table.Add(s)
	return a, s
}

func TestOperatorsKeepOperators(t *testing.T) {
	w := begin(t)
	ann := func(r *http.Request) { r.SetBasicAuth("ann", "a long password") }
	w.want(http.StatusCreated, root, "POST", "/admin/admin-accounts", `{"username":"ann","password":"a long password"}`)
	w.want(http.StatusConflict, root, "POST", "/admin/admin-accounts", `{"username":"ann","password":"another password"}`)
	require.Len(t, items(w.want(http.StatusOK, ann, "GET", "/admin/admin-accounts", "")), 2)
	require.Equal(t, true, w.want(http.StatusOK, ann, "GET", "/admin/admin-accounts/ann", "")["enabled"])
	w.want(http.StatusOK, root, "POST", "/admin/admin-accounts/ann/disable", "")
	w.want(http.StatusUnauthorized, ann, "GET", "/admin/admin-accounts", "")
	w.want(http.StatusConflict, root, "POST", "/admin/admin-accounts/root/disable", "")
	w.want(http.StatusOK, root, "POST", "/admin/admin-accounts/ann/enable", "")
	w.want(http.StatusOK, root, "POST", "/admin/admin-accounts/ann/reset-password", `{"password":"something quite new"}`)
	w.want(http.StatusUnauthorized, ann, "GET", "/admin/admin-accounts", "")
	w.want(http.StatusOK, func(r *http.Request) { r.SetBasicAuth("ann", "something quite new") }, "GET", "/admin/admin-accounts", "")
	for range 5 {
		w.call(func(r *http.Request) { r.SetBasicAuth("root", "guess") }, "GET", "/admin/admin-accounts", "", "X-Forwarded-For", "203.0.113.9")
	}
	status, answer, h := w.call(func(r *http.Request) { r.SetBasicAuth("root", "guess") }, "GET", "/admin/admin-accounts", "", "X-Forwarded-For", "203.0.113.9")
	require.Equal(t, http.StatusTooManyRequests, status, answer)
	require.NotEmpty(t, h.Get("Retry-After"))
}

func TestOperatorsAndPlayers(t *testing.T) {
	w := begin(t)
	path := "/admin/users/" + w.player.ID.String()
	found := w.want(http.StatusOK, root, "GET", "/admin/users/lookup?email=ANN@example.com", "")
	require.Equal(t, w.player.ID.String(), found["user_id"])
	w.want(http.StatusBadRequest, root, "GET", "/admin/users/lookup", "")
	w.want(http.StatusNotFound, root, "GET", "/admin/users/lookup?user_name=nobody", "")
	require.Len(t, items(w.want(http.StatusOK, root, "GET", "/admin/users?text=ann&status=active&tier=free", "")), 1)
	w.want(http.StatusOK, root, "POST", path+"/entitlement", `{"tier":"permanent"}`)
	w.want(http.StatusBadRequest, root, "POST", path+"/entitlement", `{"tier":"monthly"}`)
	w.want(http.StatusOK, root, "POST", path+"/limits", `{"name":"max_active_memberships","value":7}`)
	w.want(http.StatusOK, root, "POST", path+"/email", `{"email":"Ann@Elsewhere.example"}`)
	s := w.want(http.StatusCreated, root, "POST", path+"/sanctions", `{"kind":"diplomail_block","reason_code":"spam","text":"too much","expires_at":"`+time.Now().Add(time.Hour).Format(time.RFC3339)+`"}`)
	a := w.want(http.StatusOK, w.player1, "GET", "/user/account", "")
	require.Equal(t, []any{"ann@elsewhere.example", "permanent"}, []any{a["email"], a["entitlement"].(map[string]any)["tier"]})
	require.EqualValues(t, 7, a["limits"].(map[string]any)["max_active_memberships"])
	require.Len(t, a["sanctions"], 1)
	require.NotContains(t, a["sanctions"].([]any)[0], "text", "what operators note is not the player's")
	w.want(http.StatusOK, root, "POST", path+"/sanctions/"+s["sanction_id"].(string)+"/lift", `{"reason":"sorry"}`)
	w.want(http.StatusNotFound, root, "POST", path+"/sanctions/"+s["sanction_id"].(string)+"/lift", `{"reason":"sorry"}`)
	d := w.want(http.StatusOK, root, "GET", path, "")
	require.Len(t, d["sanctions"], 1)
	require.Len(t, d["entitlement_history"], 1)
	require.Len(t, d["set_limits"], 1)
	require.Len(t, d["sessions"], 1)
	w.want(http.StatusOK, root, "GET", path+"/notifications", "")
	w.want(http.StatusOK, root, "GET", path+"/countries", "")
	lines := items(w.want(http.StatusOK, root, "GET", "/admin/audit?actor_kind=admin&actor_id=root&subject=user:"+w.player.ID.String(), ""))
	var actions []any
	for _, l := range lines {
		l := l.(map[string]any)
		actions = append(actions, l["action"])
		encoded, err := json.Marshal(l)
		require.NoError(t, err)
		require.NotContains(t, strings.ToLower(string(encoded)), "ann@", "no line names a person")
		require.NotContains(t, string(encoded), "too much")
	}
	require.Equal(t, []any{"user.sanction_lift", "user.sanction", "user.email", "user.limit", "user.entitlement"}, actions)
	before := lines[4].(map[string]any)
	require.Equal(t, "free", before["before"].(map[string]any)["tier"])
	require.Equal(t, "permanent", before["after"].(map[string]any)["tier"])
	w.want(http.StatusBadRequest, root, "GET", "/admin/audit?actor_id=root", "")
	w.want(http.StatusAccepted, root, "POST", path+"/soft-delete", "")
	w.want(http.StatusAccepted, root, "POST", path+"/soft-delete", "")
	w.want(http.StatusUnauthorized, w.player1, "GET", "/user/account", "")
	require.Eventually(t, func() bool {
		return w.want(http.StatusOK, root, "GET", path, "")["deletion"] == "done"
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, "deleted", w.want(http.StatusOK, root, "GET", path, "")["status"])
}

func TestEverySanctionForbidsItsOperations(t *testing.T) {
	w := begin(t)
	game, _ := storetest.Game(t, w.st, 0)
	operations := map[string]struct{ method, path, body string }{
		"profile":      {"PATCH", "/user/account/profile", `{"display_name":"Ann"}`},
		"settings":     {"PATCH", "/user/account/settings", `{"time_zone":"Asia/Tokyo"}`},
		"email-change": {"POST", "/user/account/email-change", `{"email":"new@example.com"}`},
		"apply":        {"POST", "/user/lobby/games/" + game.ID.String() + "/applications", `{"race_name":"Vogons"}`},
		"account":      {"GET", "/user/account", ""},
		"export":       {"GET", "/user/account/export", ""},
		"sessions":     {"GET", "/user/sessions", ""},
	}
	forbidden := map[galaxy.SanctionKind][]string{
		galaxy.LoginBlock:             {"profile", "settings", "email-change", "apply", "account", "export", "sessions"},
		galaxy.PermanentBlock:         {"profile", "settings", "email-change", "apply", "account", "export", "sessions"},
		galaxy.ProfileUpdateBlock:     {"profile", "settings", "email-change"},
		galaxy.GameJoinBlock:          {"apply"},
		galaxy.PrivateGameCreateBlock: {}, galaxy.PrivateGameManageBlock: {}, galaxy.DiplomailBlock: {},
	}
	for _, kind := range galaxy.SanctionKinds {
		a := w.signIn(string(kind) + "@example.com")
		me := func(r *http.Request) { r.Header.Set("X-User-ID", a.ID.String()) }
		w.want(http.StatusCreated, root, "POST", "/admin/users/"+a.ID.String()+"/sanctions", `{"kind":"`+string(kind)+`","reason_code":"abuse"}`)
		for name, op := range operations {
			status, answer, _ := w.call(me, op.method, op.path, op.body)
			if slices.Contains(forbidden[kind], name) {
				require.Equal(t, http.StatusForbidden, status, "%s under %s: %v", name, kind, answer)
				require.Equal(t, "forbidden", answer["error"].(map[string]any)["code"])
			} else {
				require.NotEqual(t, http.StatusForbidden, status, "%s under %s: %v", name, kind, answer)
			}
		}
	}
}

func TestFirstReadsIssueNoStatement(t *testing.T) {
	w := begin(t)
	before := w.st.Statements()
	known := w.want(http.StatusOK, nobody, "GET", "/internal/sessions/"+w.session.ID.String(), "")
	require.Equal(t, base64.StdEncoding.EncodeToString(w.session.Key[:]), known["client_public_key"])
	_, ok := w.system.Rights.Of(w.player.ID)
	require.True(t, ok)
	w.want(http.StatusOK, root, "GET", "/admin/admin-accounts", "")
	w.want(http.StatusOK, root, "GET", "/admin/actors", "")
	require.Equal(t, before, w.st.Statements())
}

func TestOperatorsSeeTheTree(t *testing.T) {
	w := begin(t)
	w.want(http.StatusOK, w.player1, "GET", "/user/account", "")
	w.want(http.StatusOK, nobody, "POST", "/public/auth/send-email-code", `{"email":"somebody@example.com"}`)
	all := w.want(http.StatusOK, root, "GET", "/admin/actors", "")
	counts := all["counts"].(map[string]any)
	for _, kind := range []string{"account", "address", "push", "admin", "sweeper", "geo", "notify", "mail_worker", "versions"} {
		require.GreaterOrEqual(t, counts[kind], 1.0, kind)
	}
	encoded, err := json.Marshal(all)
	require.NoError(t, err)
	require.NotContains(t, string(encoded), "somebody@", "keys that name persons are not shown")
	require.Contains(t, string(encoded), w.player.ID.String())
	seen, cursor := map[string]bool{}, ""
	for {
		page := w.want(http.StatusOK, root, "GET", "/admin/actors?limit=4"+cursor, "")
		for _, a := range items(page) {
			path := a.(map[string]any)["path"].(string)
			require.False(t, seen[path])
			seen[path] = true
		}
		next, more := page["next_cursor"].(string)
		if !more {
			break
		}
		cursor = "&cursor=" + next
	}
	require.Len(t, seen, len(items(all)))
	only := items(w.want(http.StatusOK, root, "GET", "/admin/actors?kind=account", ""))
	require.Len(t, only, 1)
	w.want(http.StatusBadRequest, root, "GET", "/admin/actors?cursor=!!!", "")
}

func TestWhatIsNoCode(t *testing.T) {
	w := begin(t)
	sent := w.want(http.StatusOK, nobody, "POST", "/public/auth/send-email-code", `{"email":"new@example.com"}`)
	confirm := func(code string) string {
		return `{"challenge_id":"` + sent["challenge_id"].(string) + `","code":` + code + `,"client_public_key":"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=","time_zone":"UTC"}`
	}
	tries := func() int {
		made, err := w.st.Challenges(t.Context(), "new@example.com", time.Now().Add(-time.Hour))
		require.NoError(t, err)
		require.Len(t, made, 1)
		return made[0].Attempts
	}
	for _, code := range []string{`""`, `"12345"`, `"1234567"`, `"abcdef"`, `"12 456"`, `"١٢٣٤٥٦"`, `"１２３４５６"`, `"12345\n"`, `"-12345"`, `123456`, `null`} {
		w.want(http.StatusBadRequest, nobody, "POST", "/public/auth/confirm-email-code", confirm(code))
	}
	require.Zero(t, tries(), "none of them is a try")
	w.want(http.StatusUnauthorized, nobody, "POST", "/public/auth/confirm-email-code", confirm(`"000000"`))
	require.Equal(t, 1, tries())
}
