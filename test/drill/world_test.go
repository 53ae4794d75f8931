package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"galaxy/backend/client"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/gateway"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/internal/stack"
	"galaxy/backend/store/storetest"
)

// world is the real service with everything around it.
type world struct {
	*testing.T
	*drill
	wire    *wire
	db      *pgxpool.Pool // the judge's own, beside the wire
	stack   *stack.Stack
	engines stack.EngineDriver
	gateway *gateway.Gateway
	admin   client.RequestEditorFn
	players []gateway.Player
	labels  atomic.Int64

	mu      sync.Mutex
	backend *stack.Backend
}

// options say what is different from a service on a fresh database, with two players and engines as processes.
type options struct {
	driver   string
	database string // DSN
	players  int
	env      []string
}

// begin starts a world. Only the goroutine of the test may call it.
func begin(t *testing.T, d *drill, o options) *world {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if o.driver == "" {
		o.driver = "process"
	}
	if o.database == "" {
		o.database = pgtest.Database(t, storetest.Migrate)
	}
	dir, err := os.MkdirTemp("", "galaxy-drill")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	w := &world{T: t, drill: d, admin: gateway.Operator(stack.AdminUser, stack.AdminPassword)}
	t.Cleanup(func() { w.end(dir) })
	w.db, err = pgxpool.New(ctx, o.database)
	require.NoError(t, err)
	// The operator's password is slow to check on purpose, and each service checks it anew: here it is made quick.
	hash, err := bcrypt.GenerateFromPassword([]byte(stack.AdminPassword), bcrypt.MinCost)
	require.NoError(t, err)
	_, err = w.db.Exec(ctx, "INSERT INTO admin_accounts (username, password_hash, created_at, updated_at) VALUES ($1, $2, now(), now())", stack.AdminUser, hash)
	require.NoError(t, err)
	var over string
	w.wire, over, err = lay(o.database)
	require.NoError(t, err)
	// The same few players ask more than people do.
	env := []string{"BACKEND_LIMIT_USER_RATE=0", "BACKEND_LIMIT_USER_CONCURRENCY=0", "BACKEND_LIMIT_SOURCE_RATE=0", "BACKEND_LIMIT_SOURCE_CONCURRENCY=0",
		"BACKEND_AUTH_TOTAL_CODES=0"}
	w.stack, err = stack.Start(ctx, stack.Options{Dir: dir, Driver: o.driver, DSN: over, Ports: ports(t), Binaries: binaries, Label: "galaxy-drill-" + uuid.NewString(), Env: append(env, o.env...)})
	require.NoError(t, err)
	var closeEngines func() error
	w.engines, closeEngines, err = w.stack.Engines()
	require.NoError(t, err)
	t.Cleanup(func() { _ = closeEngines() })
	require.NoError(t, w.start(ctx))
	w.gateway, err = gateway.New(w.stack.URL(), fmt.Sprintf("http://127.0.0.1:%d", w.stack.Ports.Inbox), "")
	require.NoError(t, err)
	w.admit(ctx, max(2, o.players))
	return w
}

// ports gives ports for a service to come back to.
func ports(t *testing.T) (p stack.Ports) {
	for _, port := range []*int{&p.HTTP, &p.Push, &p.Metrics} {
		var err error
		*port, err = stack.FreePort()
		require.NoError(t, err)
	}
	return p
}

// end stops everything. What a failed drill has left is kept for a look.
func (w *world) end(dir string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if w.backend != nil {
		_ = w.backend.Stop(ctx)
	}
	if w.stack != nil {
		_ = w.stack.StopEngines(ctx, time.Second)
		_ = w.stack.Close()
	}
	if w.wire != nil {
		w.wire.l.Close()
	}
	if w.db != nil {
		w.db.Close()
	}
	if w.Failed() {
		w.Logf("the service's log and the games are kept in %s", dir)
		return
	}
	_ = os.RemoveAll(dir)
}

