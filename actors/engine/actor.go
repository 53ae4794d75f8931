package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// errAway is what a player is told while the engine is not up.
var errAway = galaxy.Errorf(galaxy.ServiceUnavailable, "the game's engine is not running right now; try again shortly")

// driver drives one engine.
type driver struct {
	*Deps
	Spec
	ran      *bool  // a game was played in this engine: it is never made again
	life     uint64 // of this incarnation, unique in the process
	up       bool
	address  string
	misses   int
	unknown  bool  // the daemon did not answer when the engine did not either
	stopping int64 // number of the stop that is tried again
	timers   kit.Timers
	cancels  map[uint64]context.CancelFunc // of jobs under way
	jobs     uint64

	writing   bool
	writes    []kit.Held // PutOrders and MakeTurn that wait
	making    bool       // the write under way makes a turn
	reading   int
	reads     []kit.Held       // Report that wait
	revisions map[string]int64 // of the engine, by race; a race is missing while its revision is in doubt
}

// Props makes an engine's actor, to be spawned by its game.
func Props(sys *kit.System, d *Deps, spec Spec) *actor.Props {
	// Outlives the incarnations: what is true when the actor is spawned is not when it is restarted.
	ran := spec.Turn != galaxy.NoTurn
	return sys.Props(func() actor.Actor {
		return &driver{Deps: d, Spec: spec, ran: &ran, cancels: map[uint64]context.CancelFunc{}, revisions: map[string]int64{}}
	}, kit.Kind("engine"))
}

const (
	probe  = "probe"
	bring  = "bring up"
	ending = "stop"
)

// Receive drives the engine.
func (a *driver) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		a.life = a.lives.Add(1)
		if a.Up {
			a.bringUp(c)
		}
	case broughtUp:
		a.onBroughtUp(c, m)
	case PutOrders, MakeTurn:
		a.onWrite(c, m)
	case ordersPut:
		a.onOrdersPut(c, m)
	case turnTried:
		a.onTurnTried(c, m)
	case Report:
		a.onReport(c, m)
	case reportRead:
		a.onReportRead(c, m)
	case probed:
		a.onProbed(c, m)
	case Stop:
		a.onStop(c, m)
	case stopped:
		a.onStopped(c, m)
	case kit.Tick:
		a.onTick(c, m)
	case *actor.Stopping, *actor.Restarting:
		a.giveUp(c)
	}
}

func (a *driver) onTick(c actor.Context, m kit.Tick) {
	if !a.timers.Fired(m) {
		return
	}
	switch m.Name {
	case bring:
		a.bringUp(c)
	case probe:
		a.probe(c)
	case ending:
		a.end(c, a.stopping, "")
	}
}

// log is made when it is needed: a logger that waits holds a buffer.
func (a *driver) log() *zap.Logger { return a.Log.With(zap.Stringer("game_id", a.Game)) }

func (a *driver) tell(c actor.Context, fact any) { kit.Send(c, c.Parent(), fact) }

// job runs work outside the mailbox until it is done, its time is over, or the actor gives its work up.
func (a *driver) job(c actor.Context, timeout time.Duration, work func(context.Context) any, panicked func(error) any) {
	a.jobs++
	id := a.jobs
	cancel := kit.Job(c, timeout, work, panicked)
	a.cancels[id] = cancel
	if len(a.cancels) > keptCancels {
		// A job that is done has cancelled itself: forgetting the oldest ones is enough to hold no more than may be under way.
		for old := range a.cancels {
			if old+keptCancels <= id {
				delete(a.cancels, old)
			}
		}
	}
}

// keptCancels is more than the jobs that one engine can have under way.
const keptCancels = 16

// giveUp cancels what is under way and answers what waits.
func (a *driver) giveUp(c actor.Context) {
	a.timers.CancelAll()
	for _, cancel := range a.cancels {
		cancel()
	}
	for _, w := range a.writes {
		if o, ok := w.Message.(PutOrders); ok {
			a.tell(c, OrdersPut{ID: o.ID, Err: errAway})
		}
	}
	for _, r := range a.reads {
		if m, ok := r.Message.(Report); ok {
			kit.ReplyTo(c, m.Asker, nil, errAway)
		}
	}
	a.writes, a.reads, a.up = nil, nil, false
}

// die reports the engine's death to the game, and has the actor started anew.
func (a *driver) die(c actor.Context, cause string) {
	a.up = false
	a.tell(c, Down{a.Serial, cause})
	panic(fmt.Errorf("engine of game %s: %s", a.Game, cause))
}

// op counts work on a container.
func (a *driver) op(ctx context.Context, name string, err error) error {
	outcome := "ok"
	switch {
	case errors.Is(err, galaxy.ErrDriverUnknown):
		outcome = "unknown"
	case err != nil:
		outcome = "failed"
	}
	a.ops.Add(ctx, 1, metric.WithAttributes(attribute.String("op", name), attribute.String("outcome", outcome)))
	return err
}

// errFull: more container jobs wait already than may.
var errFull = errors.New("too many container jobs are waiting")

// worker gives work on containers its turn, oldest first.
func (a *driver) worker(ctx context.Context, work func() error) error {
	if a.waiting.Add(1) > int64(a.Config.JobQueue+a.Config.WorkerPool) {
		a.waiting.Add(-1)
		return errFull
	}
	defer a.waiting.Add(-1)
	if err := a.workers.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait for a worker: %w", err)
	}
	defer a.workers.Release(1)
	return work()
}
