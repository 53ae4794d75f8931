package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

// outages reads what is recorded of times without service, in the order of time.
func outages(t *testing.T, dsn string) (out []galaxy.Outage) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(t.Context(), "SELECT began_at, ended_at FROM outages ORDER BY ended_at")
	require.NoError(t, err)
	out, err = pgx.CollectRows(rows, pgx.RowToStructByPos[galaxy.Outage])
	require.NoError(t, err)
	return out
}

// seldom beats once an hour, unless it has a reason to.
var seldom = store.Pulse{Check: time.Hour, Retry: time.Millisecond, Frozen: 4 * time.Second, Stale: time.Minute}

func leased(t *testing.T, dsn string, pulse store.Pulse, opts ...store.Option) (*store.Store, *store.Lease) {
	t.Helper()
	st := storetest.OpenBare(t, dsn, opts...)
	lease, err := st.AcquireLease(t.Context(), pulse)
	require.NoError(t, err)
	t.Cleanup(lease.Release)
	return st, lease
}

const gap = 110 * time.Second

// requireOutage checks that one outage is recorded, of about a length, and ends about now by a clock.
func requireOutage(t *testing.T, dsn string, length time.Duration, now time.Time) {
	t.Helper()
	all := outages(t, dsn)
	require.Len(t, all, 1)
	require.InDelta(t, length.Seconds(), all[0].To.Sub(all[0].From).Seconds(), 30)
	require.WithinDuration(t, now, all[0].To, 30*time.Second)
}

func TestAGapIsNotedAlthoughTheConnectionSurvives(t *testing.T) {
	for name, c := range map[string]struct {
		clock store.Clock // of the host
		now   func() time.Time
	}{
		"the process stood still": {nil, time.Now},
		// Every clock of the host has stood still, as a paused machine's: only the database knows.
		"the host's clock stood still": {kittest.NewClock(time.Now().Add(-time.Minute)), func() time.Time { return time.Now().Add(-time.Minute) }},
	} {
		t.Run(name, func(t *testing.T) {
			dsn := pgtest.Database(t, storetest.Migrate)
			var opts []store.Option
			if c.clock != nil {
				opts = append(opts, store.WithClock(c.clock))
			}
			st, lease := storetest.OpenLeased(t, dsn, opts...)
			epoch, generation := lease.Epoch(), lease.Generation()
			storetest.Age(t, dsn, gap)
			select {
			case <-lease.Noted():
			case <-time.After(10 * time.Second):
				require.Fail(t, "nobody is notified of the gap")
			}
			require.Eventually(t, func() bool { return lease.Held() && storetest.Write(t.Context(), st) == nil }, 10*time.Second, time.Millisecond)
			requireOutage(t, dsn, gap, c.now())
			require.Equal(t, outages(t, dsn)[0].To.UnixMicro(), lease.Outages()[0].To.UnixMicro())
			require.Equal(t, epoch, lease.Epoch(), "it has kept the lease")
			require.Greater(t, lease.Generation(), generation)
		})
	}
}

func TestAShortGapIsNoOutage(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	_, lease := storetest.OpenLeased(t, dsn)
	generation := lease.Generation()
	storetest.Age(t, dsn, 30*time.Second)
	require.Eventually(t, func() bool { return lease.Generation() > generation && lease.Held() }, 10*time.Second, time.Millisecond)
	require.Empty(t, outages(t, dsn))
	require.Empty(t, lease.Noted())
}

func TestNoCommitPassesBeforeAGapIsNoted(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	st, lease := leased(t, dsn, seldom)
	require.NoError(t, storetest.Write(t.Context(), st))
	storetest.Age(t, dsn, gap)
	require.True(t, lease.Held(), "nothing but the database knows")
	err := storetest.Write(t.Context(), st)
	require.True(t, galaxy.Is(err, galaxy.ServiceUnavailable), err)
	require.False(t, galaxy.MemoryStale(err), "it is known not to have happened")
	require.NotErrorIs(t, err, galaxy.ErrLeaseLost)
	require.Eventually(t, func() bool { return storetest.Write(t.Context(), st) == nil }, 10*time.Second, time.Millisecond, "the refusal has the gap noted")
	requireOutage(t, dsn, gap, time.Now())
}

