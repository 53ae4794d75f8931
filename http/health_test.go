package http

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

// TestADegradedServiceSaysSoAndIsNotRestartedForIt: as a standby, and as the one that serves.
func TestADegradedServiceSaysSoAndIsNotRestartedForIt(t *testing.T) {
	var failing atomic.Bool
	check := Check{Name: "log", OK: func(context.Context) error {
		if failing.Load() {
			return errors.New("nobody reads it")
		}
		return nil
	}}
	f, err := Open(t.Context(), Config{Addr: "127.0.0.1:0", WriteTimeout: 10 * time.Second}, check)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Stop(context.WithoutCancel(t.Context()))) })
	health := func() string {
		res, err := http.Get("http://" + f.Addr().String() + "/healthz")
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.Contains(t, res.Header.Get("Content-Type"), "application/json")
		return string(body)
	}
	s, err := New(Deps{Config: Config{WriteTimeout: 10 * time.Second}, Serving: func() bool { return true },
		Health: []Check{check}, Now: time.Now, Log: zap.NewNop(),
		Tracers: tracenoop.NewTracerProvider(), Meter: noop.Meter{}})
	require.NoError(t, err)
	for range 2 {
		failing.Store(false)
		require.JSONEq(t, `{"status":"ok"}`, health())
		failing.Store(true)
		require.JSONEq(t, `{"status":"degraded","checks":{"log":"failed: nobody reads it"}}`, health())
		f.Serve(s)
	}
}
