package game

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// table is one game in memory.
type table struct {
	*Deps
	sys *kit.System
	id  galaxy.GameID

	game     *galaxy.Game // nil while it is not read, or in doubt
	caughtUp int64        // generation of the service whose outages the game has caught up on
	doubtful []string     // race names whose holders are in doubt; nil when none is
	looked   int64        // version of the game that the lobby has looked at
	players  []galaxy.EnginePlayer
	stored   map[string]galaxy.StoredOrders // of the turn being prepared, by race, as far as they were asked for
	writes   galaxy.Certainty               // of orders for the turn being prepared

	engine  runner
	adopted adopted // what was adopted last
	facts   []fact  // what is not stored yet, oldest first

	orders       map[uint64]order // handed to the engine and not answered
	lateBatches  map[uint64]order // batches whose players were answered before it was known what became of them
	returned     []returned       // orders that the engine was not given, which wait for what becomes of a claim
	ordered      uint64
	reading      map[uint64]read // reports that the engine was asked for
	reads        uint64
	stash        kit.Stash // orders that wait for an earlier one of their race
	forced       *forced   // an operator's turn that waits for the orders handed to the engine
	claimPending bool      // the deadline's turn waits for them

	timers kit.Timers
	idle   *kit.Idle
}

// Start starts the games' family.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (*kit.Family[galaxy.GameID], error) {
	d.Idle, d.Retry, d.Refetch = cmp.Or(d.Idle, 10*time.Minute), cmp.Or(d.Retry, 500*time.Millisecond), cmp.Or(d.Refetch, 5*time.Second)
	if err := d.measure(); err != nil {
		return nil, err
	}
	if d.Outages == nil {
		d.Outages = func() []galaxy.Outage { return nil }
	}
	if d.Generation == nil {
		d.Generation = func() int64 { return 0 }
	}
	if d.DiskLow == nil {
		d.DiskLow = func() bool { return false }
	}
	d.uses = &atomic.Uint64{}
	props := sys.Props(func() actor.Actor {
		t := &table{Deps: &d, sys: sys}
		t.idle = kit.NewIdle(d.Idle, &t.timers)
		return t
	}, kit.Supervise(d.Engine.Pace.Restarts), kit.Kind("game"))
	return kit.NewFamily(sys, "games", func(galaxy.GameID) *actor.Props { return props }, strategy)
}

// The names of the timers.
const (
	deadline = "deadline"
	starting = "starting"
	retry    = "retry"
	refetch  = "fetch reports"
	regap    = "fetch what is missing of reports"
	lapse    = "lapse"
)

