package store_test

import (
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

// cut ends the connection that holds the lease, as a network failure would.
func cut(t *testing.T, dsn string) {
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'galaxy-backend-lease' AND datname = current_database() "+
		"AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)")
	require.NoError(t, err)
}

// standBy has a store wait for the lease. The channel is closed when it gives up.
func standBy(ctx context.Context, st *store.Store) <-chan *store.Lease {
	taken := make(chan *store.Lease, 1)
	go func() {
		defer close(taken)
		if l, err := st.AcquireLease(ctx, storetest.Pulse); err == nil {
			taken <- l
		}
	}()
	return taken
}

func awaitStandby(t *testing.T, dsn string) {
	t.Helper()
	require.Eventually(t, func() bool { return waiting(t, dsn) > 0 }, 5*time.Second, 10*time.Millisecond)
}

// waiting counts the sessions that wait for an advisory lock of the database.
func waiting(t *testing.T, dsn string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&n))
	return n
}

// throughProxy gives a DSN that leads to the same database by a way that can be cut, so that no client says goodbye.
func throughProxy(t *testing.T, dsn string) (way string, kill func()) {
	t.Helper()
	conf, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	server := net.JoinHostPort(conf.Host, strconv.Itoa(int(conf.Port)))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	var conns []net.Conn
	kill = func() {
		mu.Lock()
		defer mu.Unlock()
		l.Close()
		for _, c := range conns {
			c.Close()
		}
	}
	t.Cleanup(kill)
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", server)
			if err != nil {
				in.Close()
				continue
			}
			mu.Lock()
			conns = append(conns, in, out)
			mu.Unlock()
			go func() { _, _ = io.Copy(in, out) }()
			go func() { _, _ = io.Copy(out, in) }()
		}
	}()
	return strings.Replace(dsn, server, l.Addr().String(), 1), kill
}

func TestOfTwoBackendsOneServesAndTheOtherTakesOver(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	first, lease := storetest.OpenLeased(t, dsn)
	standby := storetest.OpenBare(t, dsn)
	taken := standBy(t.Context(), standby)
	awaitStandby(t, dsn)
	require.Empty(t, taken, "while the first serves, the second stands by")

	lease.Release()
	second := <-taken
	defer second.Release()
	require.Greater(t, second.Epoch(), lease.Epoch())
	err := storetest.Write(t.Context(), first)
	require.True(t, galaxy.Is(err, galaxy.ServiceUnavailable), err)
	require.NoError(t, storetest.Write(t.Context(), standby))
}

func TestALostConnectionIsRegainedWithTheSameEpoch(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	st, lease := storetest.OpenLeased(t, dsn)
	epoch := lease.Epoch()
	cut(t, dsn)
	require.Eventually(t, func() bool { return !lease.Held() }, 5*time.Second, time.Millisecond)
	require.Eventually(t, lease.Held, 5*time.Second, 10*time.Millisecond)
	require.Equal(t, epoch, lease.Epoch())
	require.NoError(t, storetest.Write(t.Context(), st))
}

func TestTheEndOfTheConnectionIsNoticedAtOnce(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	lease, err := storetest.OpenBare(t, dsn).AcquireLease(t.Context(), store.Pulse{Check: time.Hour, Retry: time.Hour, Frozen: time.Hour})
	require.NoError(t, err)
	defer lease.Release()
	cut(t, dsn)
	require.Eventually(t, func() bool { return !lease.Held() }, 5*time.Second, time.Millisecond, "without waiting for the next beat")
}

func TestWhoTakesOverIsUndisputedOnceAFrozenOneMustHaveNoticed(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	pulse := store.Pulse{Check: time.Hour, Retry: time.Hour, Frozen: 300 * time.Millisecond}
	first, err := storetest.OpenBare(t, dsn).AcquireLease(t.Context(), pulse)
	require.NoError(t, err)
	second, given := make(chan *store.Lease, 1), time.Time{}
	st := storetest.OpenBare(t, dsn)
	go func() {
		lease, err := st.AcquireLease(t.Context(), pulse)
		assert.NoError(t, err)
		second <- lease
	}()
	time.AfterFunc(20*time.Millisecond, func() { given = time.Now(); first.Release() })
	lease := <-second
	require.True(t, lease.Held(), "it commits at once")
	require.NoError(t, lease.Undisputed(t.Context()))
	require.GreaterOrEqual(t, time.Since(given), pulse.Frozen)
	lease.Release()
	pulse.Frozen = time.Hour
	third, err := st.AcquireLease(t.Context(), pulse)
	require.NoError(t, err)
	defer third.Release()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, third.Undisputed(ended), context.Canceled)
}

func TestABackendThatWasOvertakenWritesNothingAndGivesUp(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	old, lease := storetest.OpenLeased(t, dsn)
	// The other's epoch is raised beneath the first, as when it slept through its connection's end.
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), "UPDATE lease SET epoch = epoch + 1")
	require.NoError(t, err)
	err = storetest.Write(t.Context(), old)
	require.ErrorIs(t, err, galaxy.ErrLeaseLost)
	cut(t, dsn)
	<-lease.Lost()
	require.False(t, lease.Held())
}

