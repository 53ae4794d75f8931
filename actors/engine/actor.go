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
	"golang.org/x/sync/semaphore"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// ErrAway is what a player is told while the engine is not up.
var ErrAway = galaxy.Errorf(galaxy.ServiceUnavailable, "the game's engine is not running right now; try again shortly")

// driver drives one engine.
type driver struct {
	*Deps
	Spec
	lasting *lasting
	life    uint64 // of this incarnation, unique in the process
	up      bool
	address string
	misses  int
	unknown bool    // the daemon did not answer when the engine did not either
	ending  stopped // the stop, or removal, that is tried again
	timers  kit.Timers
	cancels map[uint64]context.CancelFunc // of jobs under way
	back    string                        // why a patch is being taken back
	putBack int                           // how often that was in vain
	silent  time.Time                     // since when the daemon has not answered a patch
	leave   func()                        // the place outside the gate for container work; nil without one

	writing   bool
	writes    []kit.Held       // what waits for the write under way
	making    bool             // the write under way makes a turn
	unserved  MakeTurn         // the turn that is made when this backend serves again
	revisions map[string]int64 // of the engine, by race; a race is missing while its revision is in doubt
	counts    bool             // the engine counts revisions, and so knows batches by their ids
}

// Props makes an engine's actor, to be spawned by its game.
func Props(sys *kit.System, d *Deps, spec Spec) *actor.Props {
	l := &lasting{ran: spec.Turn != galaxy.NoTurn, afresh: spec.Afresh, making: spec.Making, patch: spec.Patch, pin: spec.Pin, since: spec.Since, places: semaphore.NewWeighted(readsAtOnce)}
	return sys.Props(func() actor.Actor {
		return &driver{Deps: d, Spec: spec, lasting: l, cancels: map[uint64]context.CancelFunc{}, revisions: map[string]int64{}}
	}, kit.Kind("engine"))
}

// lasting outlives the incarnations: what is true when the actor is spawned is not when it is restarted.
type lasting struct {
	ran    bool // a game was played in this engine: it is never made again
	afresh bool // the container is still to be ended
	began  bool // the container was started since the engine was up last: it may still be on its way, and is waited for
	making bool // the engine may be making the turn that is claimed
	patch  *Patch
	progress
	pin    galaxy.Pin
	places *semaphore.Weighted // for reads
	// since is when that which the engine is wanted for came due: who has waited longest is served first.
	since time.Time
	asked bool   // an engine that would make a turn twice was asked for one: that call may still arrive
	away  bool   // the game was told that the daemon does not answer
	pulls int    // how often in a row the registry has not given the image
	jobs  uint64 // so far: a job is known by its number to every incarnation
}

const (
	probe    = "probe"
	bring    = "bring up"
	stopping = "stop"
	removing = "remove"
	patching = "patch"
	serving  = "serve again"
)

// Receive drives the engine.
func (a *driver) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		a.life = a.lives.Add(1)
		a.lasting.afresh, a.lasting.asked = a.lasting.afresh || a.lasting.asked, false
		a.begin(c)
	case jobDone:
		delete(a.cancels, m.job)
	case broughtUp:
		a.onBroughtUp(c, m)
	case room:
		a.onRoom(c, m)
	case daemonBack:
		a.onDaemonBack(c, m)
	case patched:
		a.onPatched(c, m)
	case DropCopy:
		a.onDropCopy(c, m)
	case PutOrders, PutBatch, MakeTurn, Banish:
		a.onWrite(c, m)
	case CloseOrders:
		a.onCloseOrders(c)
	case banished:
		a.onBanished(c, m)
	case ordersPut:
		a.onOrdersPut(c, m)
	case turnTried:
		a.onTurnTried(c, m)
	case Report:
		a.onReport(c, m)
	case reportRead:
		a.onReportRead(c, m)
	case FetchReports:
		a.onFetchReports(c, m)
	case fetched:
		a.onFetched(c, m)
	case Look:
		a.probe(c)
	case probed:
		a.onProbed(c, m)
	case Stop:
		a.onStop(c, m)
	case stopped:
		a.onStopped(c, m)
	case Remove:
		a.onRemove(c, m)
	case removed:
		a.onRemoved(c, m)
	case kit.Tick:
		a.onTick(c, m)
	case *actor.Stopping, *actor.Restarting:
		a.giveUp(c)
	}
}

func (a *driver) onTick(c actor.Context, m kit.Tick) {
	if a.timers.Fired(m) {
		a.again(c, m.Name)
	}
}

// again does what has waited for its timer, or for room.
func (a *driver) again(c actor.Context, work string) {
	if work == probe {
		a.probe(c)
		return
	}
	a.leaveGate()
	switch work {
	case bring:
		a.begin(c)
	case stopping:
		a.end(c, a.ending.number, a.ending.cause)
	case removing:
		a.remove(c, a.ending.number)
	case patching:
		a.tryPatch(c)
	case serving:
		a.makeTurn(c, a.unserved)
	}
}

