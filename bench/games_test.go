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
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store/storetest"
	"galaxy/backend/test/actorstest"
)

// manyGames makes games, half of them open, with words in their names.
const manyGames = `WITH made AS (INSERT INTO games (game_id, version, visibility, status, name, description, min_players, max_players, enrollment_ends_at, wake_at,
		turn_schedule, schedule_time_zone, created_by_kind, created_by, created_at, updated_at)
	SELECT gen_random_uuid(), 1, 'public', CASE n % 2 WHEN 0 THEN 'enrollment_open' ELSE 'ready_to_start' END, (ARRAY['Andromeda', 'Sirius', 'Vega', 'Altair', 'Deneb'])[1 + n % 5] || ' ' || n,
		'A game for ' || (ARRAY['beginners', 'veterans', 'everybody'])[1 + n % 3], 2, 64, now() + interval '1 day', CASE n % 2 WHEN 0 THEN now() + interval '1 day' END,
		'0 21 * * *', 'UTC', 'admin', 'root', now(), now() FROM generate_series(1, $1::int) n RETURNING game_id)
	INSERT INTO runtimes (game_id, status, why_since) SELECT game_id, 'none', now() FROM made`

// benchList: a page of the lobby by status and words, the first and the fiftieth, beside the bare query.
func benchList(t *testing.T) {
	games := 100_000
	if !*full {
		games = 200
	}
	dsn := pgtest.Database(t, storetest.Migrate)
	st, _ := storetest.OpenLeased(t, dsn)
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = pool.Exec(t.Context(), manyGames, games)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `VACUUM ANALYZE games, runtimes, memberships`)
	require.NoError(t, err)
	f := galaxy.GameFilter{Visibility: galaxy.Public, Statuses: []galaxy.GameStatus{galaxy.EnrollmentOpen}, Text: "sirius beg"}
	cursor, last := "", uuid.Max
	for page := 1; page <= 50; page++ {
		if page == 1 || page == 50 && *full {
			at, before := galaxy.Page{Limit: 50, Cursor: cursor}, last
			comparison{name: fmt.Sprintf("lobby/list-page-%d", page), unit: "ms", less: true,
				ours: repeat(t, func() int {
					found, _, err := st.ListGames(t.Context(), f, at)
					require.NoError(t, err)
					return len(found)
				}),
				limit: repeat(t, func() int { return listByHand(t, pool, before) })}.run(t)
		}
		found, next, err := st.ListGames(t.Context(), f, galaxy.Page{Limit: 50, Cursor: cursor})
		require.NoError(t, err)
		if next == "" {
			return
		}
		cursor, last = next, found[len(found)-1].ID.UUID
	}
}

// repeat gives the milliseconds that a list takes.
func repeat(t *testing.T, list func() int) func() float64 {
	const times = 20
	return func() float64 {
		began := time.Now()
		for range times {
			require.Positive(t, list())
		}
		return float64(time.Since(began).Microseconds()) / 1000 / times
	}
}

func listByHand(t *testing.T, pool *pgxpool.Pool, before uuid.UUID) (n int) {
	rows, err := pool.Query(t.Context(), `SELECT g.game_id, g.version, g.visibility, g.status, g.name, g.description, g.min_players, g.max_players,
			(SELECT count(*) FROM memberships m WHERE m.game_id = g.game_id AND m.status = 'active'), g.start_gap_hours, g.start_gap_players, g.owner_id, g.enrollment_ends_at,
			g.turn_schedule, g.schedule_time_zone, r.turn, r.deadline, g.created_at
		FROM games g JOIN runtimes r USING (game_id) WHERE g.visibility = 'public' AND g.status = 'enrollment_open'
			AND game_words(g.name, g.description) @@ to_tsquery('simple', $1) AND g.game_id < $2 ORDER BY g.game_id DESC LIMIT 51`, "sirius:* & beg:*", before)
	require.NoError(t, err)
	var id uuid.UUID
	var owner *uuid.UUID
	var version int64
	var visibility, status, name, description, cron, zone string
	var least, most, members, gap, gapPlayers, turn int
	var ends, deadline *time.Time
	var created time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &version, &visibility, &status, &name, &description, &least, &most, &members, &gap, &gapPlayers, &owner, &ends,
		&cron, &zone, &turn, &deadline, &created}, func() error { n++; return nil })
	require.NoError(t, err)
	return n
}

const membersEach = 20

