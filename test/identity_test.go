package test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"galaxy/backend/client"
	"galaxy/backend/internal/gateway"
	"galaxy/backend/store/storetest"
)

func (w *world) signIn(email string) gateway.Player {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	p, err := w.gateway.SignIn(ctx, email)
	require.NoError(w, err)
	w.players = append(w.players, p)
	return p
}

// status looks a session up as a gateway does.
func (w *world) status(p gateway.Player) string {
	w.Helper()
	found, err := w.gateway.API.GetSessionWithResponse(w.Context(), p.Session, nil)
	require.NoError(w, err)
	if found.JSON200 == nil {
		return string(found.Body)
	}
	return string(found.JSON200.Status)
}

// heard waits until gateways have been told that a session has ended.
func (w *world) heard(p gateway.Player, reason string) {
	w.Helper()
	require.Eventually(w, func() bool { got, ok := w.stream.Ended(p.Session); return ok && got == reason }, 10*time.Second, time.Millisecond)
}

func TestALostPhone(t *testing.T) {
	w := begin(t, "process")
	phone, tablet := w.signIn("ann@galaxy.test"), w.signIn("ann@galaxy.test")
	require.Equal(t, phone.User, tablet.User)
	revoked, err := w.gateway.API.RevokeOwnSessionWithResponse(t.Context(), phone.Session, nil, tablet.As)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, revoked.StatusCode(), string(revoked.Body))
	require.Equal(t, "revoked", w.status(phone), "the next look-up knows")
	require.Equal(t, "active", w.status(tablet))
	w.heard(phone, "user")
	refused, err := w.gateway.API.GetAccountWithResponse(t.Context(), nil, phone.As)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, refused.StatusCode())
	w.backend.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w.backend, err = w.stack.StartBackend(ctx)
	require.NoError(t, err)
	require.Equal(t, "revoked", w.status(phone))
	require.Equal(t, "active", w.status(tablet))
}

func TestATokenIsBornOrRefused(t *testing.T) {
	w := begin(t, "process")
	for _, wrong := range []string{"", "the-token-of-somebody-else"} {
		g, err := gateway.New(w.stack.URL(), "", wrong)
		require.NoError(t, err)
		sent, err := g.API.SendEmailCodeWithResponse(t.Context(), nil, client.SendEmailCodeRequest{Email: "ann@galaxy.test"})
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, sent.StatusCode())
		_, err = gateway.Subscribe(t.Context(), w.stack.Push(), "stranger", wrong)
		require.ErrorContains(t, err, "token")
	}
	require.Empty(t, w.stack.Inbox.Messages(""))
}

