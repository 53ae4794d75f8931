package bench

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"galaxy/backend/actors"
	"galaxy/backend/actors/engine"
	"galaxy/backend/galaxy"
	"galaxy/backend/grpcpush"
	surface "galaxy/backend/http"
	"galaxy/backend/internal/enginehttp"
	"galaxy/backend/internal/env"
	"galaxy/backend/internal/mailtext"
	"galaxy/backend/internal/postgres"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/internal/telemetry"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

// world is the service as cmd/backend puts it together, with its default settings: a durable database, metrics for
// Prometheus, no traces. Only mails go nowhere.
type world struct {
	*testing.T
	dsn    string
	st     *store.Store
	system *actors.System
	codes  *codes
	deps   surface.Deps
	rest   string // host:port
	push   string
}

func newWorld(t *testing.T, containers engine.Containers, settings ...string) *world {
	return newWorldOn(t, durable(t), containers, settings...)
}

func newWorldOn(t *testing.T, dsn string, containers engine.Containers, settings ...string) *world {
	w := &world{T: t, dsn: dsn}
	var c struct {
		telemetry.Config
		actors actors.Config
		http   surface.Config
		limits surface.LimitConfig
		push   grpcpush.Config
		engine enginehttp.Config
		store  store.Config
	}
	settings = append(settings, "BACKEND_POSTGRES_DSN="+w.dsn, "BACKEND_GAME_STATE_ROOT="+t.TempDir(), "BACKEND_HTTP_LISTEN_ADDR=127.0.0.1:0",
		"BACKEND_GRPC_PUSH_LISTEN_ADDR=127.0.0.1:0", "BACKEND_OTEL_PROMETHEUS_LISTEN_ADDR=127.0.0.1:0", "BACKEND_LOGGING_LEVEL=warn",
		"BACKEND_OTEL_TRACES_EXPORTER=none", "BACKEND_OTEL_METRICS_EXPORTER=prometheus", "BACKEND_ADMIN_BOOTSTRAP_USER=root", "BACKEND_ADMIN_BOOTSTRAP_PASSWORD=bench-secret",
		// The limits are in force, but beyond what a bench asks.
		"BACKEND_LIMIT_USER_RATE=1000000", "BACKEND_LIMIT_USER_BURST=1000000", "BACKEND_LIMIT_SOURCE_RATE=1000000", "BACKEND_LIMIT_SOURCE_BURST=1000000",
		"BACKEND_AUTH_NETWORK_CODES=1000000", "BACKEND_AUTH_TOTAL_CODES=1000000")
	require.NoError(t, env.Load(settings, append(c.actors.All(), &c.Config, &c.http, &c.limits, &c.push, &c.engine, &c.store)...))

	tel, err := telemetry.Start(t.Context(), c.Config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	w.st, err = store.Open(t.Context(), c.store, zap.NewNop(), tel.Tracers)
	require.NoError(t, err)
	t.Cleanup(w.st.Close)
	require.NoError(t, w.st.Observe(tel.Meter))
	require.NoError(t, w.st.Migrate(t.Context()))
	lease, err := w.st.AcquireLease(t.Context(), store.DefaultPulse)
	require.NoError(t, err)
	t.Cleanup(lease.Release)
	w.codes = &codes{Store: w.st}
	w.system, err = actors.Start(t.Context(), actors.Deps{Config: c.actors, Store: w.codes, Containers: containers, Engines: enginehttp.New(c.engine, tel.Tracers),
		Pace: engine.DefaultPace, Render: mailtext.Render, Country: func(netip.Addr) string { return "" }, Now: storetest.Now, Log: tel.Log, Tracers: tel.Tracers, Meter: tel.Meter,
		Send: func(context.Context, galaxy.Mail) galaxy.SendResult {
			return galaxy.SendResult{Outcome: galaxy.MailSent}
		}})
	require.NoError(t, err)
	t.Cleanup(w.stopActors)
	push, err := grpcpush.Listen(grpcpush.Deps{Config: c.push, Hub: w.system.Push, Serving: lease.Held, Log: tel.Log})
	require.NoError(t, err)
	w.push = push.Addr().String()
	t.Cleanup(func() { w.stop("push", push.Stop) })
	w.deps = surface.Deps{Config: c.http, Limits: c.limits, Store: w.st, System: w.system, Serving: lease.Held, Now: storetest.Now, Log: tel.Log, Tracers: tel.Tracers, Meter: tel.Meter}
	w.rest = w.serve(w.deps)
	return w
}

// serve serves one more REST surface over the same service, and gives its address.
func (w *world) serve(d surface.Deps) string {
	rest, err := surface.New(d)
	require.NoError(w, err)
	require.NoError(w, rest.Listen())
	w.Cleanup(func() { w.stop("rest", rest.Stop) })
	return rest.Addr().String()
}

// signIn makes a player whom the service knows.
func (w *world) signIn(email string) (galaxy.Account, galaxy.Session) {
	a, s := storetest.SignIn(w.T, w.st, email)
	w.system.Rights.Add(a)
	w.system.Table.Add(s)
	return a, s
}

// stopActors lets go of everything that is in memory.
func (w *world) stopActors() {
	if w.system != nil {
		w.stop("actors", w.system.Stop)
		w.system = nil
	}
}

func (w *world) stop(what string, stop func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := stop(ctx); err != nil {
		w.Errorf("%s: %v", what, err)
	}
}

// durable gives the DSN of a database that keeps what it has confirmed.
func durable(t *testing.T) string {
	dir, err := os.MkdirTemp("", "galaxy-bench-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c, err := postgres.Start(t.Context(), postgres.Options{Dir: filepath.Join(dir, "data")})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Stop() })
	require.NoError(t, c.EnsureDatabase(t.Context(), "bench"))
	return pgtest.WithSchema(c.DSN("bench"))
}

// bare serves a handler on a port of its own.
func bare(t *testing.T, h http.Handler) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}
