// Package enginetest stands in for engines and for the daemon that runs them: it speaks the engine contract from memory,
// answers at once, and misbehaves when it is told to.
package enginetest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
)

// The operations of the contract that can be made to fail.
const (
	Healthz = "GET /healthz"
	Status  = "GET /api/v1/admin/status"
	Init    = "POST /api/v1/admin/init"
	Turn    = "PUT /api/v1/admin/turn"
	Banish  = "POST /api/v1/admin/race/banish"
	Put     = "PUT /api/v1/order"
	Get     = "GET /api/v1/order"
	Report  = "GET /api/v1/report"
	Command = "PUT /api/v1/command"
)

// Fault is how a call fails. The zero Fault is none: the call is answered as it should be.
type Fault struct {
	Cut    bool // the connection is cut
	Status int  // answered with this status and Code, or with Body as it is
	Code   string
	Body   string
	Empty  bool            // answered with Status and no body
	After  bool            // the work is done before the call fails
	Hold   <-chan struct{} // keeps the call open until it is closed or the caller has left
}

func (f Fault) fails() bool { return f.Cut || f.Status != 0 }

// Engines are all engines of a test, and their containers. It implements what the engine actor needs of a driver.
type Engines struct {
	server *httptest.Server

	mu     sync.Mutex
	games  map[galaxy.GameID]*Game
	faults map[string][]Fault
	calls  map[string]int
	away   bool
	refuse bool
	base   *Base
	begins map[string]func(*Game) // by version, what happens to an engine of it when it starts

	watchers map[*watcher]struct{}
	copies   map[copyOf]Game
	replaced map[copyOf]bool
	space    int64
}

// Game is one engine with its container. Fields may be changed inside Engines.Change only.
type Game struct {
	State   galaxy.ContainerState
	Holds   galaxy.GameID // zero: not initialised
	Turn    int
	Busy    bool // says that it is making a turn
	Digest  string
	Races   []string
	Lists   map[string]engineapi.OrderList // of the turn being prepared
	Batches map[string]engineapi.Results   // of the turn being prepared, by race and batch
	Version string
	Image   string
	Since   time.Time                        // when its container was started; zero: nobody knows
	Made    []map[string]engineapi.OrderList // the lists that each turn was made with, that of turn 1 first
	Started int
	Aside   int             // times its state was set aside
	Ends    bool            // the next turn is the last
	Over    bool            // the last turn is made
	Grown   map[string]bool // races that have more than they began with
	Banned  map[string]bool // races that were banished
	Ran     []string        // what an engine of Base has run of commands, in order

	exit galaxy.Container
}

// New starts the stand-in; it ends with the test.
func New(t testing.TB) *Engines {
	e := &Engines{games: map[galaxy.GameID]*Game{}, faults: map[string][]Fault{}, calls: map[string]int{}, begins: map[string]func(*Game){},
		watchers: map[*watcher]struct{}{}, copies: map[copyOf]Game{}, replaced: map[copyOf]bool{}, space: 1 << 40}
	e.server = httptest.NewServer(http.HandlerFunc(e.serve))
	t.Cleanup(func() {
		e.server.CloseClientConnections()
		e.server.Close()
	})
	return e
}

// Fail lets the next calls of an operation fail, one fault each.
func (e *Engines) Fail(operation string, faults ...Fault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults[operation] = append(e.faults[operation], faults...)
}

// Forgive lets an operation fail no more.
func (e *Engines) Forgive(operation string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.faults, operation)
}

// FailLocked is Fail for functions that Begins or Change call.
func (e *Engines) FailLocked(operation string, faults ...Fault) {
	e.faults[operation] = append(e.faults[operation], faults...)
}

// ForgetLocked lets operations succeed again that were to fail, for functions that Begins or Change call.
func (e *Engines) ForgetLocked(operations ...string) {
	for _, o := range operations {
		delete(e.faults, o)
	}
}

// Calls gives how often an operation was called.
func (e *Engines) Calls(operation string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls[operation]
}

// Away makes the container daemon unreachable, or reachable again. Engines go on.
func (e *Engines) Away(away bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.away = away; away {
		e.breakOff()
	}
}

// Refuse makes the daemon refuse to start engines, for a reason that will not pass by itself, or accept again.
func (e *Engines) Refuse(refuse bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refuse = refuse
}

// Begins has something happen to every engine of a version when it starts.
func (e *Engines) Begins(version string, f func(*Game)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.begins[version] = f
}

// Change looks at an engine, or alters it.
func (e *Engines) Change(id galaxy.GameID, f func(*Game)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(e.game(id))
}

// Kill ends an engine as its exit tells; what it holds stays.
func (e *Engines) Kill(id galaxy.GameID, exit galaxy.Container) {
	e.Change(id, func(g *Game) {
		if exit.OOMKilled {
			e.tell(galaxy.ContainerEvent{Game: id, Kind: galaxy.ContainerOOM})
		}
		e.end(id, g, exit)
	})
}

// end needs mu.
func (e *Engines) end(id galaxy.GameID, g *Game, exit galaxy.Container) {
	exit.FinishedAt = time.Now().UTC()
	g.State, g.exit = galaxy.ContainerExited, exit
	e.tell(galaxy.ContainerEvent{Game: id, Kind: galaxy.ContainerDied, ExitCode: exit.ExitCode, ExitKnown: exit.ExitKnown})
}

func (e *Engines) game(id galaxy.GameID) *Game {
	g, ok := e.games[id]
	if !ok {
		g = fresh()
		e.games[id] = g
	}
	return g
}

func (e *Engines) serve(w http.ResponseWriter, r *http.Request) {
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	id, err := uuid.Parse(first)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	game, operation := galaxy.GameID{UUID: id}, r.Method+" /"+rest
	fault := e.fault(operation)
	if fault.Hold != nil {
		select {
		case <-fault.Hold:
		case <-r.Context().Done():
			return
		}
	}
	var out any
	var bad *refusal
	base := e.made()
	switch {
	case fault.fails() && !fault.After:
	case base != nil:
		e.doBase(base, game, operation, w, r, !fault.fails())
		if !fault.fails() && e.runs(game) {
			return
		}
	default:
		out, bad = e.do(game, operation, r)
	}
	switch {
	case fault.Cut, !e.runs(game):
		panic(http.ErrAbortHandler)
	case fault.Body != "", fault.Empty:
		w.WriteHeader(fault.Status)
		_, _ = w.Write([]byte(fault.Body))
	case fault.Status != 0:
		answer(w, fault.Status, engineapi.Error{Error: engineapi.ErrorBody{Code: fault.Code, Message: "told to"}})
	case bad != nil:
		answer(w, bad.status, engineapi.Error{Error: engineapi.ErrorBody{Code: bad.code, Message: operation + " is refused"}})
	default:
		answer(w, http.StatusOK, out)
	}
}

func (e *Engines) fault(operation string) Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls[operation]++
	waiting := e.faults[operation]
	if len(waiting) == 0 {
		return Fault{}
	}
	e.faults[operation] = waiting[1:]
	return waiting[0]
}

func (e *Engines) runs(id galaxy.GameID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.game(id).State == galaxy.ContainerRunning
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