// admit signs players in, registers the engine, and lets the players have seats in many games.
func (w *world) admit(ctx context.Context, players int) {
	image, err := w.stack.ProvideEngine(ctx, "1.0.0")
	require.NoError(w, err)
	yes, many := true, 50
	added, err := w.gateway.API.AdminAddEngineVersionWithResponse(ctx, nil, client.AddEngineVersionRequest{Version: "1.0.0", ImageRef: image, ExpectedTurn: &yes}, w.admin)
	require.NoError(w, err)
	require.Equal(w, 201, added.StatusCode(), string(added.Body))
	for i := range players {
		p, err := w.gateway.SignIn(ctx, fmt.Sprintf("player%d@galaxy.test", i))
		require.NoError(w, err)
		w.players = append(w.players, p)
		limited, err := w.gateway.API.AdminLimitUserWithResponse(ctx, p.User, nil, client.LimitRequest{Name: "max_active_memberships", Value: &many}, w.admin)
		require.NoError(w, err)
		require.Equal(w, 200, limited.StatusCode(), string(limited.Body))
	}
}

// start starts the service and waits until it is ready.
func (w *world) start(ctx context.Context) error {
	b, err := w.stack.Spawn(stack.Ports{})
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.backend = b
	w.mu.Unlock()
	return b.Ready(ctx)
}

func (w *world) service() *stack.Backend {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.backend
}

// kill ends the service as a crash does.
func (w *world) kill() { w.service().Kill() }

// through does something while the traps, one after the other, end the service, and brings the service back each time.
// It tells how often the service was ended.
func (w *world) through(ctx context.Context, do func(context.Context) error, traps ...*trap) (kills int, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	armed := 0
	arm := func() {
		w.wire.arm(nil)
		if armed < len(traps) {
			w.wire.arm(traps[armed])
			armed++
		}
	}
	revive := func() error {
		if !killed(w.service()) {
			return fmt.Errorf("the service has ended by itself: %w", w.service().Exit())
		}
		kills++
		arm()
		if err := w.start(ctx); err != nil && !killed(w.service()) {
			return fmt.Errorf("the service does not start again: %w", err)
		}
		return nil
	}
	arm()
	defer w.wire.arm(nil)
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	for doing := true; doing; {
		select {
		case <-w.service().Done():
			err = revive()
		case err = <-done:
			doing = false
		}
		if err != nil {
			return kills, err
		}
	}
	if kills == 0 && len(traps) > 0 && traps[0] != nil {
		select { // what is told of a turn is committed after it
		case <-traps[0].sprung:
		case <-time.After(lateness):
		}
	}
	for err == nil && (w.wire.arm(nil) || killed(w.service())) {
		<-w.service().Done()
		err = revive()
	}
	return kills, err
}

const (
	// patience is how long a round may take before it never ends.
	patience = 90 * time.Second
	// lateness is how long after a round its trap may still be sprung.
	lateness = 2 * time.Second
)

// killed reports whether the service has been ended by a signal.
func killed(b *stack.Backend) bool {
	select {
	case <-b.Done():
		return b.Exit() != nil && strings.Contains(b.Exit().Error(), "killed")
	default:
		return false
	}
}

// engine gives a game's engine as its driver sees it.
func (w *world) engine(ctx context.Context, game uuid.UUID) (galaxy.Container, error) {
	running, err := w.engines.List(ctx)
	if err != nil {
		return galaxy.Container{}, err
	}
	for _, c := range running {
		if c.Game.UUID == game {
			return c, nil
		}
	}
	return galaxy.Container{}, errors.New("the game has no engine")
}

// signal sends a signal to the engine of a game, which must be a process.
func (w *world) signal(ctx context.Context, game uuid.UUID, s syscall.Signal) error {
	c, err := w.engine(ctx, game)
	if err != nil {
		return err
	}
	var pid int
	if _, err := fmt.Sscan(c.ID, &pid); err != nil || c.State != galaxy.ContainerRunning {
		return fmt.Errorf("the engine is %s: %w", c.State, err)
	}
	return syscall.Kill(pid, s)
}

// pause waits between two looks at something.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
