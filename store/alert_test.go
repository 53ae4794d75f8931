package store_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver that goose is given
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/migrations"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

// alerts claims the routes to operators that are due.
func alerts(t *testing.T, st *store.Store) (out []galaxy.Route) {
	t.Helper()
	routes, err := st.ClaimRoutes(t.Context(), storetest.Now().Add(time.Second), 1000, time.Hour)
	require.NoError(t, err)
	for _, r := range routes {
		if r.Channel == galaxy.ChannelOperators {
			out = append(out, r)
		}
	}
	return out
}

func TestAnAlertHasOneRouteAndNoPlayer(t *testing.T) {
	st, conn, _ := opened(t)
	g, accounts := storetest.Game(t, st, 2)
	told := galaxy.Payload{Game: &g.ID, GameName: g.Name, Reason: "no network"}
	for range 2 { // the second is the same again
		c := galaxy.GameChange{Next: g, Notices: []galaxy.Notice{
			{Kind: galaxy.GameUpdated, Key: "k", Recipients: []galaxy.UserID{accounts[0].ID, accounts[1].ID}, Payload: galaxy.Payload{Game: &g.ID}},
			{Kind: galaxy.ContainerStartFailed, Key: "k", Payload: told, RequestID: "r"},
			{Kind: galaxy.EngineUnreachableNotice, Key: "k", Payload: told}}}
		g = storetest.Commit(t, st, c)
	}
	got := alerts(t, st)
	require.Len(t, got, 2)
	require.ElementsMatch(t, []galaxy.Kind{galaxy.ContainerStartFailed, galaxy.EngineUnreachableNotice}, []galaxy.Kind{got[0].Kind, got[1].Kind})
	for _, r := range got {
		require.Equal(t, told, r.Payload)
		require.Zero(t, r.User)
		require.Empty(t, r.Email)
		require.False(t, r.Unwanted)
		require.Equal(t, 1, r.Attempt)
	}
	now := storetest.Now()
	require.NoError(t, st.RecordRoutes(t.Context(), []galaxy.RouteRecord{{Route: got[0].ID, Attempt: 1, State: galaxy.RouteSkipped, Detail: "no address", At: now}}))
	var status, detail string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT status, detail FROM notification_routes WHERE route_id = $1", got[0].ID.UUID).Scan(&status, &detail))
	require.Equal(t, []string{"skipped", "no address"}, []string{status, detail})

	var players int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM notification_routes r JOIN notifications n USING (notice_id)
		WHERE n.kind = 'lobby.game.updated' AND n.dedupe_key = 'k' AND r.user_id IS NOT NULL`).Scan(&players))
	require.Equal(t, 2, players, "what players are told beside it goes its way")
	for _, a := range accounts {
		routes, _, err := st.ListRoutes(t.Context(), a.ID, galaxy.Page{Limit: 100})
		require.NoError(t, err)
		e, err := st.ExportUser(t.Context(), a.ID)
		require.NoError(t, err)
		require.NotEmpty(t, routes)
		for _, r := range append(routes, e.Routes...) {
			require.NotContains(t, galaxy.OperatorKinds(), r.Kind)
		}
	}
}

func TestAlertsOfEveryKindWithoutAGame(t *testing.T) {
	st, _, _ := opened(t)
	for _, kind := range galaxy.OperatorKinds() {
		for _, key := range []string{"a", "a", "b"} {
			require.NoError(t, st.Alert(t.Context(), storetest.Now(), galaxy.Notice{Kind: kind, Key: key, Payload: galaxy.Payload{Reason: "why"}}))
		}
	}
	got := map[galaxy.Kind]int{}
	for _, r := range alerts(t, st) {
		got[r.Kind]++
		require.Equal(t, galaxy.Payload{Reason: "why"}, r.Payload)
	}
	for _, kind := range galaxy.OperatorKinds() {
		require.Equal(t, 2, got[kind], "%s: once per key", kind)
	}
	require.Error(t, st.Alert(t.Context(), storetest.Now(), galaxy.Notice{Kind: galaxy.TurnReady, Key: "a"}), "players are told by commits of their games")
	require.Empty(t, alerts(t, st))
}

func TestAnAlertNeedsTheLease(t *testing.T) {
	st := storetest.OpenBare(t, pgtest.Database(t, storetest.Migrate))
	err := st.Alert(t.Context(), storetest.Now(), galaxy.Notice{Kind: galaxy.DiskLow, Key: "a"})
	require.Equal(t, galaxy.ServiceUnavailable, galaxy.CodeOf(err))
}

func TestRoutesThatCannotBe(t *testing.T) {
	st, conn, _ := opened(t)
	ann, _ := storetest.SignIn(t, st, "ann@example.com")
	require.NoError(t, st.Alert(t.Context(), storetest.Now(), galaxy.Notice{Kind: galaxy.DiskLow, Key: "a"}))
	notice := alerts(t, st)[0].Notice
	for name, c := range map[string]struct {
		channel    string
		user       *galaxy.UserID
		constraint string
	}{
		"a second one to operators":    {"admin_email", nil, "notification_routes_operators_key"},
		"a player's, to operators":     {"admin_email", &ann.ID, "notification_routes_user_check"},
		"a mail to nobody":             {"email", nil, "notification_routes_user_check"},
		"a push to nobody":             {"push", nil, "notification_routes_user_check"},
		"a channel that nobody serves": {"pigeon", &ann.ID, "notification_routes_channel_check"},
	} {
		var user any
		if c.user != nil {
			user = c.user.UUID
		}
		_, err := conn.Exec(t.Context(), `INSERT INTO notification_routes (route_id, notice_id, channel, user_id, status, next_attempt_at, created_at)
			VALUES (gen_random_uuid(), $1, $2, $3, 'pending', now(), now())`, notice.UUID, c.channel, user)
		var pg *pgconn.PgError
		require.ErrorAs(t, err, &pg, name)
		require.Equal(t, c.constraint, pg.ConstraintName, name)
	}
}

// An operator who plays under the operators' address deletes the account: what waits for operators is still mailed.
func TestMailsToOperatorsOutliveAPlayerOfTheirAddress(t *testing.T) {
	st, _, _ := opened(t)
	ops, _ := storetest.SignIn(t, st, "ops@example.com")
	now := storetest.Now()
	require.NoError(t, st.Alert(t.Context(), now, galaxy.Notice{Kind: galaxy.DiskLow, Key: "a"}))
	r := alerts(t, st)[0]
	require.NoError(t, st.RecordRoutes(t.Context(), []galaxy.RouteRecord{{Route: r.ID, Attempt: r.Attempt, State: galaxy.RouteDelivered, At: now, Mail: &galaxy.NewDelivery{
		ID: galaxy.DeliveryID{UUID: galaxy.NewID()}, Template: string(r.Kind), Key: r.ID.String(), To: ops.Email, Payload: r.Payload.JSON()}}}))
	require.NoError(t, st.EraseMails(t.Context(), ops.ID, now))
	left, err := st.ClaimDeliveries(t.Context(), now.Add(time.Minute), 10, lease)
	require.NoError(t, err)
	require.Len(t, left, 1, "the sign-in code is gone")
	require.Equal(t, string(galaxy.DiskLow), left[0].Template)
	require.Equal(t, ops.Email, left[0].To)
}

func TestTheOperatorsChannelIsTakenBack(t *testing.T) {
	st, conn, dsn := opened(t)
	storetest.Game(t, st, 1)
	now := storetest.Now()
	require.NoError(t, st.Alert(t.Context(), now, galaxy.Notice{Kind: galaxy.DiskLow, Key: "a"}))
	r := alerts(t, st)[0]
	require.NoError(t, st.RecordRoutes(t.Context(), []galaxy.RouteRecord{{Route: r.ID, Attempt: r.Attempt, State: galaxy.RouteDelivered, At: now, Mail: &galaxy.NewDelivery{
		ID: galaxy.DeliveryID{UUID: galaxy.NewID()}, Template: string(r.Kind), Key: r.ID.String(), To: "ops@example.com", Payload: r.Payload.JSON()}}}))
	count := func(query string) (n int) {
		require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&n))
		return n
	}
	players := count("SELECT count(*) FROM notification_routes WHERE user_id IS NOT NULL")

	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Files, goose.WithDisableGlobalRegistry(true))
	require.NoError(t, err)
	_, err = provider.DownTo(t.Context(), 3)
	require.NoError(t, err)
	require.Equal(t, players, count("SELECT count(*) FROM notification_routes"))
	require.Zero(t, count("SELECT count(*) FROM notifications WHERE kind LIKE 'runtime.%'"))
	require.Zero(t, count("SELECT count(*) FROM mail_deliveries WHERE template_id LIKE 'runtime.%' AND status <> 'skipped'"))
	require.Positive(t, count("SELECT count(*) FROM mail_deliveries WHERE status = 'pending'"), "other mails wait as before")
	_, err = provider.Up(t.Context())
	require.NoError(t, err)
	require.NoError(t, st.Alert(t.Context(), now, galaxy.Notice{Kind: galaxy.DiskLow, Key: "a"}))
	require.Len(t, alerts(t, st), 1)
}