// manyMembers seats players, each under a name that is reserved in one game.
const manyMembers = `WITH seats AS (SELECT gen_random_uuid() AS id, g.game_id, u.user_id, u.n FROM games g CROSS JOIN LATERAL (
			SELECT user_id, row_number() OVER () AS n FROM accounts LIMIT $1) u),
		named AS (SELECT *, 'race-' || row_number() OVER () AS name FROM seats),
		held AS (INSERT INTO race_names (race_key, user_id, race_name, status, since) SELECT name, user_id, name, 'reserved', now() FROM named),
		sat AS (INSERT INTO memberships (membership_id, game_id, user_id, race_name, race_key, status, joined_at, holds_name)
			SELECT id, game_id, user_id, name, name, 'active', now(), true FROM named RETURNING 1)
	SELECT count(*) FROM sat`

// benchWarmGames: what active games hold that wait in the lobby, with their members and the keys of their race names; and
// how long the start takes until they are resident, beside the bare queries.
func benchWarmGames(t *testing.T) {
	games, rounds := 10_000, 5
	if !*full {
		games, rounds = 20, 1
	}
	dsn := pgtest.Database(t, storetest.Migrate)
	st, _ := storetest.OpenLeased(t, dsn)
	for i := range membersEach {
		storetest.SignIn(t, st, fmt.Sprintf("p%d@example.com", i))
	}
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	for _, sql := range []string{manyGames, manyMembers} {
		n := games
		if sql == manyMembers {
			n = membersEach
		}
		_, err = pool.Exec(t.Context(), sql, n)
		require.NoError(t, err)
	}
	_, err = pool.Exec(t.Context(), `INSERT INTO race_name_reservations (game_id, race_key, race_name) SELECT game_id, race_key, race_name FROM memberships`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `VACUUM ANALYZE`)
	require.NoError(t, err)
	stand := enginetest.New(t)
	deps := actorstest.Deps(st, stand)
	var each []float64
	resident := func() float64 {
		began := time.Now()
		system := actorstest.Start(t, deps)
		for system.Games.Live() < games {
			time.Sleep(100 * time.Microsecond)
		}
		took := time.Since(began)
		require.Equal(t, games*membersEach, system.Names.Len())
		if len(each) < rounds {
			with := held()
			actorstest.Stop(t, system)
			each = append(each, float64(with-held())/float64(games))
		} else {
			actorstest.Stop(t, system)
		}
		return float64(took.Microseconds()) / 1000
	}
	comparison{name: "warm/games", unit: "ms", less: true, ours: resident, limit: func() float64 {
		began := time.Now()
		require.Equal(t, games*membersEach, gamesByHand(t, pool))
		return float64(time.Since(began).Microseconds()) / 1000
	}}.run(t)
	printSize("warm/games-each", each, residentLimit)
}

type handGame struct {
	status, name, cron string
	ends, deadline     *time.Time
	members            []handMember
}

type handMember struct {
	id, user          uuid.UUID
	race, key, status string
	joined            time.Time
}

// gamesByHand reads what the start must know of games and names, and gives the number of keys.
func gamesByHand(t *testing.T, pool *pgxpool.Pool) int {
	ctx := context.Background()
	all := map[uuid.UUID]*handGame{}
	var id uuid.UUID
	var g handGame
	scan := func(sql string, into []any, each func()) {
		rows, err := pool.Query(ctx, sql)
		require.NoError(t, err)
		_, err = pgx.ForEachRow(rows, into, func() error { each(); return nil })
		require.NoError(t, err)
	}
	scan(`SELECT g.game_id, g.status, g.name, g.turn_schedule, g.enrollment_ends_at, r.deadline FROM games g JOIN runtimes r USING (game_id) WHERE g.status NOT IN ('draft', 'finished', 'cancelled')`,
		[]any{&id, &g.status, &g.name, &g.cron, &g.ends, &g.deadline}, func() { c := g; all[id] = &c })
	var m handMember
	scan(`SELECT m.game_id, m.membership_id, m.user_id, m.race_name, m.race_key, m.status, m.joined_at FROM memberships m JOIN games g USING (game_id) WHERE g.status NOT IN ('draft', 'finished', 'cancelled')`,
		[]any{&id, &m.id, &m.user, &m.race, &m.key, &m.status, &m.joined}, func() { all[id].members = append(all[id].members, m) })
	keys := map[string]uuid.UUID{}
	var key, status string
	scan(`SELECT race_key, user_id, status FROM race_names`, []any{&key, &id, &status}, func() { keys[key] = id })
	return len(keys)
}