func TestABlockedPlayer(t *testing.T) {
	w := begin(t, "process")
	one, two := w.signIn("bob@galaxy.test"), w.signIn("bob@galaxy.test")
	w.signIn("known@galaxy.test")
	text := "three at night"
	set, err := w.gateway.API.AdminSanctionUserWithResponse(t.Context(), one.User, nil, client.SanctionRequest{Kind: client.SanctionKindPermanentBlock, ReasonCode: "abuse", Text: &text}, w.admin)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, set.StatusCode(), string(set.Body))
	for _, p := range []gateway.Player{one, two} {
		require.Equal(t, "revoked", w.status(p))
		w.heard(p, "sanction")
	}
	w.stack.Inbox.Clear()
	type answer struct {
		sent, confirmed int
		refusal         string
	}
	answers := map[string]answer{}
	for _, email := range []string{"bob@galaxy.test", "known@galaxy.test", "unknown@galaxy.test"} {
		sent, err := w.gateway.API.SendEmailCodeWithResponse(t.Context(), nil, client.SendEmailCodeRequest{Email: email})
		require.NoError(t, err)
		require.NotNil(t, sent.JSON200, string(sent.Body))
		in, err := w.gateway.API.ConfirmEmailCodeWithResponse(t.Context(), nil, client.ConfirmEmailCodeRequest{ChallengeID: sent.JSON200.ChallengeID, Code: "000000",
			ClientPublicKey: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", TimeZone: "UTC"})
		require.NoError(t, err)
		answers[email] = answer{sent.StatusCode(), in.StatusCode(), string(in.Body)}
	}
	require.Equal(t, answers["unknown@galaxy.test"], answers["bob@galaxy.test"])
	require.Equal(t, answers["unknown@galaxy.test"], answers["known@galaxy.test"])
	require.Eventually(t, func() bool {
		return len(w.stack.Inbox.Messages("known@galaxy.test")) == 1 && len(w.stack.Inbox.Messages("unknown@galaxy.test")) == 1
	}, 20*time.Second, time.Millisecond)
	require.Empty(t, w.stack.Inbox.Messages("bob@galaxy.test"))
}

// stall makes the service wait, in the transaction that records a step of a deletion, until cut: then that transaction
// is lost, and the service is killed.
const stall = `CREATE OR REPLACE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(4242); RETURN NEW; END $$;
	DROP TRIGGER IF EXISTS stall ON accounts;
	CREATE TRIGGER stall BEFORE UPDATE ON accounts FOR EACH ROW WHEN (NEW.deletion = '%step%' AND OLD.deletion <> NEW.deletion) EXECUTE FUNCTION stall()`

func TestADeletedPlayerIsGoneWhateverDies(t *testing.T) {
	w := begin(t, "process")
	steps := []string{"mails", "traces", "identity", "done"}
	w.join(len(steps) + 1)
	conn, err := pgx.Connect(t.Context(), w.stack.DSN)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	exec := func(sql string) {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	for i, step := range steps {
		t.Run("killed before "+step+" is recorded", func(t *testing.T) {
			p := w.players[i]
			named, err := w.gateway.API.UpdateProfileWithResponse(t.Context(), nil, client.UpdateProfileRequest{DisplayName: "Deleted " + step}, p.As)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, named.StatusCode(), string(named.Body))
			exec("SELECT pg_advisory_lock(4242)")
			exec(replaceStep(step))
			deleted, err := w.gateway.API.DeleteAccountWithResponse(t.Context(), nil, p.As)
			require.NoError(t, err)
			require.Equal(t, http.StatusAccepted, deleted.StatusCode(), string(deleted.Body))
			if i == 0 { // later the stream may just be coming back from a kill
				w.heard(p, "deletion")
			}
			const waiting = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 4242 AND NOT granted"
			require.Eventually(t, func() bool {
				var pid int
				return conn.QueryRow(t.Context(), waiting).Scan(&pid) == nil
			}, 20*time.Second, time.Millisecond)
			w.backend.Kill()
			exec("SELECT pg_terminate_backend(pid) FROM (" + waiting + ") w")
			exec("DROP TRIGGER stall ON accounts")
			exec("SELECT pg_advisory_unlock(4242)")
			w.unfinished(conn, p.User)

			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			w.backend, err = w.stack.StartBackend(ctx)
			require.NoError(t, err)
			require.Eventually(t, func() bool { return w.deletion(conn, p.User) == "done" }, 30*time.Second, 5*time.Millisecond)
			for _, word := range []string{p.Email, "Deleted " + step} {
				require.Empty(t, storetest.Search(t, w.stack.DSN, word), "%q is left", word)
			}
			require.Equal(t, http.StatusUnauthorized, func() int {
				got, err := w.gateway.API.GetAccountWithResponse(t.Context(), nil, p.As)
				require.NoError(t, err)
				return got.StatusCode()
			}())
		})
	}
	game, err := w.gateway.API.AdminGetGameWithResponse(t.Context(), w.game, nil, w.admin)
	require.NoError(t, err)
	active := 0
	for _, m := range game.JSON200.Members {
		if m.Status == client.MembershipStatusActive {
			active++
		}
	}
	require.Equal(t, 1, active, "seats in a game that does not run yet are free")
	require.NotEmpty(t, storetest.Search(t, w.stack.DSN, w.players[len(steps)].Email), "nobody else is concerned")
}

func replaceStep(step string) string {
	return strings.ReplaceAll(stall, "%step%", step)
}

func (w *world) deletion(conn *pgx.Conn, user uuid.UUID) (step string) {
	w.Helper()
	require.NoError(w, conn.QueryRow(w.Context(), "SELECT deletion FROM accounts WHERE user_id = $1", user).Scan(&step))
	return step
}

func (w *world) unfinished(conn *pgx.Conn, user uuid.UUID) {
	w.Helper()
	require.NotContains(w, []string{"", "done"}, w.deletion(conn, user), "it was killed in the middle")
}
