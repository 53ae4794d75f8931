package test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/client"
	"galaxy/backend/internal/stack"
)

// TestATraceGoesAllTheWay: from a gateway's request through the actors to Postgres and the engine.
func TestATraceGoesAllTheWay(t *testing.T) {
	w := beginWith(t, stack.Options{Driver: "process", Fast: true, Env: []string{"BACKEND_OTEL_TRACES_EXPORTER=stdout", "BACKEND_LOGGING_LEVEL=debug"}})
	w.set(2)
	const trace = "0af7651916cd43dd8448eb211c80319c"
	traced := func(_ context.Context, r *http.Request) error {
		r.Header.Set("traceparent", "00-"+trace+"-b7ad6b7169203331-01")
		r.Header.Set("X-Request-ID", "request-1")
		return nil
	}
	done, err := w.gateway.API.PutOrdersWithResponse(t.Context(), w.game, nil, client.PutOrdersRequest{Turn: 1, Commands: client.Commands(list)}, w.players[0].As, traced)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, done.StatusCode())
	_, metrics := w.get(w.stack.Ports.Metrics, "/metrics")
	for _, name := range []string{"http_requests_total{", "http_request_duration_seconds_bucket{", "grpc_push_subscribers", "grpc_push_events_total{", "mail_outbox_depth{", "mail_attempts_total{",
		"notification_intents_total{", "notification_routes_total{", "runtime_container_ops_total{", "geo_lookups_total{", "db_pool_acquires_total", "db_pool_in_use{", "db_pool_waits_total"} {
		require.Contains(t, metrics, "\n"+name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, w.backend.Stop(ctx), "which flushes the spans")

	raw, err := os.ReadFile(w.backend.Log())
	require.NoError(t, err)
	var names []string
	logged := false
	for line := range strings.Lines(string(raw)) {
		var span struct {
			Name        string
			SpanContext struct{ TraceID string }
			Attributes  []struct {
				Key   string
				Value struct{ Value any }
			}
			Trace   string `json:"otel_trace_id"`
			Request string `json:"request_id"`
		}
		if json.Unmarshal([]byte(line), &span) != nil {
			continue
		}
		if span.SpanContext.TraceID == trace {
			names = append(names, span.Name)
		}
		logged = logged || span.Trace == trace && span.Request == "request-1"
	}
	for _, part := range []string{"PUT /api/v1/user/games/:game_id/orders", "game.PutOrders", "engine.PutOrders", "HTTP PUT", "batch start"} {
		require.True(t, slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, part) }), "%q is missing in %q", part, names)
	}
	require.True(t, logged, "the request's log line names its trace")
}
