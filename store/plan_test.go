package store

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
)

// TestPlansUseIndexes: what is asked often, or of many rows that are idle, reads no table from end to end.
func TestPlansUseIndexes(t *testing.T) {
	dsn := pgtest.Database(t, func(dsn string) error {
		st, err := Open(context.Background(), Config{DSN: dsn, MaxConns: 2, OperationTimeout: 5e9}, zap.NewNop(), noop.NewTracerProvider())
		if err != nil {
			return err
		}
		defer st.Close()
		return st.Migrate(context.Background())
	})
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	for _, sql := range []string{
		`INSERT INTO accounts (user_id, email, user_name, preferred_language, time_zone, created_at, updated_at)
			SELECT md5(n::text)::uuid, n || '@example.com', 'p' || n, 'en', 'UTC', now(), now() FROM generate_series(1, 2000) n`,
		`INSERT INTO games (game_id, version, visibility, status, name, description, min_players, max_players, wake_at, turn_schedule, schedule_time_zone, created_by_kind, created_by, owner_id, created_at, updated_at)
			SELECT md5(n::text)::uuid, 1, (ARRAY['public', 'private'])[1 + n % 2], (ARRAY['enrollment_open', 'running', 'finished'])[1 + n % 3], 'Game ' || n || (ARRAY[' Vega', ' Sirius'])[1 + n % 2], '',
				2, 4, CASE n % 3 WHEN 0 THEN now() + n * interval '1 minute' END, '0 21 * * *', 'UTC', 'admin', 'root', CASE n % 2 WHEN 1 THEN md5((1 + n % 2000)::text)::uuid END, now(), now()
			FROM generate_series(1, 20000) n`,
		`INSERT INTO runtimes (game_id, status, why_since, deadline) SELECT game_id, 'running', now(), now() + interval '1 day' FROM games`,
		`INSERT INTO memberships (membership_id, game_id, user_id, race_name, race_key, status, joined_at, holds_name)
			SELECT md5('m' || n)::uuid, md5(n::text)::uuid, md5((1 + n % 2000)::text)::uuid, 'r' || n, 'r' || n, 'active', now(), true FROM generate_series(1, 20000) n`,
		`INSERT INTO race_names (race_key, user_id, race_name, status, since, expires_at) SELECT 'r' || n, md5((1 + n % 2000)::text)::uuid, 'r' || n,
			CASE n % 10 WHEN 0 THEN 'pending_registration' ELSE 'reserved' END, now(), CASE n % 10 WHEN 0 THEN now() + n * interval '1 minute' END FROM generate_series(1, 20000) n`,
		`INSERT INTO race_name_reservations (game_id, race_key, race_name) SELECT game_id, race_key, race_name FROM memberships`,
		`ANALYZE`,
	} {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	player := galaxy.UserID{}
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT user_id FROM accounts LIMIT 1`).Scan(&player.UUID))
	for name, f := range map[string]galaxy.GameFilter{
		"the lobby":          {Visibility: galaxy.Public, Statuses: []galaxy.GameStatus{galaxy.EnrollmentOpen}},
		"the lobby by words": {Visibility: galaxy.Public, Statuses: []galaxy.GameStatus{galaxy.EnrollmentOpen}, Text: "sir 17"},
		"an operator's list": {Statuses: []galaxy.GameStatus{galaxy.Running}},
		"a player's own":     {Player: &player},
		"all, page by page":  {},
		"words of all":       {Text: "vega"},
	} {
		where, err := gamesWhere(f, galaxy.Page{Limit: 50})
		require.NoError(t, err)
		sql, args := gamesQuery(where, 50).Sql()
		noSeqScan(t, conn, name, sql, args...)
	}
	noSeqScan(t, conn, "what lapses in the lobby", `SELECT game_id FROM games WHERE wake_at <= now() ORDER BY wake_at LIMIT 1000`)
	noSeqScan(t, conn, "names whose time is over", nameQuery+`WHERE n.status = 'pending_registration' AND n.expires_at <= now() ORDER BY n.expires_at LIMIT 500`)
	noSeqScan(t, conn, "a player's names", nameQuery+`WHERE n.user_id = $1 ORDER BY n.race_key`, player.UUID)
	noSeqScan(t, conn, "games that something is to be done for", dueQuery, time.Now(), 1000)
	noSeqScan(t, conn, "games whose containers may go", endedQuery, time.Now(), 100)
	noSeqScan(t, conn, "games that rest", restingQuery)
}

// noSeqScan asserts that a query's plan reads no table from end to end.
func noSeqScan(t *testing.T, conn *pgx.Conn, name, sql string, args ...any) {
	t.Helper()
	rows, err := conn.Query(t.Context(), "EXPLAIN "+sql, args...)
	require.NoError(t, err, name)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotContains(t, strings.Join(lines, "\n"), "Seq Scan", name)
}
