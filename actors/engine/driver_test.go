package engine_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginehttp"
	"galaxy/backend/internal/enginetest"
)

// rig is an engine's actor under a stand-in of its game, which keeps what it is told.
type rig struct {
	*enginetest.Engines
	*daemon
	t     *testing.T
	sys   *kit.System
	deps  engine.Deps
	all   *engine.Deps
	facts chan any
	away  atomic.Bool  // the lease is held by another
	asked atomic.Int64 // how often it was asked whether this backend serves
}

var errDaemon = errors.New("the daemon has a problem")

const (
	eventually = 10 * time.Second
	tick       = time.Millisecond
)

func newRig(t *testing.T, options ...func(*rig)) *rig {
	engines := enginetest.New(t)
	r := &rig{Engines: engines, daemon: &daemon{Engines: engines}, t: t, sys: kittest.System(t), facts: make(chan any, 1000)}
	r.deps = engine.Deps{Config: engine.Config{WorkerPool: 4, JobQueue: 64, StopGrace: time.Second, StartTimeout: time.Minute, GenerationLimit: 30 * time.Second, TurnConcurrency: 64},
		Containers: r.daemon, Log: zap.NewNop(), Client: enginehttp.New(enginehttp.Config{CallTimeout: 2 * time.Second, ProbeTimeout: 500 * time.Millisecond}, tracenoop.NewTracerProvider()),
		Serving: func() bool { r.asked.Add(1); return !r.away.Load() },
		Pace: engine.Pace{Probe: 20 * time.Millisecond, Retry: 20 * time.Millisecond, Settle: 10 * time.Millisecond, Health: 5 * time.Second,
			Restarts: kit.Backoff{Min: time.Millisecond, Max: time.Millisecond, Retries: 4, Within: time.Minute}}}
	for _, o := range options {
		o(r)
	}
	var err error
	r.all, err = engine.New(r.deps, noop.Meter{})
	require.NoError(t, err)
	return r
}

// spec is an engine of a game that is to be started.
func spec() engine.Spec {
	return engine.Spec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Up: true, Turn: galaxy.NoTurn, Races: []string{"A", "B"}, Since: time.Now(),
		Pin: galaxy.Pin{EngineVersion: "1.0.0", ImageRef: "engine:1.0.0", ExpectedTurn: true}}
}

// played has the engine of a game hold that, as if it had been started before.
func (r *rig) played(s *engine.Spec, turn int) {
	s.Turn = turn
	r.Change(s.Game, func(g *enginetest.Game) {
		g.State, g.Version, g.Started, g.Holds, g.Races, g.Turn, g.Digest = galaxy.ContainerRunning, s.EngineVersion, 1, s.Game, s.Races, turn, "recorded"
	})
}

// drive spawns the actor of an engine; what it is sent goes to the actor.
func (r *rig) drive(s engine.Spec) kit.Ref {
	r.t.Helper()
	var child *actor.PID
	props := r.sys.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(c actor.Context) {
			switch m := c.Message().(type) {
			case *actor.Started:
				child = c.Spawn(engine.Props(r.sys, r.all, s))
			case engine.Stop, engine.Remove, engine.DropCopy, engine.MakeTurn, engine.PutOrders, engine.PutBatch, engine.CloseOrders, engine.Banish, engine.Report, engine.FetchReports, engine.Look:
				kit.Send(c, child, m)
			case *actor.Terminated:
				r.facts <- m
			case actor.SystemMessage:
			default:
				r.facts <- m
			}
		})
	}, kit.Supervise(r.deps.Pace.Restarts))
	ref, err := r.sys.Spawn("game-"+s.Game.String(), props, kittest.Never)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { kittest.Stop(r.t, r.sys, ref) })
	return ref
}

// next waits for the next fact of that kind and passes others over.
func next[F any](r *rig) F {
	r.t.Helper()
	late := time.After(eventually)
	for {
		select {
		case fact := <-r.facts:
			if f, ok := fact.(F); ok {
				return f
			}
		case <-late:
			var none F
			require.FailNow(r.t, "it was not told", "%T", none)
		}
	}
}

// askedAgain waits until the actor has asked that often whether it serves.
func (r *rig) askedAgain(times int64) {
	r.t.Helper()
	from := r.asked.Load()
	require.Eventually(r.t, func() bool { return r.asked.Load() >= from+times }, eventually, tick)
}

func (r *rig) starts(id galaxy.GameID) (n int) {
	r.Change(id, func(g *enginetest.Game) { n = g.Started })
	return n
}

// daemon notes what is done to containers, and lets a test step in.
type daemon struct {
	*enginetest.Engines

	mu     sync.Mutex
	done   []string
	graces []time.Duration // that containers were given to end
	before func(ctx context.Context, what string) error
	after  func(what string)
}

// stepIn has before called before each change of a container, which it may refuse, and after afterwards.
func (d *daemon) stepIn(before func(ctx context.Context, what string) error, after func(what string)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.before, d.after = before, after
}

// changes gives what was done to containers.
func (d *daemon) changes() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.done)
}

func (d *daemon) grants(grace time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.graces = append(d.graces, grace)
}

func (d *daemon) change(ctx context.Context, what string, do func() error) error {
	d.mu.Lock()
	d.done = append(d.done, what)
	before, after := d.before, d.after
	d.mu.Unlock()
	if before != nil {
		if err := before(ctx, what); err != nil {
			return err
		}
	}
	err := do()
	if after != nil {
		after(what)
	}
	return err
}

func (d *daemon) Ensure(ctx context.Context, spec galaxy.ContainerSpec) (container galaxy.Container, err error) {
	d.grants(spec.StopGrace)
	err = d.change(ctx, "ensure", func() (err error) {
		container, err = d.Engines.Ensure(ctx, spec)
		return err
	})
	return container, err
}

func (d *daemon) Stop(ctx context.Context, id galaxy.GameID, grace time.Duration) error {
	d.grants(grace)
	return d.change(ctx, "stop", func() error { return d.Engines.Stop(ctx, id, grace) })
}

func (d *daemon) SetAside(ctx context.Context, id galaxy.GameID, grace time.Duration) error {
	d.grants(grace)
	return d.change(ctx, "set aside", func() error { return d.Engines.SetAside(ctx, id, grace) })
}

func (d *daemon) Remove(ctx context.Context, id galaxy.GameID) error {
	return d.change(ctx, "remove", func() error { return d.Engines.Remove(ctx, id) })
}

func (d *daemon) CopyState(ctx context.Context, id galaxy.GameID, label string) error {
	return d.change(ctx, "copy", func() error { return d.Engines.CopyState(ctx, id, label) })
}

func (d *daemon) RestoreState(ctx context.Context, id galaxy.GameID, label string) error {
	return d.change(ctx, "restore", func() error { return d.Engines.RestoreState(ctx, id, label) })
}

func (d *daemon) DropState(ctx context.Context, id galaxy.GameID, label string) error {
	return d.change(ctx, "drop", func() error { return d.Engines.DropState(ctx, id, label) })
}
