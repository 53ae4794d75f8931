package http_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/store/storetest"
)

// creates gives the operations that take an idempotency key.
func (w *world) creates() (ids []string) {
	for _, op := range w.operations() {
		if op.Parameters.GetByInAndName("header", "Idempotency-Key") != nil {
			ids = append(ids, op.OperationID)
		}
	}
	return ids
}

func TestARepeatedCreationAnswersTheFirst(t *testing.T) {
	w := begin(t)
	game, _ := storetest.Game(t, w.st, 0)
	w.pay(w.player)
	private := w.private()
	w.wins(w.player, "Zarquon")
	guest, other := w.signIn("guest@example.com"), w.signIn("other@example.com")
	cases := map[string]struct{ path, body, other string }{
		"adminCreateGame": {"/api/v1/admin/games", `{"name":"Vega","min_players":2,"max_players":4,"turn_schedule":"0 21 * * *"}`,
			`{"name":"Altair","min_players":2,"max_players":4,"turn_schedule":"0 21 * * *"}`},
		"adminAddEngineVersion": {"/api/v1/admin/engine-versions", `{"version":"9.0.0","image_ref":"engine:9.0.0"}`, `{"version":"9.0.1","image_ref":"engine:9.0.1"}`},
		"adminCreateAdmin":      {"/api/v1/admin/admin-accounts", `{"username":"ann","password":"a long password"}`, `{"username":"ann","password":"another password"}`},
		"adminSanctionUser":     {"/api/v1/admin/users/" + w.player.ID.String() + "/sanctions", `{"kind":"diplomail_block","reason_code":"spam"}`, `{"kind":"diplomail_block","reason_code":"abuse"}`},
		"createLobbyGame": {"/api/v1/user/lobby/games", `{"name":"Vega","min_players":2,"max_players":4,"turn_schedule":"0 21 * * *","race_name":"Dolphins"}`,
			`{"name":"Altair","min_players":2,"max_players":4,"turn_schedule":"0 21 * * *"}`},
		"inviteToGame":      {"/api/v1/user/lobby/games/" + private + "/invites", `{"user_id":"` + guest.ID.String() + `"}`, `{"user_name":"` + other.UserName + `"}`},
		"adminInviteToGame": {"/api/v1/admin/games/" + private + "/invites", `{"user_id":"` + other.ID.String() + `"}`, `{"user_name":"` + guest.UserName + `"}`},
		"registerRaceName":  {"/api/v1/user/lobby/race-names/register", `{"race_name":"Zarquon"}`, `{"race_name":"Zarquons"}`},
		"applyToGame":       {"/api/v1/user/lobby/games/" + game.ID.String() + "/applications", `{"race_name":"Vogons"}`, `{"race_name":"Magratheans"}`},
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(cases)), w.creates(), "every operation with a key is tried")
	for id, c := range cases {
		t.Run(id, func(t *testing.T) {
			send := func(key, body string) (int, map[string]any) {
				r := httptest.NewRequest(http.MethodPost, c.path, strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Idempotency-Key", key)
				if strings.Contains(c.path, "/admin/") {
					r.SetBasicAuth("root", "secret")
				} else {
					r.Header.Set("X-User-ID", w.player.ID.String())
				}
				rec := httptest.NewRecorder()
				w.handler.ServeHTTP(rec, r)
				var answer map[string]any
				require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &answer))
				return rec.Code, answer
			}
			status, first := send("one", c.body)
			require.Equal(t, http.StatusCreated, status, first)
			status, again := send("one", c.body)
			require.Equal(t, http.StatusCreated, status)
			require.Equal(t, first, again)
			status, refused := send("one", c.other)
			require.Equal(t, http.StatusConflict, status)
			require.Equal(t, "conflict", refused["error"].(map[string]any)["code"])
		})
	}
}
