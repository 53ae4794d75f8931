package bench

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"galaxy/backend/internal/enginetest"
	"galaxy/backend/store/jet/backend/model"
	"galaxy/backend/store/storetest"
)

// benchReady: the start of the service until /readyz says so, with a thousand games that run, nine thousand that wait for players,
// ten seats in each, and two devices of each of 50,000 players. The process, its pool and its lease are there already. By hand it is
// every query of the start, all at once, with all that they give in maps.
func benchReady(t *testing.T) {
	l := league{games: 10_000, running: 1000, accounts: 50_000, members: turnPlayers, due: time.Now().Add(24 * time.Hour), every: time.Second}
	if !*full {
		l.games, l.running, l.accounts = 20, 5, 50
	}
	e, dsn := newEngines(t), durable(t)
	require.NoError(t, storetest.Migrate(dsn))
	e.hold(t, dsn, l.fill(t, dsn)...)
	w := openWorld(t, dsn, e)
	w.exec(`INSERT INTO device_sessions (device_session_id, user_id, client_public_key, created_at, last_seen_at)
		SELECT gen_random_uuid(), user_id, sha256(user_id::text::bytea), now(), now() FROM accounts CROSS JOIN generate_series(1, 2)`)
	w.exec(`VACUUM ANALYZE device_sessions`)
	pool := handPool(t, dsn)
	comparison{name: "restart/ready", unit: "ms", less: true,
		ours: func() float64 {
			known, began := e.Calls(enginetest.Status), time.Now()
			w.begin()
			for !w.ready() {
				require.Less(t, time.Since(began), time.Minute, "the service does not become ready")
			}
			took := time.Since(began)
			require.Equal(t, 2*l.accounts, w.system.Table.Len())
			require.Equal(t, l.accounts, w.system.Names.Len())
			// What the start has begun is not left to the next sample.
			require.Eventually(t, func() bool { return e.Calls(enginetest.Status)-known >= l.running && w.system.Games.Live() == l.games }, time.Minute, time.Millisecond)
			w.end()
			return took.Seconds() * 1000
		},
		limit: func() float64 {
			began := time.Now()
			require.Equal(t, 2*l.accounts+l.accounts+l.games+l.games*l.members+l.accounts, readAll(t, pool))
			return time.Since(began).Seconds() * 1000
		}}.run(t)
}

// ready asks the service once.
func (w *world) ready() bool {
	res, err := http.DefaultClient.Do(get(w.T, "http://"+w.rest+"/readyz"))
	require.NoError(w, err)
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// readAll reads what the start reads, and gives the number of sessions, players, games, seats and names.
func readAll(t *testing.T, pool *pgxpool.Pool) int {
	var sessions map[[16]byte]row
	var rights map[uuid.UUID]model.EntitlementSnapshots
	var names map[string]uuid.UUID
	var games map[uuid.UUID]*model.Games
	var seats int
	g, ctx := errgroup.WithContext(t.Context())
	g.Go(func() error {
		sessions = scan(t, pool)
		return nil
	})
	g.Go(func() (err error) {
		rights, err = readRights(ctx, pool)
		return err
	})
	g.Go(func() (err error) {
		names, err = readNames(ctx, pool)
		return err
	})
	g.Go(func() (err error) {
		games, seats, err = readGames(ctx, pool)
		return err
	})
	require.NoError(t, g.Wait())
	return len(sessions) + len(rights) + len(games) + seats + len(names)
}

// readRows runs a query of whole rows, and hands each to each.
func readRows[T any](ctx context.Context, pool *pgxpool.Pool, sql string, each func(T)) error {
	rows, err := pool.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := pgx.RowToStructByPos[T](rows)
		if err != nil {
			return err
		}
		each(v)
	}
	return rows.Err()
}

func readRights(ctx context.Context, pool *pgxpool.Pool) (map[uuid.UUID]model.EntitlementSnapshots, error) {
	forbidden, limits, all := map[uuid.UUID][]model.Sanctions{}, map[uuid.UUID][]model.UserLimits{}, map[uuid.UUID]model.EntitlementSnapshots{}
	err := readRows(ctx, pool, `SELECT * FROM sanctions WHERE lifted_at IS NULL`, func(m model.Sanctions) { forbidden[m.UserID] = append(forbidden[m.UserID], m) })
	if err == nil {
		err = readRows(ctx, pool, `SELECT * FROM user_limits`, func(m model.UserLimits) { limits[m.UserID] = append(limits[m.UserID], m) })
	}
	if err == nil {
		err = readRows(ctx, pool, `SELECT e.* FROM accounts a JOIN entitlement_snapshots e USING (user_id) WHERE a.deletion = ''`, func(m model.EntitlementSnapshots) { all[m.UserID] = m })
	}
	return all, err
}

func readNames(ctx context.Context, pool *pgxpool.Pool) (map[string]uuid.UUID, error) {
	type held struct {
		Key    string
		User   uuid.UUID
		Status string
		Games  int
	}
	all := map[string]uuid.UUID{}
	return all, readRows(ctx, pool, `SELECT n.race_key, n.user_id, n.status, coalesce(r.games, 0) FROM race_names n
		LEFT JOIN (SELECT race_key, count(*) AS games FROM race_name_reservations GROUP BY race_key) r USING (race_key)`, func(h held) { all[h.Key] = h.User })
}

func readGames(ctx context.Context, pool *pgxpool.Pool) (games map[uuid.UUID]*model.Games, seats int, err error) {
	const live = ` WHERE game_id IN (SELECT game_id FROM games WHERE status NOT IN ('draft', 'finished', 'cancelled'))`
	games = map[uuid.UUID]*model.Games{}
	runtimes, sitting := map[uuid.UUID]*model.Runtimes{}, map[uuid.UUID][]model.Memberships{}
	applied, invited := map[uuid.UUID][]model.Applications{}, map[uuid.UUID][]model.Invites{}
	for _, read := range []func() error{
		func() error {
			return readRows(ctx, pool, `SELECT * FROM games`+live, func(m model.Games) { games[m.GameID] = &m })
		},
		func() error {
			return readRows(ctx, pool, `SELECT * FROM runtimes`+live, func(m model.Runtimes) { runtimes[m.GameID] = &m })
		},
		func() error {
			return readRows(ctx, pool, `SELECT * FROM memberships`+live, func(m model.Memberships) {
				sitting[m.GameID] = append(sitting[m.GameID], m)
				seats++
			})
		},
		func() error {
			return readRows(ctx, pool, `SELECT * FROM applications`+live+` AND status = 'pending'`, func(m model.Applications) { applied[m.GameID] = append(applied[m.GameID], m) })
		},
		func() error {
			return readRows(ctx, pool, `SELECT * FROM invites`+live+` AND status = 'pending'`, func(m model.Invites) { invited[m.GameID] = append(invited[m.GameID], m) })
		},
	} {
		if err := read(); err != nil {
			return nil, 0, err
		}
	}
	return games, seats, nil
}
