package bench

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/session"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store/storetest"
)

// The most that a session may hold, in bytes: known, and with its actor.
const (
	restLimit = 512
	useLimit  = 1536
)

// benchWarm: what sessions hold in memory, at rest and in use, and how long the start takes to know them beside a bare
// query that scans the same rows into a map.
func benchWarm(t *testing.T) {
	sessions, used := 100_000, 10_000
	if !*full {
		sessions, used = 100, 10
	}
	dsn := pgtest.Database(t, storetest.Migrate)
	st, _ := storetest.OpenLeased(t, dsn)
	account, _ := storetest.SignIn(t, st, "ann@example.com")
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = pool.Exec(t.Context(), `INSERT INTO device_sessions (device_session_id, user_id, client_public_key, created_at, last_seen_at)
		SELECT gen_random_uuid(), $1, sha256(n::text::bytea), now(), now() FROM generate_series(2, $2) n`, account.ID.UUID, sessions)
	require.NoError(t, err)

	var rest, use []float64
	for range elevenPairs {
		r, u := sizes(t, st, sessions, used)
		rest, use = append(rest, r), append(use, u)
		if !*full {
			break
		}
	}
	printSize("warm/sessions-rest", rest, restLimit)
	printSize("warm/sessions-use", use, useLimit)
	comparison{name: "warm/sessions", unit: "ms", less: true, ours: took(t, func() int {
		table, err := session.Warm(t.Context(), st)
		require.NoError(t, err)
		return table.Len()
	}, sessions), limit: took(t, func() int { return len(scan(t, pool)) }, sessions)}.run(t)
}

func took(t *testing.T, warm func() int, want int) func() float64 {
	return func() float64 {
		began := time.Now()
		require.Equal(t, want, warm())
		return float64(time.Since(began).Microseconds()) / 1000
	}
}

type row struct {
	user [16]byte
	key  []byte
}

func scan(t *testing.T, pool *pgxpool.Pool) map[[16]byte]row {
	rows, err := pool.Query(t.Context(), "SELECT device_session_id, user_id, client_public_key FROM device_sessions WHERE revoked_at IS NULL")
	require.NoError(t, err)
	all := map[[16]byte]row{}
	var id [16]byte
	var r row
	_, err = pgx.ForEachRow(rows, []any{&id, &r.user, &r.key}, func() error {
		all[id] = r
		r.key = nil
		return nil
	})
	require.NoError(t, err)
	return all
}

// sizes gives what a session holds at rest, and what one that is in use holds in all, in bytes.
func sizes(t *testing.T, st session.Store, sessions, used int) (rest, use float64) {
	known := warmed(t, st, sessions)
	rest = float64(known-held()) / float64(sessions)

	table, err := session.Warm(t.Context(), st)
	require.NoError(t, err)
	var ids []galaxy.SessionID
	require.NoError(t, st.LiveSessions(context.Background(), func(id galaxy.SessionID, _ galaxy.UserID, _ galaxy.PublicKey) {
		if len(ids) < used {
			ids = append(ids, id)
		}
	}))
	sys := kittest.System(t)
	seen, err := session.StartSeen(sys, st, zap.NewNop(), time.Hour, kittest.Never)
	require.NoError(t, err)
	family, err := session.Start(sys, session.Deps{Store: st, Table: table, Seen: seen, Now: storetest.Now, Log: zap.NewNop(), Idle: time.Hour}, kittest.Never)
	require.NoError(t, err)
	before := held()
	for _, id := range ids {
		kit.Tell(family.Ref(id), session.Used{Session: id})
	}
	for family.Live() < used {
		time.Sleep(time.Millisecond)
	}
	use = rest + float64(held()-before)/float64(used)
	require.Equal(t, sessions, table.Len())
	kittest.Stop(t, sys, family.Root(), seen)
	return rest, use
}

// warmed gives what is held while the sessions are known.
func warmed(t *testing.T, st session.Store, sessions int) int64 {
	table, err := session.Warm(t.Context(), st)
	require.NoError(t, err)
	known := held()
	require.Equal(t, sessions, table.Len())
	return known
}

func printSize(name string, each []float64, limit float64) {
	if !*full {
		return
	}
	slices.Sort(each)
	fmt.Printf("BENCH %s ours=%s limit=%.0f unit=bytes ratio=%.2f spread=%.2f..%.2f rounds=%d\n", name, figure(median(each)), limit,
		limit/median(each), limit/each[len(each)-1], limit/each[0], len(each))
}
