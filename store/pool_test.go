package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

// poolOf gives what the metrics of a store's pool count.
func poolOf(t *testing.T, st *store.Store) func(name string) int64 {
	reader := metric.NewManualReader()
	require.NoError(t, st.Observe(metric.NewMeterProvider(metric.WithReader(reader)).Meter("test")))
	return func(name string) int64 {
		var all metricdata.ResourceMetrics
		require.NoError(t, reader.Collect(context.Background(), &all))
		for _, scope := range all.ScopeMetrics {
			for _, m := range scope.Metrics {
				if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == name {
					return sum.DataPoints[0].Value
				}
			}
		}
		require.FailNow(t, "there is no such metric", name)
		return 0
	}
}

// TestNoRequestWaitsForAConnectionThatIsRenewed: connections that live for a second are replaced again and again
// under a steady load.
func TestNoRequestWaitsForAConnectionThatIsRenewed(t *testing.T) {
	for name, lifetime := range map[string]string{
		"one by one":              "pool_max_conn_lifetime=1s",
		"with a jitter":           "pool_max_conn_lifetime=1s&pool_max_conn_lifetime_jitter=1s",
		"all at once":             "pool_max_conn_lifetime=1s&pool_max_conn_lifetime_jitter=0s",
		"all the time":            "pool_max_conn_lifetime=1ms",
		"and looked at meanwhile": "pool_max_conn_lifetime=1s&pool_max_conn_idle_time=500ms",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := storetest.OpenBare(t, pgtest.Database(t, storetest.Migrate)+"&"+lifetime)
			count := poolOf(t, st)
			ask := func() { _, _ = st.Game(t.Context(), galaxy.GameID{UUID: galaxy.NewID()}) }
			ask()
			require.Eventually(t, func() bool { return count("db_pool_connects") >= 2 }, 20*time.Second, 10*time.Millisecond, "spare ones are ready")
			waits, made := count("db_pool_waits"), count("db_pool_connects")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var load sync.WaitGroup
			load.Go(func() {
				for every := time.NewTicker(2 * time.Millisecond); ctx.Err() == nil; <-every.C {
					ask()
				}
			})
			require.Eventually(t, func() bool { return count("db_pool_connects") >= made+4 }, time.Minute, 50*time.Millisecond, "they are renewed")
			cancel()
			load.Wait()
			// pgx looks at all connections at rest at the same moment, after each that it has made: one request may
			// come just then.
			require.LessOrEqual(t, count("db_pool_waits")-waits, int64(1))
		})
	}
}

// TestAConnectionIsKeptAsLongAsTheDSNSays, and else for longer than games with one deadline a day need it.
func TestAConnectionIsKeptAsLongAsTheDSNSays(t *testing.T) {
	for name, c := range map[string]struct {
		dsn                    string
		lifetime, jitter, idle time.Duration
		spare                  int32
	}{
		"nothing":        {"", 36 * time.Hour, 12 * time.Hour, 26 * time.Hour, 2},
		"a lifetime":     {"&pool_max_conn_lifetime=4h", 3 * time.Hour, time.Hour, 4 * time.Hour, 2},
		"and its jitter": {"&pool_max_conn_lifetime=4h&pool_max_conn_lifetime_jitter=1m", 4 * time.Hour, time.Minute, 4*time.Hour + time.Minute, 2},
		"for good":       {"&pool_max_conn_lifetime=0s", 0, 0, 26 * time.Hour, 2},
		"an idle time":   {"&pool_max_conn_idle_time=5m", 36 * time.Hour, 12 * time.Hour, 5 * time.Minute, 2},
		"spare ones":     {"&pool_min_idle_conns=0", 36 * time.Hour, 12 * time.Hour, 26 * time.Hour, 0},
	} {
		lifetime, jitter, idle, spare, err := store.Keeps("postgres://u@localhost/db?search_path=backend" + c.dsn)
		require.NoError(t, err, name)
		require.Equal(t, []time.Duration{c.lifetime, c.jitter, c.idle}, []time.Duration{lifetime, jitter, idle}, name)
		require.Equal(t, c.spare, spare, name)
	}
}
