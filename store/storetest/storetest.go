// Package storetest gives tests a store on a real database of their own.
package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store"
)

// Pulse notices a lost lease fast enough for tests to wait for it.
var Pulse = store.Pulse{Check: 50 * time.Millisecond, Retry: 20 * time.Millisecond, Frozen: time.Second}

// Config gives the settings of a store on dsn.
func Config(dsn string) store.Config {
	return store.Config{DSN: dsn, MaxConns: 10, MinConns: 0, OperationTimeout: 5 * time.Second}
}

// Migrate is what makes the template of the test databases.
func Migrate(dsn string) error {
	st, err := store.Open(context.Background(), Config(dsn), zap.NewNop(), noop.NewTracerProvider())
	if err != nil {
		return err
	}
	defer st.Close()
	return st.Migrate(context.Background())
}

// Open gives a store on a migrated database, with the lease held.
func Open(t testing.TB) *store.Store {
	t.Helper()
	st, _ := OpenLeased(t, pgtest.Database(t, Migrate))
	return st
}

// OpenLeased gives a store on dsn once it holds the lease.
func OpenLeased(t testing.TB, dsn string, opts ...store.Option) (*store.Store, *store.Lease) {
	t.Helper()
	st := OpenBare(t, dsn, opts...)
	lease, err := st.AcquireLease(t.Context(), Pulse)
	require.NoError(t, err)
	t.Cleanup(lease.Release)
	return st, lease
}

// OpenBare gives a store on dsn that serves nothing.
func OpenBare(t testing.TB, dsn string, opts ...store.Option) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), Config(dsn), zap.NewNop(), noop.NewTracerProvider(), opts...)
	require.NoError(t, err)
	t.Cleanup(st.Close)
	return st
}

// Exec has the database do something beside every store.
func Exec(t testing.TB, dsn, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// Age makes the lease's heartbeat older, as when the database's clock had gone on while everything else stood still.
func Age(t testing.TB, dsn string, by time.Duration) {
	t.Helper()
	Exec(t, dsn, "UPDATE lease SET heartbeat_at = heartbeat_at - make_interval(secs => $1)", by.Seconds())
}

// Now is the present as Postgres keeps it: UTC, in microseconds.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// SignIn makes a challenge for an address and confirms it, which makes account and session.
func SignIn(t testing.TB, st *store.Store, email string) (galaxy.Account, galaxy.Session) {
	t.Helper()
	ch := AddChallenge(t, st, email)
	a, session, err := st.SignIn(t.Context(), NewSignIn(ch))
	require.NoError(t, err)
	return a, session
}

// AddChallenge stores a challenge that lives for an hour.
func AddChallenge(t testing.TB, st *store.Store, email string) galaxy.Challenge {
	t.Helper()
	now := Now()
	ch := galaxy.Challenge{ID: galaxy.ChallengeID{UUID: galaxy.NewID()}, Email: email, CodeHash: []byte("hash"), CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	id := galaxy.NewID()
	var err error
	ch.Blocked, err = st.AddChallenge(t.Context(), galaxy.NewChallenge{Challenge: ch, Delivery: galaxy.NewDelivery{
		ID: galaxy.DeliveryID{UUID: id}, Template: string(galaxy.AuthLoginCode), Key: id.String(), To: email, Payload: []byte(`{"code":"123456","ttl":"10 minutes"}`)}})
	require.NoError(t, err)
	return ch
}

// NewSignIn is what confirming ch with the right code asks for.
func NewSignIn(ch galaxy.Challenge) galaxy.SignIn {
	now := Now()
	id := galaxy.NewID()
	return galaxy.SignIn{Challenge: ch, At: now, UserNames: []string{"player-" + id.String()[24:], "player-" + id.String()},
		Account: galaxy.Account{ID: galaxy.UserID{UUID: id}, Language: "en", TimeZone: "UTC", Country: "DE",
			Rights: galaxy.Rights{Entitlement: galaxy.EntitlementOf(galaxy.TierFree, "registration", now, nil)}},
		Session: galaxy.Session{ID: galaxy.SessionID{UUID: galaxy.NewID()}, Key: galaxy.PublicKey{1}, DeviceName: "phone"}}
}

// Search gives the columns, as table.column, in which a word stands anywhere in the database, whatever its case.
func Search(t testing.TB, dsn, word string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(t.Context(), `SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'backend'`)
	require.NoError(t, err)
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Table, Column, Type string }])
	require.NoError(t, err)
	require.NotEmpty(t, columns)
	var found []string
	for _, c := range columns {
		text := pgx.Identifier{c.Column}.Sanitize() + "::text"
		if c.Type == "bytea" {
			text = "encode(" + pgx.Identifier{c.Column}.Sanitize() + ", 'escape')"
		}
		var n int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM "+pgx.Identifier{c.Table}.Sanitize()+" WHERE "+text+" ILIKE '%' || $1 || '%'", word).Scan(&n), c)
		if n > 0 {
			found = append(found, c.Table+"."+c.Column)
		}
	}
	return found
}

// Write commits something that changes nothing, as far as the lease allows.
func Write(ctx context.Context, st *store.Store) error {
	return st.TouchSessions(ctx, map[galaxy.SessionID]time.Time{{UUID: galaxy.NewID()}: Now()})
}

// Game makes a public game with open enrolment and n members, and gives it with their accounts.
func Game(t testing.TB, st *store.Store, n int) (galaxy.Game, []galaxy.Account) {
	t.Helper()
	by := galaxy.By{Principal: galaxy.Admin("root"), At: Now()}
	c, err := galaxy.NewGame(galaxy.GameID{UUID: galaxy.NewID()}, galaxy.Public,
		galaxy.GameSpec{Name: "Andromeda", MinPlayers: 2, MaxPlayers: 64, Schedule: galaxy.Schedule{Cron: "0 21 * * *"}}, galaxy.Idempotency{}, by, time.Minute)
	require.NoError(t, err)
	g := Commit(t, st, c)
	c, err = g.OpenEnrollment(new(by.At.Add(time.Hour)), by)
	require.NoError(t, err)
	g = Commit(t, st, c)
	var accounts []galaxy.Account
	for i := range n {
		a, _ := SignIn(t, st, fmt.Sprintf("player%d@%s.example.com", i, g.ID))
		accounts = append(accounts, a)
		applied, app, err := g.Apply(galaxy.ApplicationID{UUID: galaxy.NewID()}, a.ID, fmt.Sprintf("Race-%d-%s", i, g.ID.String()[28:]), galaxy.Idempotency{}, by)
		require.NoError(t, err)
		g = Commit(t, st, applied)
		approved, _, err := g.Approve(app.ID, galaxy.MembershipID{UUID: galaxy.NewID()}, by)
		require.NoError(t, err)
		g = Commit(t, st, approved)
	}
	return g, accounts
}

// Commit stores a change that must be accepted.
func Commit(t testing.TB, st *store.Store, c galaxy.GameChange) galaxy.Game {
	t.Helper()
	g, err := st.CommitGame(t.Context(), c)
	require.NoError(t, err)
	return g
}
