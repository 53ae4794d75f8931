package http_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheLobbyIsSearched: by status, by words, page by page; and what is the player's own.
func TestTheLobbyIsSearched(t *testing.T) {
	w := begin(t)
	w.pay(w.player)
	for i, name := range []string{"Alpha Centauri", "Beta Pictoris", "Alpha Lyrae"} {
		g := w.want(http.StatusCreated, root, "POST", "/admin/games", fmt.Sprintf(`{"name":%q,"description":"number %d",%s}`, name, i, spec))
		if i != 1 {
			w.want(http.StatusOK, root, "POST", "/admin/games/"+g["game_id"].(string)+"/open-enrollment", `{"enrollment_ends_at":"2099-01-01T00:00:00Z"}`)
		}
	}
	own := w.private()
	for query, want := range map[string]int{"": 2, "?text=alpha": 2, "?text=alp+cent": 1, "?text=beta": 0, "?text=number+2": 1, "?text=%21%26%7C": 2, "?status=running": 0,
		"?status=enrollment_open&text=LYRAE": 1, "?status=draft": 0} {
		require.Len(t, items(w.want(http.StatusOK, w.player1, "GET", "/user/lobby/games"+query, "")), want, query)
	}
	require.Len(t, items(w.want(http.StatusOK, root, "GET", "/admin/games?visibility=private", "")), 1)
	require.Len(t, items(w.want(http.StatusOK, root, "GET", "/admin/games?text=beta&status=draft", "")), 1)
	seen, cursor := map[string]bool{}, ""
	for range 4 {
		page := w.want(http.StatusOK, root, "GET", "/admin/games?limit=1"+cursor, "")
		seen[items(page)[0].(map[string]any)["game_id"].(string)] = true
		next, more := page["next_cursor"].(string)
		cursor = "&cursor=" + next
		require.Equal(t, len(seen) < 4, more)
	}
	require.Len(t, seen, 4)
	mine := items(w.want(http.StatusOK, w.player1, "GET", "/user/lobby/my/games", ""))
	require.Len(t, mine, 1)
	require.Equal(t, own, mine[0].(map[string]any)["game"].(map[string]any)["game_id"])
	require.Equal(t, true, mine[0].(map[string]any)["owner"])
	require.Empty(t, items(w.want(http.StatusOK, w.player1, "GET", "/user/lobby/my/games?status=finished", "")))
}

// TestAGameIsEdited: for the version that was read, or not at all.
func TestAGameIsEdited(t *testing.T) {
	w := begin(t)
	w.pay(w.player)
	path := "/user/lobby/games/" + w.private()
	_, _, h := w.call(w.player1, "GET", path, "")
	tag := h.Get("ETag")
	require.NotEmpty(t, tag)
	edited := w.want(http.StatusOK, w.player1, "PATCH", path, `{"description":"first"}`, "If-Match", tag)
	require.Equal(t, "first", edited["description"])
	stale := w.want(http.StatusPreconditionFailed, w.player1, "PATCH", path, `{"description":"second"}`, "If-Match", tag)
	require.Equal(t, "conflict", stale["error"].(map[string]any)["code"])
	w.want(http.StatusOK, w.player1, "PATCH", path, `{"description":"third"}`)
	w.want(http.StatusPreconditionFailed, root, "PATCH", "/admin/games/"+path[len("/user/lobby/games/"):], `{"description":"fourth"}`, "If-Match", tag)
	require.Equal(t, "third", w.want(http.StatusOK, w.player1, "GET", path, "")["description"])
	for body, code := range map[string]int{`{"turn_schedule":"* * * * *"}`: http.StatusConflict, `{"name":"other"}`: http.StatusConflict, `{"enrollment_ends_at":"2020-01-01T00:00:00Z"}`: http.StatusBadRequest,
		`{"max_players":1}`: http.StatusBadRequest, `{"start_gap_hours":169}`: http.StatusBadRequest, `{"description":"a\u0000b"}`: http.StatusBadRequest, `{"early":true}`: http.StatusBadRequest} {
		w.want(code, w.player1, "PATCH", path, body)
	}
}

