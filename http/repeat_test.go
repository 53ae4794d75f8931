package http_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

// audited counts the lines of the audit.
func (w *world) audited() (n int) {
	w.Helper()
	conn, err := pgx.Connect(w.Context(), w.dsn)
	require.NoError(w, err)
	defer func() { _ = conn.Close(w.Context()) }()
	require.NoError(w, conn.QueryRow(w.Context(), "SELECT count(*) FROM audit").Scan(&n))
	return n
}

// TestWhatIsRepeatedIsAuditedOnce: a request that changes nothing leaves no line, whoever sends it again.
func TestWhatIsRepeatedIsAuditedOnce(t *testing.T) {
	w := begin(t)
	w.pay(w.player)
	session := func() string {
		_, s := w.another(w.player.Email)
		return s.ID.String()
	}
	user := "/admin/users/" + w.player.ID.String()
	one, two, device := session(), session(), session()
	w.want(http.StatusCreated, root, "POST", "/admin/admin-accounts", `{"username":"ann","password":"a long password"}`)
	w.want(http.StatusCreated, root, "POST", "/admin/engine-versions", `{"version":"1.0.0","image_ref":"galaxy:1.0.0"}`)
	game := "/user/lobby/games/" + w.private()
	for _, op := range []struct {
		name   string
		who    as
		method string
		path   string
		body   string
		status int
	}{
		{"a device is named", w.player1, "PATCH", "/user/sessions/" + one, `{"device_name":"Tablet"}`, http.StatusOK},
		{"the player ends a session", w.player1, "POST", "/user/sessions/" + one + "/revoke", "", http.StatusNoContent},
		{"the gateway ends a session", nobody, "POST", "/internal/sessions/" + two + "/revoke", "",
			http.StatusNoContent},
		{"the player ends all others", w.player1, "POST", "/user/sessions/revoke-others", "", http.StatusNoContent},
		{"a profile", w.player1, "PATCH", "/user/account/profile", `{"display_name":"Ann"}`, http.StatusOK},
		{"settings", w.player1, "PATCH", "/user/account/settings", `{"time_zone":"Asia/Tokyo"}`, http.StatusOK},
		{"preferences", w.player1, "PUT", "/user/account/notification-preferences",
			`{"email":{"lobby.application.approved":false}}`, http.StatusOK},
		{"a tier for good", root, "POST", user + "/entitlement", `{"tier":"free"}`, http.StatusOK},
		{"a tier with an end", root, "POST", user + "/entitlement",
			`{"tier":"monthly","ends_at":"2099-01-01T00:00:00.1234567Z"}`, http.StatusOK},
		{"a limit", root, "POST", user + "/limits", `{"name":"max_active_memberships","value":7}`, http.StatusOK},
		{"a limit with an end", root, "POST", user + "/limits",
			`{"name":"max_active_memberships","value":7,"expires_at":"2099-01-01T00:00:00Z"}`, http.StatusOK},
		{"a limit that is taken back", root, "POST", user + "/limits", `{"name":"max_active_memberships"}`,
			http.StatusOK},
		{"another address", root, "POST", user + "/email", `{"email":"ann@elsewhere.example"}`, http.StatusOK},
		{"an operator is shut out", root, "POST", "/admin/admin-accounts/ann/disable", "", http.StatusOK},
		{"an operator is let in", root, "POST", "/admin/admin-accounts/ann/enable", "", http.StatusOK},
		{"a version is disabled", root, "PATCH", "/admin/engine-versions/1.0.0", `{"enabled":false}`, http.StatusOK},
		{"a game is edited", w.player1, "PATCH", game, `{"description":"the same"}`, http.StatusOK},
		{"a game is edited by an operator", root, "PATCH", "/admin" + game[len("/user/lobby"):],
			`{"max_players":9,"enrollment_ends_at":"2099-01-01T00:00:00Z"}`, http.StatusOK},
		{"operators end all sessions", root, "POST", user + "/sessions/revoke-all", "", http.StatusNoContent},
		{"the gateway ends all sessions", nobody, "POST",
			"/internal/users/" + w.player.ID.String() + "/sessions/revoke-all", "", http.StatusNoContent},
		{"the account is deleted", root, "POST", user + "/soft-delete", "", http.StatusAccepted},
	} {
		t.Run(op.name, func(t *testing.T) {
			header := []string{"X-Device-Session-ID", device}
			if op.path[:5] != "/user" {
				header = nil
			}
			lines := w.audited()
			w.want(op.status, op.who, op.method, op.path, op.body, header...)
			first := w.audited() - lines
			if op.name == "the gateway ends all sessions" {
				require.Zero(t, first, "none was left")
			} else if op.name != "the account is deleted" {
				require.Equal(t, 1, first, "what is done is audited")
			}
			w.settled(op.name == "the account is deleted")
			lines = w.audited()
			for range 3 {
				w.want(op.status, op.who, op.method, op.path, op.body, header...)
			}
			require.Equal(t, lines, w.audited(), "what changes nothing is not")
		})
	}
}

// settled waits until the deletion of the player's account is over.
func (w *world) settled(deleted bool) {
	w.Helper()
	if deleted {
		require.Eventually(w, func() bool {
			return w.want(http.StatusOK, root, "GET", "/admin/users/"+w.player.ID.String(), "")["deletion"] == "done"
		}, 10*time.Second, time.Millisecond)
	}
}

// TestARefusalIsNotAudited: a session that is not the player's, or is over, was not named.
func TestARefusalIsNotAudited(t *testing.T) {
	w := begin(t)
	_, foreign := w.another("bob@example.com")
	_, over := w.another(w.player.Email)
	w.want(http.StatusNoContent, w.player1, "POST", "/user/sessions/"+over.ID.String()+"/revoke", "")
	lines := w.audited()
	for _, id := range []galaxy.SessionID{foreign.ID, over.ID, {UUID: galaxy.NewID()}} {
		w.want(http.StatusNotFound, w.player1, "PATCH", "/user/sessions/"+id.String(), `{"device_name":"Mine"}`)
	}
	require.Equal(t, lines, w.audited())
}

// plain is call for any goroutine.
func (w *world) plain(method, path string) (int, string) {
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest(method, "/api/v1"+path, http.NoBody))
	return rec.Code, rec.Body.String()
}

// TestRevokesAtOnceAreAuditedOnce: of many at the same time one ends the session.
func TestRevokesAtOnceAreAuditedOnce(t *testing.T) {
	w := begin(t)
	_, s := w.another(w.player.Email)
	lines := w.audited()
	done := make(chan error, 12)
	for i := range cap(done) {
		path := "/internal/sessions/" + s.ID.String() + "/revoke"
		if i%3 == 0 {
			path = "/internal/users/" + w.player.ID.String() + "/sessions/revoke-all"
		}
		go func() {
			status, answer := w.plain("POST", path)
			if status != http.StatusNoContent {
				done <- fmt.Errorf("%s: %d %s", path, status, answer)
				return
			}
			done <- nil
		}()
	}
	for range cap(done) {
		require.NoError(t, <-done)
	}
	// The player has two sessions, and they end together or one after the other.
	require.LessOrEqual(t, w.audited()-lines, 2)
	require.NotZero(t, w.audited()-lines)
}