func TestWhatWasDecidedBeforeAGapIsNotCommittedAfterIt(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	st, lease := storetest.OpenLeased(t, dsn)
	g, _ := storetest.Game(t, st, 1)
	change, err := g.Edit(galaxy.GameEdit{Description: new("decided before")}, galaxy.By{Principal: galaxy.Admin("root"), At: storetest.Now()}, time.Minute)
	require.NoError(t, err)
	change.Generation = lease.Generation()

	t.Run("it reaches the store afterwards", func(t *testing.T) {
		before := lease.Generation()
		storetest.Age(t, dsn, gap)
		require.Eventually(t, func() bool { return lease.Generation() > before && lease.Held() }, 10*time.Second, time.Millisecond)
		_, err := st.CommitGame(t.Context(), change)
		require.True(t, galaxy.Is(err, galaxy.ServiceUnavailable), err)
		require.False(t, galaxy.MemoryStale(err))
	})
	t.Run("it waits on its way to the database meanwhile", func(t *testing.T) {
		change.Generation = lease.Generation()
		conn, err := pgx.Connect(t.Context(), dsn)
		require.NoError(t, err)
		defer func() { _ = conn.Close(context.Background()) }()
		_, err = conn.Exec(t.Context(), "SELECT pg_advisory_lock(x'67616c61787a'::bigint)")
		require.NoError(t, err)
		var wg sync.WaitGroup
		wg.Go(func() { _, err = st.CommitGame(t.Context(), change) })
		require.Eventually(t, func() bool { return waiting(t, dsn) > 0 }, 5*time.Second, time.Millisecond)
		storetest.Age(t, dsn, gap)
		require.Eventually(t, func() bool { return lease.Generation() > change.Generation && lease.Held() }, 4*time.Second, time.Millisecond)
		require.NoError(t, conn.Close(t.Context()))
		wg.Wait()
		require.True(t, galaxy.Is(err, galaxy.ServiceUnavailable), err)
		require.False(t, galaxy.MemoryStale(err))
	})
	t.Run("decided anew it passes", func(t *testing.T) {
		change.Generation = lease.Generation()
		_, err := st.CommitGame(t.Context(), change)
		require.NoError(t, err)
	})
}

// asleep is a clock that goes on while Go's own stands still, as on a machine that has slept.
type asleep struct {
	mu    sync.Mutex
	slept time.Duration
	wall  bool // the wall clock shows it too
}

func (a *asleep) Now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wall {
		return storetest.Now().Add(a.slept)
	}
	return storetest.Now()
}

var began = time.Now()

func (a *asleep) Elapsed() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wall {
		return time.Since(began)
	}
	return time.Since(began) + a.slept
}

func (a *asleep) sleep(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.slept += d
}

func TestAMachineThatHasSleptAsksFirst(t *testing.T) {
	for name, clock := range map[string]*asleep{"by the clock that counts sleep": {}, "by the wall clock": {wall: true}} {
		t.Run(name, func(t *testing.T) {
			dsn := pgtest.Database(t, storetest.Migrate)
			pulse := seldom
			pulse.Frozen = time.Second
			st, lease := leased(t, dsn, pulse, store.WithClock(clock))
			storetest.Exec(t, dsn, "UPDATE lease SET epoch = epoch + 1")
			require.True(t, lease.Held(), "it does not know yet")
			clock.sleep(gap)
			require.False(t, lease.Held(), "it believes nothing")
			require.Error(t, storetest.Write(t.Context(), st))
			select {
			case <-lease.Lost():
			case <-time.After(20 * time.Second):
				require.Fail(t, "it does not look who has the lease")
			}
		})
	}
}

// TestHeartbeatsThatHangAreAGap, too: behind a lock, or in a server that has stood still. A heartbeat that was sent
// before must not hide the time that it has waited.
func TestHeartbeatsThatHangAreAGap(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	st, lease := storetest.OpenLeased(t, dsn)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), "BEGIN; UPDATE lease SET heartbeat_at = heartbeat_at - interval '110 s'")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !lease.Held() }, 10*time.Second, time.Millisecond, "it serves although its heartbeats hang")
	require.Error(t, storetest.Write(t.Context(), st))
	_, err = conn.Exec(t.Context(), "COMMIT")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return lease.Held() && storetest.Write(t.Context(), st) == nil }, 20*time.Second, time.Millisecond)
	requireOutage(t, dsn, gap, time.Now())
}

func TestACutConnectionIsAGapToo(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	st, lease := leased(t, dsn, seldom)
	storetest.Age(t, dsn, gap)
	cut(t, dsn)
	require.Eventually(t, func() bool { return storetest.Write(t.Context(), st) == nil }, 10*time.Second, time.Millisecond)
	requireOutage(t, dsn, gap, time.Now())
	require.Len(t, lease.Noted(), 1)
}
