package http_test

import (
	"net/http"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

// pay makes an account one that may own private games.
func (w *world) pay(a galaxy.Account) {
	w.Helper()
	w.want(http.StatusOK, root, "POST", "/admin/users/"+a.ID.String()+"/entitlement", `{"tier":"permanent"}`)
}

const spec = `"min_players":2,"max_players":4,"turn_schedule":"0 21 * * *"`

// private makes a private game of the player's with open enrolment.
func (w *world) private() string {
	w.Helper()
	g := w.want(http.StatusCreated, w.player1, "POST", "/user/lobby/games", `{"name":"Sirius",`+spec+`}`)
	id := g["game_id"].(string)
	w.want(http.StatusOK, w.player1, "POST", "/user/lobby/games/"+id+"/open-enrollment", `{"enrollment_ends_at":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
	return id
}

// wins gives a player a name to register.
func (w *world) wins(a galaxy.Account, name string) {
	w.Helper()
	key, err := galaxy.RaceKey(name)
	require.NoError(w, err)
	w.exec(`INSERT INTO race_names (race_key, user_id, race_name, status, since, expires_at) VALUES ($1, $2, $3, 'pending_registration', now(), now() + interval '1 hour')`, key, a.ID.UUID, name)
	require.NoError(w, w.system.Names.Refresh(w.Context(), key))
}
