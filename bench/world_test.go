package bench

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
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

	actors  actors.Deps
	streams grpcpush.Deps
	running []part // what was begun, oldest first
}

// part is one part of the service that runs.
type part struct {
	name string
	stop func(context.Context) error
}

func newWorld(t *testing.T, containers actors.Containers, settings ...string) *world {
	return newWorldOn(t, durable(t), containers, settings...)
}

func newWorldOn(t *testing.T, dsn string, containers actors.Containers, settings ...string) *world {
	w := openWorld(t, dsn, containers, settings...)
	w.begin()
	return w
}

// openWorld makes everything that the service stands on, and holds the lease. The service itself begins with begin.
func openWorld(t *testing.T, dsn string, containers actors.Containers, settings ...string) *world {
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
	pulse := store.DefaultPulse
	pulse.Frozen = time.Minute // on a machine that is busy otherwise the process may stand still, which is not what is measured
	lease, err := w.st.AcquireLease(t.Context(), pulse)
	require.NoError(t, err)
	t.Cleanup(lease.Release)
	w.codes = &codes{Store: w.st}
	w.actors = actors.Deps{Config: c.actors, Store: w.codes, Containers: containers, Engines: enginehttp.New(c.engine, tel.Tracers),
		Pace: engine.DefaultPace, Render: mailtext.Render, Country: func(netip.Addr) string { return "" }, Now: storetest.Now, Log: tel.Log, Tracers: tel.Tracers, Meter: tel.Meter,
		Send: func(context.Context, galaxy.Mail) galaxy.SendResult {
			return galaxy.SendResult{Outcome: galaxy.MailSent}
		}}
	w.streams = grpcpush.Deps{Config: c.push, Serving: lease.Held, Log: tel.Log}
	w.deps = surface.Deps{Config: c.http, Limits: c.limits, Store: w.st, Serving: lease.Held, Now: storetest.Now, Log: tel.Log, Tracers: tel.Tracers, Meter: tel.Meter,
		Checks: []surface.Check{{Name: "postgres", OK: w.st.Ping}, {Name: "migrations", OK: w.st.Migrated}}}
	t.Cleanup(w.end)
	return w
}

// begin starts the actors and both surfaces.
func (w *world) begin() {
	var err error
	w.system, err = actors.Start(w.Context(), w.actors)
	require.NoError(w, err)
	w.running = append(w.running, part{"actors", w.system.Stop})
	w.streams.Hub, w.deps.System = w.system.Push, w.system
	push, err := grpcpush.Listen(w.streams)
	require.NoError(w, err)
	w.running = append(w.running, part{"push", push.Stop})
	rest := w.listen(w.deps)
	w.running = append(w.running, part{"rest", rest.Stop})
	w.push, w.rest = push.Addr().String(), rest.Addr().String()
}

// end stops what begin has started and still runs, the newest first.
func (w *world) end() {
	for _, p := range slices.Backward(w.running) {
		w.stop(p.name, p.stop)
	}
	w.running, w.system, w.deps.System = nil, nil, nil
}

// stopActors lets go of everything that games and players hold in memory.
func (w *world) stopActors() {
	if w.system != nil {
		w.stop(w.running[0].name, w.running[0].stop)
		w.running, w.system = w.running[1:], nil
	}
}

func (w *world) listen(d surface.Deps) *surface.Front {
	rest, err := surface.New(d)
	require.NoError(w, err)
	front, err := surface.Open(w.Context(), d.Config)
	require.NoError(w, err)
	front.Serve(rest)
	return front
}

// serve serves one more REST surface over the same service, and gives its address.
func (w *world) serve(d surface.Deps) string {
	rest := w.listen(d)
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

func (w *world) stop(what string, stop func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := stop(ctx); err != nil {
		w.Errorf("%s: %v", what, err)
	}
}

// durable gives the DSN of a database that keeps what it has confirmed; of one that need not, when nothing is measured.
func durable(t *testing.T) string {
	dsn, _ := twoDatabases(t)
	return dsn
}

// twoDatabases gives the DSNs of two databases of one durable server: the service has the one for itself, and a bare loop
// the other, which is migrated.
func twoDatabases(t *testing.T) (service, byHand string) {
	if !*full {
		return pgtest.Database(t, storetest.Migrate), pgtest.Database(t, storetest.Migrate)
	}
	dir, err := os.MkdirTemp("", "galaxy-bench-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c, err := postgres.Start(t.Context(), postgres.Options{Dir: filepath.Join(dir, "data")})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Stop() })
	for _, name := range []string{"bench", "by_hand"} {
		require.NoError(t, c.EnsureDatabase(t.Context(), name))
	}
	byHand = pgtest.WithSchema(c.DSN("by_hand"))
	require.NoError(t, storetest.Migrate(byHand))
	return pgtest.WithSchema(c.DSN("bench")), byHand
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