// begin does what the actor was spawned for.
func (a *driver) begin(c actor.Context) {
	switch {
	case !a.Up:
	case a.lasting.patch != nil:
		a.tryPatch(c)
	default:
		a.bringUp(c)
	}
}

// log is made when it is needed: a logger that waits holds a buffer.
func (a *driver) log() *zap.Logger { return a.Log.With(zap.Stringer("game_id", a.Game)) }

func (a *driver) tell(c actor.Context, fact any) { kit.Send(c, c.Parent(), fact) }

// job runs work outside the mailbox until it is done, its time is over, or the actor gives its work up.
func (a *driver) job(c actor.Context, timeout time.Duration, work func(context.Context) any, panicked func(error) any) {
	a.lasting.jobs++
	self, done := kit.Self(c), jobDone{a.lasting.jobs}
	a.cancels[done.job] = kit.Job(c, timeout, func(ctx context.Context) any {
		defer kit.Tell(self, done)
		return work(ctx)
	}, panicked)
}

// giveUp cancels what is under way and answers what waits.
func (a *driver) giveUp(c actor.Context) {
	a.timers.CancelAll()
	a.leaveGate()
	for _, cancel := range a.cancels {
		cancel()
	}
	for _, w := range a.writes {
		a.refuse(c, w.Message)
	}
	a.writes, a.up = nil, false
}

// die reports the engine's death to the game, and has the actor restarted.
func (a *driver) die(c actor.Context, cause, log string) {
	a.up, a.lasting.since = false, kit.Now(c)
	a.tell(c, Down{a.Serial, cause, log})
	a.fail(cause, log)
}

// fail has the actor restarted. Supervision logs the cause and the engine's last words, in one line.
func (a *driver) fail(cause, log string) {
	kit.Fail("the engine has died", errors.New(cause), zap.Stringer("game_id", a.Game), zap.String("last_lines", log))
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

// errNotServing: another backend may serve the database by now, so that nothing may be done to a container, nor concluded.
var errNotServing = fmt.Errorf("this backend does not serve the database right now: %w", galaxy.ErrDriverUnknown)

// fenced does what changes a container, unless this backend may have been overtaken: its successor would see its own work undone.
func (a *driver) fenced(work func() error) error {
	if !a.Serving() {
		return errNotServing
	}
	return work()
}

// worker gives work on containers its turn, which comes by since when it has waited.
func (a *driver) worker(ctx context.Context, since time.Time, work func() error) error {
	return a.workers.doWhile(ctx, since, a.Pace.Place, func() error { return a.fenced(work) })
}

// tryAgain has work on a container that came to nothing tried again after a while, and as soon as there is room if that was missing.
// The game is told when it is the daemon that does not answer.
func (a *driver) tryAgain(c actor.Context, work string, err error) {
	if errors.Is(err, galaxy.ErrDriverUnknown) && !errors.Is(err, errNotServing) {
		a.lasting.away = true
		a.log().Warn("nothing is known of the engine; it is tried again", zap.Error(err))
		a.tell(c, Unknown{a.Serial, galaxy.Obstacle(err)})
	}
	a.leaveGate()
	if errors.Is(err, errFull) {
		self, life := kit.Self(c), a.life
		a.leave = a.workers.later(a.lasting.since, func() { kit.Tell(self, room{life, work}) })
	}
	a.timers.Start(c, work, a.jittered(a.Pace.Retry))
}

// awaitImage has the engine brought up again when the registry may give its image: it does not say that there is
// none. The waits grow, for a registry may count who asks.
func (a *driver) awaitImage(c actor.Context, err error) {
	a.lasting.pulls++
	a.log().Warn("the engine's image cannot be had for now; it is tried again", zap.Int("times", a.lasting.pulls), zap.Error(err))
	a.tell(c, ImageAwaited{a.Serial, galaxy.Cause(err)})
	a.timers.Start(c, bring, kit.Backoff{Min: a.Pace.Retry, Max: 12 * a.Pace.Retry}.Wait(a.lasting.pulls))
}

// heardOf asks a daemon that was away for a sign of life: what it is asked for next may take long. It runs outside the mailbox.
func (a *driver) heardOf(ctx context.Context, self kit.Ref, life uint64) {
	if _, err := a.Containers.Inspect(ctx, a.Game); err == nil {
		kit.Tell(self, daemonBack{life})
	}
}

func (a *driver) onDaemonBack(c actor.Context, m daemonBack) {
	if m.life == a.life && a.lasting.away {
		a.lasting.away = false
		a.tell(c, Known{a.Serial})
	}
}

// leaveGate gives up the place outside the gate.
func (a *driver) leaveGate() {
	if a.leave != nil {
		a.leave()
		a.leave = nil
	}
}

func (a *driver) onRoom(c actor.Context, m room) {
	if m.life == a.life && a.timers.Running(m.work) {
		a.timers.Cancel(m.work)
		a.again(c, m.work)
	}
}