// Receive hands each message to its topic.
func (t *table) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		t.id.UUID = uuid.MustParse(kit.Key(c))
	case Create:
		answer(t, c, func(ctx context.Context) (galaxy.Game, error) { return t.onCreate(c, ctx, m) })
	case Get:
		answer(t, c, func(ctx context.Context) (galaxy.Game, error) { return t.onGet(c, ctx, m) })
	case Edit:
		answer(t, c, func(ctx context.Context) (galaxy.Game, error) { return t.onEdit(c, ctx, m) })
	case Forget, OpenEnrollment, ReadyToStart, Begin, ForceStart, ForceStop, Pause, Resume, Cancel, Transfer, Restart, Patch, MoveDeadline, Ready:
		answer(t, c, func(ctx context.Context) (galaxy.Game, error) { return t.onMove(c, ctx, m) })
	case Apply:
		answer(t, c, func(ctx context.Context) (galaxy.Application, error) { return t.onApply(c, ctx, m) })
	case Approve, Reject, Withdraw:
		answer(t, c, func(ctx context.Context) (galaxy.Application, error) { return t.onApplication(c, ctx, m) })
	case Invite:
		answer(t, c, func(ctx context.Context) (galaxy.Invite, error) { return t.onInvite(c, ctx, m) })
	case Redeem, Decline, Revoke:
		answer(t, c, func(ctx context.Context) (galaxy.Invite, error) { return t.onInvited(c, ctx, m) })
	case Remove, Ban, Leave:
		answer(t, c, func(ctx context.Context) (galaxy.Membership, error) { return t.onUnseat(c, ctx, m) })
	case ForceNextTurn:
		t.onForceNextTurn(c, m)
	case View:
		answer(t, c, func(ctx context.Context) (Viewed, error) { return t.onView(c, ctx, m) })
	case PutOrders:
		t.onPut(c, func(ctx context.Context) error { return t.putOrders(c, ctx, m) })
	case PutCommands:
		t.onPut(c, func(ctx context.Context) error { return t.putCommands(c, ctx, m) })
	case GetOrders:
		answer(t, c, func(ctx context.Context) (galaxy.StoredOrders, error) { return t.onGetOrders(c, ctx, m) })
	case GetReport:
		t.onGetReport(c, m)
	case engine.OrdersPut:
		t.onOrdersPut(c, m)
	case engine.ReportRead:
		t.onReportRead(c, m)
	case engine.Up, engine.Down, engine.LastWords, engine.Unknown, engine.Known, engine.ImageAwaited, engine.Refused, engine.Unfit,
		engine.Lost, engine.TurnMade, engine.TurnFailed, engine.Stopped, engine.Removed, engine.Patched, engine.PatchFailed,
		engine.Banished, engine.Fetched, engine.Found:
		t.onEngine(c, m)
	case Seen:
		t.onSeen(c, m)
	case Adopt:
		t.onAdopt(c, m)
	case CleanUp:
		t.learn(c, plain("clean-up", func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.CleanUp(by) }))
	case *actor.Terminated:
		t.onTerminated(c, m)
	case Wake:
		t.onWake(c)
	case kit.Tick:
		t.onTick(c, m)
	case *actor.Restarting:
		t.onStopping(c)
		kit.Tell(kit.Self(c), Wake{}) // the next incarnation goes on at once: nobody else may ask soon
	case *actor.Stopping:
		t.onStopping(c)
	}
}

// answer runs what a command asks for and replies. A game that cannot be read leaves memory again.
func answer[R any](t *table, c actor.Context, do func(context.Context) (R, error)) {
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	v, err := do(ctx)
	kit.Reply(c, v, err)
	if t.game == nil {
		t.leave(c)
		return
	}
	t.rest(c)
}

// rest lets a game that nobody has to do with leave memory after a while.
func (t *table) rest(c actor.Context) {
	if !t.resident() {
		t.idle.Use(c)
	}
}

// resident reports whether the game stays in memory: players have to do with it, or it has use for an engine.
func (t *table) resident() bool { return t.game.Live() || t.game.Wanted() }

// leave ends the actor unless it has something to look after.
func (t *table) leave(c actor.Context) {
	if t.engine.pid == nil && len(t.facts) == 0 && len(t.orders) == 0 {
		kit.Passivate(c)
	}
}

// load reads the game unless it is in memory, and has it catch up on outages that it does not know yet. One that wants
// an engine is then pursued.
func (t *table) load(c actor.Context, ctx context.Context) error {
	if t.game != nil && t.caughtUp == t.Generation() {
		return nil
	}
	if t.game == nil {
		if err := t.read(c, ctx); err != nil {
			return err
		}
	}
	if err := t.catchUp(c, ctx); err != nil {
		return err
	}
	if t.game == nil {
		return errDoubt
	}
	return nil
}

func (t *table) read(c actor.Context, ctx context.Context) error {
	g, ok := t.Warm.take(t.id)
	if !ok {
		found, err := t.Store.Game(ctx, t.id)
		if err != nil {
			return err
		}
		g = &found
	}
	if err := t.clearDoubt(ctx, *g); err != nil {
		return err
	}
	t.game = g
	if t.resident() {
		kit.Tell(kit.Self(c), Wake{})
	}
	return nil
}

// errDoubt: what the game is now was stored, or not: nobody has said.
var errDoubt = galaxy.Errorf(galaxy.ServiceUnavailable, "the game is being read anew; try again shortly")

