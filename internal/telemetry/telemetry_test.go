package telemetry

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
)

var base = Config{Level: "info", ServiceName: "galaxy", TracesExporter: "none", MetricsExporter: "none", Protocol: "grpc", SampleRatio: 1}

func TestALogLineHasTheLeastFields(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLogger(base, &out)
	require.NoError(t, err)
	log.Debug("not told")
	log.Info("told")
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	for _, key := range []string{"ts", "level", "caller", "service", "msg"} {
		require.Contains(t, line, key)
	}
	require.Equal(t, "told", line["msg"])
}

func TestPrometheusServesWhatWasMeasured(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	c := base
	c.MetricsExporter, c.PrometheusAddr = "prometheus", addr
	tel, err := Start(t.Context(), c)
	require.NoError(t, err)
	defer func() { require.NoError(t, tel.Shutdown(t.Context())) }()
	h, err := tel.Meter.Float64Histogram("http_request_duration_seconds", metric.WithUnit("s"))
	require.NoError(t, err)
	h.Record(t.Context(), 0.002)
	res, err := http.Get("http://" + addr + "/metrics")
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), `http_request_duration_seconds_bucket{le="0.0025"} 1`)
}

func TestSettingsThatCannotWorkAreAllNamed(t *testing.T) {
	err := Config{Level: "loud", TracesExporter: "x", MetricsExporter: "y", Protocol: "z", SampleRatio: 2}.Validate()
	for _, name := range []string{"BACKEND_LOGGING_LEVEL", "BACKEND_OTEL_TRACES_EXPORTER", "BACKEND_OTEL_METRICS_EXPORTER", "BACKEND_OTEL_PROTOCOL", "BACKEND_OTEL_TRACES_SAMPLE_RATIO"} {
		require.ErrorContains(t, err, name)
	}
	require.NoError(t, base.Validate())
}
