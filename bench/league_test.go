package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// league is many games at once: some run, at turn 0 and with nothing to be done before their deadlines, and the others wait for
// players.
type league struct {
	games, running int
	accounts       int           // who sit in the games in turn, each always under the same name
	members        int           // of each game
	due            time.Time     // the first deadline
	every          time.Duration // between deadlines; 0: they are one
	early          int           // games whose deadline is the first; the others' is later, when this is not 0
	later          time.Duration
}

// fill makes the league's rows in a migrated database without any, and gives the games that run, in the order of their deadlines.
func (l league) fill(t *testing.T, dsn string) (running []galaxy.GameID) {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	defer pool.Close()
	for _, s := range []struct {
		sql  string
		args []any
	}{
		{`WITH made AS (INSERT INTO accounts (user_id, email, user_name, preferred_language, time_zone, created_at, updated_at)
				SELECT gen_random_uuid(), 'p' || n || '@example.com', 'player-' || n, 'en', 'UTC', now(), now() FROM generate_series(1, $1::int) n RETURNING user_id)
			INSERT INTO entitlement_snapshots SELECT user_id, 'free', 'registration', now(), NULL, 1, 0, 3 FROM made`, []any{l.accounts}},
		{`INSERT INTO games (game_id, version, visibility, status, name, min_players, max_players, enrollment_ends_at, wake_at, turn_schedule, schedule_time_zone,
				created_by_kind, created_by, created_at, updated_at)
			SELECT gen_random_uuid(), 1, 'public', CASE WHEN n <= $2 THEN 'running' ELSE 'enrollment_open' END, 'Game ' || n, 2, 64, CASE WHEN n > $2 THEN now() + interval '1 day' END,
				CASE WHEN n > $2 THEN now() + interval '1 day' END, '0 21 * * *', 'UTC', 'admin', 'root', now(), now() FROM generate_series(1, $1::int) n`, []any{l.games, l.running}},
		{`INSERT INTO runtimes (game_id, status, why_since) SELECT game_id, 'none', now() FROM games WHERE status <> 'running'`, nil},
		{`INSERT INTO runtimes (game_id, status, engine_version, image_ref, expected_turn, turn, reports, digest, deadline, deadline_set_at, why, why_text, why_since, started_at)
			SELECT game_id, 'running', '1.0.0', 'engine:1.0.0', true, 0, 0, game_id || '@0', $1::timestamptz + (row_number() OVER () - 1) * make_interval(secs => $2::float8)
					+ CASE WHEN row_number() OVER () > $3 THEN make_interval(secs => $4::float8) ELSE '0' END, now(), 'waiting_deadline',
				'orders are open until the deadline', now(), now() FROM games WHERE status = 'running'`, []any{l.due, l.every.Seconds(), l.early, l.later.Seconds()}},
		{`WITH g AS (SELECT game_id, row_number() OVER () - 1 AS i FROM games), a AS (SELECT user_id, row_number() OVER () - 1 AS n FROM accounts)
			INSERT INTO memberships (membership_id, game_id, user_id, race_name, race_key, status, joined_at, holds_name)
			SELECT gen_random_uuid(), g.game_id, a.user_id, 'race-' || a.n, 'race-' || a.n, 'active', now(), true
			FROM g CROSS JOIN generate_series(0, $1::int - 1) m JOIN a ON a.n = (g.i * $1 + m) % $2`, []any{l.members, l.accounts}},
		{`INSERT INTO race_names (race_key, user_id, race_name, status, since) SELECT DISTINCT race_key, user_id, race_name, 'reserved', now() FROM memberships`, nil},
		{`INSERT INTO race_name_reservations (game_id, race_key, race_name) SELECT game_id, race_key, race_name FROM memberships`, nil},
		{`VACUUM ANALYZE`, nil},
	} {
		_, err := pool.Exec(t.Context(), s.sql, s.args...)
		require.NoError(t, err, s.sql)
	}
	rows, err := pool.Query(t.Context(), `SELECT game_id FROM runtimes WHERE status = 'running' ORDER BY deadline, game_id`)
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	require.NoError(t, err)
	for _, id := range ids {
		running = append(running, galaxy.GameID{UUID: id})
	}
	require.Len(t, running, l.running)
	return running
}

// hold lets engines run that hold the games of a league.
func (e *engines) hold(t *testing.T, dsn string, games ...galaxy.GameID) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(t.Context(), `SELECT game_id, race_name FROM memberships JOIN runtimes USING (game_id) WHERE runtimes.status = 'running'`)
	require.NoError(t, err)
	races := map[galaxy.GameID][]string{}
	var id galaxy.GameID
	var race string
	_, err = pgx.ForEachRow(rows, []any{&id.UUID, &race}, func() error {
		races[id] = append(races[id], race)
		return nil
	})
	require.NoError(t, err)
	for _, id := range games {
		e.Change(id, func(g *enginetest.Game) {
			g.State, g.Holds, g.Version, g.Races, g.Digest = galaxy.ContainerRunning, id, "1.0.0", races[id], fmt.Sprintf("%s@0", id)
		})
	}
}
