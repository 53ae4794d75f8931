package reconciler_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"galaxy/backend/actors/reconciler"
	"galaxy/backend/galaxy"
)

func (w *world) alerts() []galaxy.Notice {
	w.rows.mu.Lock()
	defer w.rows.mu.Unlock()
	return w.rows.alerts
}

func (w *world) free(n int64, err error) {
	w.daemon.do(func(d *daemon) { d.free, d.freeErr = n, err })
}

func TestOperatorsAreToldOncePerSpellThatTheDiskRunsFull(t *testing.T) {
	w := newWorld(t)
	w.rows.do(func(r *rows) { r.away = true })
	w.start(2 * time.Millisecond)
	w.daemon.leave() // space is looked at all the same
	require.False(t, w.disk.Low())
	w.free(1<<29, nil)
	w.eventually("it is low", w.disk.Low)
	w.eventually("operators could not be told", func() bool { return w.log.FilterMessageSnippet("operators could not be told").Len() > 2 })
	w.rows.do(func(r *rows) { r.away = false })
	w.eventually("now they are", func() bool { return len(w.alerts()) == 1 })
	require.Equal(t, galaxy.Notice{Kind: galaxy.DiskLow, Key: "disk_low:2026-05-01T12", Payload: galaxy.Payload{
		Reason: "512MiB are free; 1GiB is the least (BACKEND_GAME_STATE_MIN_FREE)"}}, w.alerts()[0])

	w.free(0, errors.New("told to"))
	w.eventually("it is not known", func() bool { return w.log.FilterMessageSnippet("is not known").Len() > 2 })
	require.True(t, w.disk.Low(), "and so it stays as it was")

	w.free(1<<30, nil)
	w.eventually("there is room", func() bool { return !w.disk.Low() })
	w.free(0, nil)
	w.eventually("it is low again", w.disk.Low)
	w.free(1<<30, nil)
	w.eventually("there is room again", func() bool { return !w.disk.Low() })
	require.Len(t, w.alerts(), 1, "space that comes and goes is one spell")

	w.mu.Lock()
	w.now = noon.Add(time.Hour)
	w.mu.Unlock()
	w.free(5, nil)
	w.eventually("another spell is told of", func() bool { return len(w.alerts()) == 2 })
	require.Equal(t, "disk_low:2026-05-01T13", w.alerts()[1].Key)
	w.eventually("the notices are sent at once", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.woken == 2
	})
	require.Len(t, w.log.FilterMessageSnippet("no new game is started").All(), 3, "a spell is told of once")
}

func TestNoLimitIsNeverReached(t *testing.T) {
	w := newWorld(t)
	w.free(0, nil)
	reader := sdkmetric.NewManualReader()
	w.container(id(), galaxy.ContainerRunning)
	w.start(time.Millisecond, meter(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test")), func(d *reconciler.Deps) { d.Config.MinFree = 0 })
	w.eventually("it is measured, and an orphan is found", func() bool {
		got := gauges(t, reader)
		return got["runtime_orphans"] == 1 && got["runtime_state_free"] == 0 && len(got) == 2
	})
	require.False(t, w.disk.Low())
	w.free(7, nil)
	w.eventually("it is measured again", func() bool { return gauges(t, reader)["runtime_state_free"] == 7 })
}

func gauges(t *testing.T, reader sdkmetric.Reader) map[string]int64 {
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	out := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if g, ok := m.Data.(metricdata.Gauge[int64]); ok && len(g.DataPoints) == 1 {
				out[m.Name] = g.DataPoints[0].Value
			}
		}
	}
	return out
}

func TestSizesAndSettings(t *testing.T) {
	var s reconciler.Size
	require.NoError(t, s.UnmarshalText([]byte("1GiB")))
	require.EqualValues(t, 1<<30, s)
	require.Equal(t, "1GiB", s.String())
	require.NoError(t, s.UnmarshalText([]byte("512m")))
	require.EqualValues(t, 1<<29, s)
	require.Error(t, s.UnmarshalText([]byte("much")))

	good := reconciler.Config{Interval: time.Second, Retention: time.Hour, MinFree: 0}
	require.NoError(t, good.Validate())
	bad := reconciler.Config{MinFree: -1}
	for _, name := range []string{"BACKEND_RUNTIME_RECONCILE_INTERVAL", "BACKEND_RUNTIME_CONTAINER_RETENTION", "BACKEND_GAME_STATE_MIN_FREE"} {
		require.ErrorContains(t, bad.Validate(), name)
	}
}