func TestAHolderThatIsOvertakenByALivingOneGivesUp(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	_, lease := storetest.OpenLeased(t, dsn)
	taken := standBy(t.Context(), storetest.OpenBare(t, dsn))
	awaitStandby(t, dsn)
	cut(t, dsn)
	second := <-taken
	defer second.Release()
	select {
	case <-lease.Lost():
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for as long as the other serves")
	}
	require.True(t, second.Held())
	require.Zero(t, waiting(t, dsn), "it leaves no session that waits for the lock")
}

func TestAStandbyThatIsKilledLeavesNoSessionBehind(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	storetest.OpenLeased(t, dsn)
	way, kill := throughProxy(t, dsn)
	ctx, cancel := context.WithCancel(t.Context())
	taken := standBy(ctx, storetest.OpenBare(t, way))
	awaitStandby(t, dsn)
	kill()
	require.Eventually(t, func() bool { return waiting(t, dsn) == 0 }, 10*time.Second, 20*time.Millisecond)
	cancel()
	_, ok := <-taken
	require.False(t, ok)
}

func TestAStandbyOutlivesARestartOfPostgres(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	_, lease := storetest.OpenLeased(t, dsn)
	standby := storetest.OpenBare(t, dsn)
	taken := standBy(t.Context(), standby)
	awaitStandby(t, dsn)
	cluster := pgtest.Cluster(t)
	require.NoError(t, cluster.Stop())
	require.NoError(t, cluster.Resume(t.Context()))
	require.Eventually(t, func() bool {
		select {
		case <-lease.Lost(): // the standby was faster
			return true
		default:
			return lease.Held()
		}
	}, 20*time.Second, 10*time.Millisecond)
	lease.Release()
	second, ok := <-taken
	require.True(t, ok, "the standby gave up")
	require.Eventually(t, func() bool { return storetest.Write(t.Context(), standby) == nil }, 10*time.Second, 10*time.Millisecond)
	second.Release()
}

func TestAStandbyWhoseFirstConnectionFailsSaysSo(t *testing.T) {
	way, kill := throughProxy(t, pgtest.Database(t, storetest.Migrate))
	st := storetest.OpenBare(t, way)
	kill()
	_, err := st.AcquireLease(t.Context(), storetest.Pulse)
	require.True(t, galaxy.Is(err, galaxy.ServiceUnavailable), err)
}

func TestACommitThatIsLeftInItsMiddleDoesNotHoldATakeOverUp(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	// What a backend leaves that was frozen, or lost with its host, after it had sent half of a commit.
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), "BEGIN; SELECT pg_advisory_xact_lock_shared(x'67616c61787a'::bigint)")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	st := storetest.OpenBare(t, dsn)
	lease, err := st.AcquireLease(ctx, storetest.Pulse)
	require.NoError(t, err)
	defer lease.Release()
	require.NoError(t, storetest.Write(t.Context(), st))
	require.Error(t, conn.Ping(t.Context()), "its session is ended")
}

func TestASchemaOwnerNeedsNoRightOnTheDatabase(t *testing.T) {
	dsn := pgtest.Empty(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tenant') THEN CREATE ROLE tenant LOGIN; END IF; END $$")
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "CREATE SCHEMA backend AUTHORIZATION tenant; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	require.NoError(t, err)
	st := storetest.OpenBare(t, pgtest.WithSchema(pgtest.Cluster(t).DSNAs("tenant", conn.Config().Database)))
	require.NoError(t, st.Migrate(t.Context()))
	require.NoError(t, st.Migrate(t.Context()), "twice changes nothing")
	require.NoError(t, st.Migrated(t.Context()))
}

func TestAnOlderReleaseRefusesANewerSchema(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
	require.NoError(t, err)
	require.ErrorIs(t, storetest.OpenBare(t, dsn).Migrate(t.Context()), store.ErrNewerSchema)
}

func TestAPostgresThatIsAwayIsAClearErrorAtTheStart(t *testing.T) {
	conf := storetest.Config("postgres://galaxy:geheim@127.0.0.1:1/x?search_path=backend")
	_, err := store.Open(t.Context(), conf, zap.NewNop(), noop.NewTracerProvider())
	require.ErrorContains(t, err, "Postgres cannot be reached")
	require.NotContains(t, err.Error(), "geheim")
}

func TestConfigReportsEveryProblem(t *testing.T) {
	err := store.Config{DSN: "postgres://x@127.0.0.1/x", MaxConns: 1, MinConns: 2}.Validate()
	for _, name := range []string{"search_path=backend", "BACKEND_POSTGRES_MAX_CONNS", "BACKEND_POSTGRES_MIN_CONNS", "BACKEND_POSTGRES_OPERATION_TIMEOUT"} {
		require.ErrorContains(t, err, name)
	}
	require.NoError(t, storetest.Config("postgres://x@127.0.0.1/x?search_path=backend").Validate())
}

// TestALeaseThatIsGivenUpAtOnceIsFree, also when nothing has watched over it yet.
func TestALeaseThatIsGivenUpAtOnceIsFree(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	st := storetest.OpenBare(t, dsn)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for range 50 {
		l, err := st.AcquireLease(ctx, storetest.Pulse)
		require.NoError(t, err, "a connection of the one before holds it")
		l.Release()
		require.False(t, l.Held())
	}
}