// TestGamesThatCannotBeMade: each with the code that says why.
func TestGamesThatCannotBeMade(t *testing.T) {
	w := begin(t)
	make := func(code int, body string) {
		t.Helper()
		w.want(code, w.player1, "POST", "/user/lobby/games", body)
	}
	make(http.StatusUnprocessableEntity, `{"name":"Sirius",`+spec+`}`) // who has not paid
	w.pay(w.player)
	for _, schedule := range []string{"every day", "0 0 30 2 *", "* * * * * *", "@daily", "61 * * * *", "TZ=UTC 0 21 * * *"} {
		make(http.StatusBadRequest, `{"name":"Sirius","min_players":2,"max_players":4,"turn_schedule":"`+schedule+`"}`)
	}
	for _, field := range []string{`"schedule_time_zone":"Mars/Olympus"`, `"enrollment_ends_at":"2020-01-01T00:00:00Z"`, `"start_gap_players":17`, `"start_gap_hours":-1`, `"order_grace_seconds":604801`,
		`"target_engine_version":"newest"`, `"race_name":"two words"`, `"race_name":"\u202eabc"`, `"race_name":"\ud800"`, `"race_name":"🚀"`, `"race_name":"a\u200bb"`, `"race_name":"---"`} {
		make(http.StatusBadRequest, `{"name":"Sirius",`+spec+`,`+field+`}`)
	}
	make(http.StatusBadRequest, `{"name":"Sirius","min_players":4,"max_players":3,"turn_schedule":"0 21 * * *"}`)
	make(http.StatusBadRequest, `{"name":"\u202eSirius",`+spec+`}`)
	for range 10 {
		make(http.StatusCreated, `{"name":"Sirius",`+spec+`}`)
	}
	make(http.StatusUnprocessableEntity, `{"name":"Sirius",`+spec+`}`) // the eleventh
	require.Len(t, items(w.want(http.StatusOK, w.player1, "GET", "/user/lobby/my/games", "")), 10)
}

func TestInvitesOfAGame(t *testing.T) {
	w := begin(t)
	w.pay(w.player)
	path := "/user/lobby/games/" + w.private()
	guest, other := w.signIn("guest@example.com"), w.signIn("other@example.com")
	as := func(id string) as { return func(r *http.Request) { r.Header.Set("X-User-ID", id) } }
	i := w.want(http.StatusCreated, w.player1, "POST", path+"/invites", `{"user_name":"`+guest.UserName+`"}`)
	w.want(http.StatusCreated, w.player1, "POST", path+"/invites", `{"user_id":"`+other.ID.String()+`","expires_at":"2099-01-01T00:00:00Z"}`)
	for _, bad := range []string{`{}`, `{"user_id":"` + guest.ID.String() + `","user_name":"` + guest.UserName + `"}`, `{"user_id":"` + guest.ID.String() + `","expires_at":"2020-01-01T00:00:00Z"}`} {
		status, _, _ := w.call(w.player1, "POST", path+"/invites", bad)
		require.Contains(t, []int{http.StatusBadRequest}, status, bad)
	}
	w.want(http.StatusNotFound, w.player1, "POST", path+"/invites", `{"user_name":"player-nobody"}`)
	require.Len(t, items(w.want(http.StatusOK, w.player1, "GET", path+"/invites", "")), 2)
	require.Len(t, items(w.want(http.StatusOK, as(guest.ID.String()), "GET", path+"/invites", "")), 1, "the own one alone")
	require.Len(t, items(w.want(http.StatusOK, as(guest.ID.String()), "GET", "/user/lobby/my/invites?status=pending", "")), 1)
	w.want(http.StatusOK, as(guest.ID.String()), "POST", path+"/invites/"+i["invite_id"].(string)+"/redeem", `{"race_name":"Guests"}`)
	w.want(http.StatusConflict, as(guest.ID.String()), "POST", path+"/invites/"+i["invite_id"].(string)+"/redeem", `{"race_name":"Others"}`)
	w.want(http.StatusConflict, w.player1, "POST", path+"/invites/"+i["invite_id"].(string)+"/revoke", "")
	require.Len(t, items(w.want(http.StatusOK, as(guest.ID.String()), "GET", path+"/memberships", "")), 1)
	names := items(w.want(http.StatusOK, as(guest.ID.String()), "GET", "/user/lobby/my/race-names", ""))
	require.Equal(t, "reserved", names[0].(map[string]any)["status"])
	taken := w.want(http.StatusOK, w.player1, "GET", "/user/lobby/race-names/check?name=gu-ests", "")
	require.Equal(t, []any{false, "reserved"}, []any{taken["free"], taken["reason"]})
	report := w.want(http.StatusOK, root, "GET", "/admin/race-names/GUESTS", "")
	require.Equal(t, guest.ID.String(), report["holder_user_id"])
	require.Len(t, items(report), 1)
}