// catchUp decides on what outages mean for the deadline, before anything else is decided.
func (t *table) catchUp(c actor.Context, ctx context.Context) error {
	generation := t.Generation()
	change := t.late()
	change.Generation = generation
	if err := t.commit(c, ctx, change); err != nil {
		return err
	}
	t.caughtUp = generation
	return nil
}

// late decides what outages mean for the deadline.
func (t *table) late() galaxy.GameChange {
	outages := t.Outages()
	if len(outages) == 0 {
		return galaxy.GameChange{}
	}
	return t.game.CatchUpWith(outages, t.by(galaxy.System("schedule"), ""))
}

// clearDoubt reads the race names anew of a game whose memory was in doubt.
func (t *table) clearDoubt(ctx context.Context, g galaxy.Game) error {
	if t.doubtful == nil {
		return nil
	}
	keys := t.doubtful
	for _, m := range g.Members {
		keys = append(keys, m.RaceKey)
	}
	if err := t.Names.Refresh(ctx, keys...); err != nil {
		return err
	}
	t.doubtful = nil
	return nil
}

// commit stores a decision and adopts it, and then does what the new state asks for. A change of nothing is none.
func (t *table) commit(c actor.Context, ctx context.Context, change galaxy.GameChange) error {
	if change.Nothing() {
		return nil
	}
	// A decision that was made before a gap in the service is not stored after it.
	change.Generation = cmp.Or(change.Generation, t.caughtUp)
	next, err := t.Store.CommitGame(ctx, change)
	if err != nil {
		if galaxy.MemoryStale(err) {
			t.invalidate(c, change)
		}
		return err
	}
	t.logSchedule(next)
	t.game = &next
	t.Names.Committed(change.Names)
	t.count(ctx, change.Timeline)
	if change.Turn != nil {
		t.players, t.writes = change.Turn.Players, galaxy.Certain()
		clear(t.stored)
	}
	if len(change.Notices) > 0 {
		t.WakeNotify()
	}
	t.pursue(c)
	if t.game != nil {
		t.rest(c)
	}
	return nil
}

// invalidate drops what may no longer be true after a change that may not have been stored; it is read again before the next
// message, or soon if there is none.
func (t *table) invalidate(c actor.Context, change galaxy.GameChange) {
	t.doubtful = []string{}
	for _, m := range change.Next.Members {
		t.doubtful = append(t.doubtful, m.RaceKey)
	}
	t.game, t.players, t.writes = nil, nil, galaxy.Certainty{}
	clear(t.stored)
	t.timers.Start(c, retry, t.Retry)
}

// log is made when it is needed: a logger that waits holds a buffer.
func (t *table) log() *zap.Logger { return t.Log.With(zap.Stringer("game_id", t.id)) }

// by says who acts, with what a player may do.
func (t *table) by(p galaxy.Principal, request string) galaxy.By {
	by := galaxy.By{Principal: p, RequestID: request, At: t.Now(), EarlyDelay: t.Config.EarlyDelay}
	if user, ok := p.UserID(); ok {
		by.Rights, _ = t.Rights(user)
	}
	return by
}

func (t *table) onTick(c actor.Context, m kit.Tick) {
	if !t.timers.Fired(m) {
		return
	}
	switch m.Name {
	case kit.IdleTick:
		if t.idle.Tired(c) && (t.game == nil || !t.resident()) {
			t.leave(c)
		}
	default:
		t.onWake(c)
	}
}

func (t *table) onStopping(c actor.Context) {
	// The engine's actor ends with its game's: that says nothing about the engine.
	t.engine.pid, t.engine.up = nil, false
	t.timers.CancelAll()
	t.refuseOrders(c, kit.ErrStopping)
	t.refuseReads(c, kit.ErrStopping)
	t.refuseReturned(c, kit.ErrStopping)
	t.stash.Refuse(c, kit.ErrStopping)
	if t.forced != nil {
		kit.ReplyTo(c, t.forced.asker, nil, kit.ErrStopping)
	}
}
