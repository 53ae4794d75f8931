package bench

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// ports is how many addresses the engines of a bench share. Real ones have one each, and the service keeps a few connections
// to every address: with one for all it would have to connect anew for most of its calls.
const ports = 128

// engines stand in for engines that answer at once, but for some that can be made to hang.
type engines struct {
	*enginetest.Engines
	addresses []string

	mu    sync.Mutex
	given map[galaxy.GameID]string // address
	hung  map[galaxy.GameID]string // the calls that hang: all that begin so
	goOn  chan struct{}            // closed when they go on
}

func newEngines(t *testing.T) *engines {
	e := &engines{Engines: enginetest.New(t), given: map[galaxy.GameID]string{}, hung: map[galaxy.GameID]string{}, goOn: make(chan struct{})}
	s := &http.Server{Handler: e, ReadHeaderTimeout: 30 * time.Second}
	for range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		e.addresses = append(e.addresses, "http://"+l.Addr().String())
		go func() { _ = s.Serve(l) }()
	}
	t.Cleanup(func() {
		e.release()
		_ = s.Close()
	})
	return e
}

// hang keeps calls to engines open, from now on until release: those that begin with call, as "PUT /api/v1/admin/turn"; an empty
// one stands for all.
func (e *engines) hang(call string, games ...galaxy.GameID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range games {
		e.hung[id] = call
	}
}

// release lets every engine go on, and answer what it was asked meanwhile.
func (e *engines) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.hung)
	close(e.goOn)
	e.goOn = make(chan struct{})
}

// waits gives what a call must wait for; nil when it need not.
func (e *engines) waits(r *http.Request) <-chan struct{} {
	game, path, _ := strings.Cut(r.URL.Path[1:], "/")
	id, err := uuid.Parse(game)
	if err != nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if call, ok := e.hung[galaxy.GameID{UUID: id}]; ok && strings.HasPrefix(r.Method+" /"+path, call) {
		return e.goOn
	}
	return nil
}

// ServeHTTP answers for an engine.
func (e *engines) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if goOn := e.waits(r); goOn != nil {
		select {
		case <-goOn:
		case <-r.Context().Done():
			return
		}
	}
	e.Engines.ServeHTTP(w, r)
}

// Ensure gives the engine an address that it shares with few others.
func (e *engines) Ensure(ctx context.Context, spec galaxy.ContainerSpec) (galaxy.Container, error) {
	c, err := e.Engines.Ensure(ctx, spec)
	return e.addressed(c), err
}

// Inspect gives the address of Ensure.
func (e *engines) Inspect(ctx context.Context, id galaxy.GameID) (galaxy.Container, error) {
	c, err := e.Engines.Inspect(ctx, id)
	return e.addressed(c), err
}

func (e *engines) addressed(c galaxy.Container) galaxy.Container {
	if c.Address == "" {
		return c
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.given[c.Game]; !ok {
		e.given[c.Game] = e.addresses[len(e.given)%ports] + "/" + c.Game.String()
	}
	c.Address = e.given[c.Game]
	return c
}
