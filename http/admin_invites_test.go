package http_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

func (w *world) caller(a galaxy.Account) as {
	return func(r *http.Request) { r.Header.Set("X-User-ID", a.ID.String()) }
}

// TestOperatorsInviteIntoAGameThatTheyHaveInherited: without members it could only be cancelled else.
func TestOperatorsInviteIntoAGameThatTheyHaveInherited(t *testing.T) {
	w := begin(t)
	w.pay(w.player)
	id := w.private()
	path, lobby := "/admin/games/"+id, "/user/lobby/games/"+id
	w.want(http.StatusAccepted, w.player1, "DELETE", "/user/account", "")
	require.Eventually(t, func() bool {
		_, g, _ := w.call(root, "GET", path, "")
		return g["owner_user_id"] == nil
	}, 20*time.Second, 10*time.Millisecond, "it is the operators'")

	first, second, third := w.signIn("first@example.com"), w.signIn("second@example.com"), w.signIn("third@example.com")
	invite := func(body string) string {
		i := w.want(http.StatusCreated, root, "POST", path+"/invites", body)
		require.NotContains(t, i, "inviter_user_id")
		return i["invite_id"].(string)
	}
	one, two := invite(`{"user_id":"`+first.ID.String()+`"}`), invite(`{"user_name":"`+second.UserName+`"}`)
	three := invite(`{"user_id":"` + third.ID.String() + `"}`)
	w.want(http.StatusConflict, root, "POST", path+"/invites", `{"user_id":"`+first.ID.String()+`"}`)
	w.want(http.StatusBadRequest, root, "POST", path+"/invites", `{}`)
	w.want(http.StatusNotFound, root, "POST", path+"/invites", `{"user_name":"player-nobody"}`)
	w.want(http.StatusNotFound, root, "POST", path+"/invites", `{"user_id":"`+galaxy.NewID().String()+`"}`)
	w.want(http.StatusNotFound, root, "POST", "/admin/games/"+galaxy.NewID().String()+"/invites", `{"user_id":"`+first.ID.String()+`"}`)
	w.want(http.StatusNotFound, root, "GET", "/admin/games/"+galaxy.NewID().String()+"/invites", "")
	require.Len(t, items(w.want(http.StatusOK, root, "GET", path+"/invites?status=pending", "")), 3)

	require.Equal(t, "revoked", w.want(http.StatusOK, root, "POST", path+"/invites/"+three+"/revoke", "")["status"])
	require.Equal(t, "revoked", w.want(http.StatusOK, root, "POST", path+"/invites/"+three+"/revoke", "")["status"], "again")
	w.want(http.StatusNotFound, root, "POST", path+"/invites/"+galaxy.NewID().String()+"/revoke", "")
	w.want(http.StatusNotFound, w.caller(third), "GET", lobby, "")

	w.want(http.StatusOK, w.caller(first), "POST", lobby+"/invites/"+one+"/redeem", `{"race_name":"Firsts"}`)
	w.want(http.StatusOK, w.caller(second), "POST", lobby+"/invites/"+two+"/redeem", `{"race_name":"Seconds"}`)
	require.Len(t, items(w.want(http.StatusOK, root, "GET", path+"/invites?status=redeemed", "")), 2)
	w.want(http.StatusOK, root, "POST", path+"/ready-to-start", "")
	w.want(http.StatusConflict, root, "POST", path+"/invites", `{"user_id":"`+third.ID.String()+`"}`)
	lines := items(w.want(http.StatusOK, root, "GET", "/admin/audit?subject=game:"+id, ""))
	var actions []any
	for _, l := range lines {
		actions = append(actions, l.(map[string]any)["action"])
	}
	require.Subset(t, actions, []any{"game.invite", "game.revoke_invite", "game.redeem"})
}

// TestAPrivateGameIsHandedToWhoMayOwnIt: the new owner's limit and sanctions count as they do for who makes a game.
func TestAPrivateGameIsHandedToWhoMayOwnIt(t *testing.T) {
	w := begin(t)
	w.pay(w.player)
	id := w.private()
	path := "/user/lobby/games/" + id
	guest := w.signIn("guest@example.com")
	i := w.want(http.StatusCreated, w.player1, "POST", path+"/invites", `{"user_id":"`+guest.ID.String()+`"}`)
	w.want(http.StatusOK, w.caller(guest), "POST", path+"/invites/"+i["invite_id"].(string)+"/redeem", `{"race_name":"Guests"}`)
	give := func(want int, code string) {
		t.Helper()
		for _, try := range []struct {
			by   as
			path string
		}{{w.player1, path}, {root, "/admin/games/" + id}} {
			status, answer, _ := w.call(try.by, "POST", try.path+"/transfer", `{"user_id":"`+guest.ID.String()+`"}`)
			require.Equal(t, want, status, answer)
			if code == "" {
				return
			}
			require.Equal(t, code, answer["error"].(map[string]any)["code"])
		}
	}
	users := "/admin/users/" + guest.ID.String()
	give(http.StatusUnprocessableEntity, "eligibility_denied") // free accounts own none
	w.pay(guest)
	w.want(http.StatusOK, root, "POST", users+"/limits", `{"name":"max_owned_private_games","value":1}`)
	own := w.want(http.StatusCreated, w.caller(guest), "POST", "/user/lobby/games", `{"name":"Rigel",`+spec+`}`)
	give(http.StatusUnprocessableEntity, "eligibility_denied")
	w.want(http.StatusOK, w.caller(guest), "POST", "/user/lobby/games/"+own["game_id"].(string)+"/cancel", `{}`)
	for _, kind := range []string{"private_game_create_block", "private_game_manage_block"} {
		s := w.want(http.StatusCreated, root, "POST", users+"/sanctions", `{"kind":"`+kind+`","reason_code":"test"}`)
		give(http.StatusForbidden, "forbidden")
		w.want(http.StatusOK, root, "POST", users+"/sanctions/"+s["sanction_id"].(string)+"/lift", `{"reason":"test"}`)
	}
	give(http.StatusOK, "")
	require.Equal(t, guest.ID.String(), w.want(http.StatusOK, root, "GET", "/admin/games/"+id, "")["owner_user_id"])
}
