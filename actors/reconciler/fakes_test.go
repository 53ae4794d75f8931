package reconciler_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/reconciler"
	"galaxy/backend/galaxy"
)

// daemon is a driver whose containers are what a test says.
type daemon struct {
	mu         sync.Mutex
	away       bool
	containers map[galaxy.GameID]galaxy.Container
	stopped    galaxy.GameID // runs in lists, and has ended when it is looked at
	lists      int
	logs       int
	held       chan struct{} // what the next list waits for, and logs
	watchers   map[chan galaxy.ContainerEvent]struct{}
	watches    int
	free       int64
	freeErr    error
}

func (d *daemon) do(f func(*daemon)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d)
}

// List gives what was there when it was called, also to callers who have left.
func (d *daemon) List(context.Context) ([]galaxy.Container, error) {
	d.mu.Lock()
	d.lists++
	held, away, list := d.held, d.away, slices.Collect(maps.Values(d.containers))
	d.held = nil
	d.mu.Unlock()
	if held != nil {
		<-held
	}
	if away {
		return nil, galaxy.ErrDriverUnknown
	}
	return list, nil
}

func (d *daemon) Inspect(_ context.Context, id galaxy.GameID) (galaxy.Container, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return galaxy.Container{}, galaxy.ErrDriverUnknown
	}
	c, ok := d.containers[id]
	if !ok {
		c = galaxy.Container{Game: id, State: galaxy.ContainerMissing}
	}
	if id == d.stopped {
		c.State = galaxy.ContainerExited
	}
	return c, nil
}

func (d *daemon) Logs(ctx context.Context, id galaxy.GameID, tail int) (string, error) {
	d.mu.Lock()
	d.logs++
	away, held := d.away, d.held
	d.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	if away {
		return "", galaxy.ErrDriverUnknown
	}
	return id.String() + "'s last " + time.Duration(tail).String(), nil
}

func (d *daemon) Watch(ctx context.Context, tell func(galaxy.ContainerEvent)) error {
	d.mu.Lock()
	d.watches++
	if d.away {
		d.mu.Unlock()
		return galaxy.ErrDriverUnknown
	}
	events := make(chan galaxy.ContainerEvent, 100)
	d.watchers[events] = struct{}{}
	d.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-events:
			if !ok {
				return galaxy.ErrDriverUnknown
			}
			tell(e)
		}
	}
}

func (d *daemon) FreeSpace(context.Context) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.free, d.freeErr
}

// leave breaks the streams and has the daemon answer nobody.
func (d *daemon) leave() {
	d.do(func(d *daemon) { d.away = true })
	d.breakStreams()
}

func (d *daemon) back() { d.do(func(d *daemon) { d.away = false }) }

func (d *daemon) breakStreams() {
	d.do(func(d *daemon) {
		for w := range d.watchers {
			close(w)
			delete(d.watchers, w)
		}
	})
}

// happen tells whoever watches; there must be somebody.
func (d *daemon) happen(t *testing.T, id galaxy.GameID, kind galaxy.ContainerEventKind) {
	t.Helper()
	require.Eventually(t, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		for w := range d.watchers {
			w <- galaxy.ContainerEvent{Game: id, Kind: kind, At: time.Now()}
		}
		return len(d.watchers) > 0
	}, 10*time.Second, time.Millisecond)
}

// rows is a store that holds what a test says.
type rows struct {
	mu       sync.Mutex
	away     bool
	statuses map[galaxy.GameID]galaxy.RuntimeStatus
	ended    []galaxy.GameID
	before   time.Time // when games must have ended that were asked for last
	alerts   []galaxy.Notice
}

var errAway = galaxy.Errorf(galaxy.ServiceUnavailable, "the store is away")

func (r *rows) do(f func(*rows)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
}

func (r *rows) with(match func(galaxy.GameID, galaxy.RuntimeStatus) bool) (out []galaxy.GameID, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away {
		return nil, errAway
	}
	for id, s := range r.statuses {
		if match(id, s) {
			out = append(out, id)
		}
	}
	return out, nil
}

func (r *rows) Runtimes(_ context.Context, ids []galaxy.GameID) (map[galaxy.GameID]galaxy.RuntimeStatus, error) {
	out := map[galaxy.GameID]galaxy.RuntimeStatus{}
	_, err := r.with(func(id galaxy.GameID, s galaxy.RuntimeStatus) bool {
		if slices.Contains(ids, id) {
			out[id] = s
		}
		return false
	})
	return out, err
}

func (r *rows) LiveGames(context.Context) ([]galaxy.GameID, error) {
	return r.with(func(_ galaxy.GameID, s galaxy.RuntimeStatus) bool {
		return s == galaxy.RuntimeRunning || s == galaxy.RuntimeUnreachable
	})
}

func (r *rows) RestingGames(context.Context) ([]galaxy.GameID, error) {
	return r.with(func(_ galaxy.GameID, s galaxy.RuntimeStatus) bool {
		return s == galaxy.RuntimeStopped || s == galaxy.RuntimeUnreachable
	})
}

func (r *rows) EndedGames(_ context.Context, before time.Time, limit int) ([]galaxy.GameID, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = before
	return r.ended[:min(limit, len(r.ended))], nil
}

func (r *rows) Alert(_ context.Context, _ time.Time, n galaxy.Notice) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away {
		return errAway
	}
	r.alerts = append(r.alerts, n)
	return nil
}

const retention = 100 * time.Hour

// noon is when tests begin, and where their clock stands.
var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// told is one thing that a game was told.
type told struct {
	game galaxy.GameID
	what string
}

// world is a reconciler between a daemon and rows.
type world struct {
	*testing.T
	daemon *daemon
	rows   *rows
	disk   *reconciler.Disk
	sys    *kit.System
	ref    kit.Ref
	log    *observer.ObservedLogs
	games  chan told // what games were told

	mu     sync.Mutex
	now    time.Time
	woken  int         // times the notice worker was
	before func(*told) // called before a game is told
}

func id() galaxy.GameID { return galaxy.GameID{UUID: galaxy.NewID()} }

func newWorld(t *testing.T) *world {
	w := &world{T: t, daemon: &daemon{containers: map[galaxy.GameID]galaxy.Container{}, watchers: map[chan galaxy.ContainerEvent]struct{}{}, free: 10 << 30},
		rows: &rows{statuses: map[galaxy.GameID]galaxy.RuntimeStatus{}}, disk: &reconciler.Disk{}, sys: kittest.System(t), games: make(chan told, 10000), now: noon}
	return w
}

// game makes a game with a container that was started long ago; without a state it has none.
func (w *world) game(status galaxy.RuntimeStatus, state galaxy.ContainerState) galaxy.GameID {
	g := id()
	w.rows.do(func(r *rows) { r.statuses[g] = status })
	if state != "" {
		w.container(g, state)
	}
	return g
}

func (w *world) container(g galaxy.GameID, state galaxy.ContainerState) {
	w.daemon.do(func(d *daemon) {
		d.containers[g] = galaxy.Container{Game: g, ID: "c-" + g.String(), State: state, StartedAt: noon.Add(-time.Hour)}
	})
}

// start starts the reconciler, which compares every interval.
func (w *world) start(interval time.Duration, more ...func(*reconciler.Deps)) {
	core, log := observer.New(zapcore.InfoLevel)
	w.log = log
	tell := func(what string, g galaxy.GameID) {
		m := told{g, what}
		w.mu.Lock()
		before := w.before
		w.mu.Unlock()
		if before != nil {
			before(&m)
		}
		w.games <- m
	}
	d := reconciler.Deps{Config: reconciler.Config{Interval: interval, Retention: retention, MinFree: 1 << 30}, Containers: w.daemon, Store: w.rows, Disk: w.disk,
		Seen: func(s galaxy.Sighting) { tell(string(s.State), s.Game) },
		Wake: func(g galaxy.GameID) { tell("wake", g) }, CleanUp: func(g galaxy.GameID) { tell("clean up", g) },
		Adopt: func(c galaxy.Container) { tell("adopt "+c.ID, c.Game) },
		WakeNotify: func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.woken++
		},
		Now: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.now
		},
		Log: zap.New(core), Meter: noop.Meter{}, Rewatch: kit.Backoff{Min: 2 * time.Millisecond, Max: 20 * time.Millisecond}}
	for _, f := range more {
		f(&d)
	}
	var err error
	w.ref, err = reconciler.Start(w.sys, d, kit.Backoff{Min: time.Millisecond, Max: time.Millisecond, Retries: 10, Within: time.Minute})
	require.NoError(w, err)
	w.Cleanup(w.stop)
}

func (w *world) stop() { kittest.Stop(w.T, w.sys, w.ref) }

func meter(m metric.Meter) func(*reconciler.Deps) {
	return func(d *reconciler.Deps) { d.Meter = m }
}

// next gives what a game was told next.
func (w *world) next() told {
	w.Helper()
	select {
	case m := <-w.games:
		return m
	case <-time.After(10 * time.Second):
		require.Fail(w, "no game is told anything")
		return told{}
	}
}

// compared waits until as many comparisons as n have begun and ended from now on.
func (w *world) compared(n int) {
	w.Helper()
	var lists int
	w.daemon.do(func(d *daemon) { lists = d.lists })
	w.eventually("the containers are listed", func() bool {
		w.daemon.mu.Lock()
		defer w.daemon.mu.Unlock()
		return w.daemon.lists > lists+n // the next list is made when the one before is done with
	})
}

func (w *world) eventually(what string, fact func() bool) {
	w.Helper()
	require.Eventually(w, fact, 10*time.Second, time.Millisecond, what)
}

func (w *world) orphans() []galaxy.Orphan {
	w.Helper()
	found, err := kit.Ask(w.Context(), w.ref, reconciler.Orphans{})
	require.NoError(w, err)
	return found
}
