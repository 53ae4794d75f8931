package game

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// runner is the game's engine actor and what it was last told.
type runner struct {
	serial   uint64
	pid      *actor.PID
	up       bool
	address  string // where the engine has answered last, also one that was used before
	bringsUp bool   // it was spawned to bring the engine up, not only to stop it
	cause    string
	turn     attempt  // the turn that it was asked to make
	copied   string   // label of the copy that it makes of the state before it starts another version
	spawned  int64    // operation number of the resume, restart or patch that it was spawned for
	stop     int64    // operation number of the stop or removal that it was asked for
	banished []string // races that it was asked to banish, and has not answered for
	fetching int      // the turn of which it was asked for the reports; galaxy.NoTurn when it was not
	unread   int      // how often some of them could not be read
	gaps     int      // how many gaps in a row were asked for in vain
}

func (r *runner) tell(c actor.Context, m any) { kit.Send(c, r.pid, m) }

// attempt is one attempt at a turn, by the number of its operation.
type attempt struct {
	operation int64
	number    int
}

// fact is something the engine has told and the game must decide on.
type fact struct {
	name     string
	finished bool // the engine shows a game that is over
	decide   func(galaxy.Game, galaxy.By, galaxy.Settlement) galaxy.GameChange
	after    func() // what is done once the decision is stored; may be nil
}

// plain is a fact that does not settle names.
func plain(name string, decide func(galaxy.Game, galaxy.By) galaxy.GameChange) fact {
	return fact{name: name, decide: func(g galaxy.Game, by galaxy.By, _ galaxy.Settlement) galaxy.GameChange { return decide(g, by) }}
}

// then adds what is done once the decision on a fact is stored.
func (f fact) then(after func()) fact {
	f.after = after
	return f
}

// onEngine takes what the engine tells, unless it is not the engine that is wanted now.
func (t *table) onEngine(c actor.Context, m any) {
	switch m := m.(type) {
	case engine.Up:
		if m.Serial == t.engine.serial {
			t.engine.up, t.engine.address = true, m.Address
			t.engine.gaps = 0
			t.timers.Cancel(regap)
			t.learn(c, t.isUp(c, m))
			if t.game != nil && len(t.facts) == 0 {
				t.ask(c) // for what has waited for it, when there was nothing to store
			}
		}
	case engine.Down:
		if m.Serial == t.engine.serial {
			t.down(c, m.Cause)
			t.learn(c, plain("down", func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.EngineDown(m.Cause, m.Log, by) }))
		}
	case engine.LastWords:
		if m.Serial == t.engine.serial {
			t.learn(c, plain("last words", func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.LastWords(m.Cause, m.Log, by) }))
		}
	case engine.Unknown:
		if m.Serial == t.engine.serial {
			t.learn(c, plain("unknown", func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.Obstructed(m.Cause, by) }))
		}
	case engine.ImageAwaited:
		if m.Serial == t.engine.serial {
			t.down(c, m.Cause)
			t.learn(c, plain("image awaited", func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.ImageAwaited(m.Cause, by) }))
		}
	case engine.Known:
		if m.Serial == t.engine.serial {
			t.learn(c, plain("known", galaxy.Game.DriverKnown))
		}
	case engine.Refused:
		if m.Serial == t.engine.serial {
			t.learn(c, plain("refused", func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.EngineRefused(m.Kind, m.Cause, by) }))
		}
	case engine.Unfit:
		if m.Serial == t.engine.serial {
			t.learn(c, plain("unfit", func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.EngineUnfit(m.Cause, by) }))
		}
	case engine.Lost:
		if m.Serial == t.engine.serial {
			t.learn(c, plain("lost", func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.Lost(m.Cause, by) }))
		}
	case engine.TurnMade:
		t.learn(c, fact{name: "turn made", finished: m.Status.Finished, decide: func(g galaxy.Game, by galaxy.By, settle galaxy.Settlement) galaxy.GameChange {
			m.Status.Settlement = settle
			return g.TurnMade(m.Number, m.Attempt, m.Status, by)
		}})
	case engine.TurnFailed:
		t.learn(c, plain("turn failed", func(g galaxy.Game, by galaxy.By) galaxy.GameChange {
			return g.TurnFailed(m.Number, m.Attempt, m.Cause, by)
		}))
	default:
		t.onHandled(c, m)
	}
}

// isUp is the fact that the engine answers. While it is at a turn that is all that it says: what it shows meanwhile is not what
// comes of the turn.
func (t *table) isUp(c actor.Context, m engine.Up) fact {
	if m.Making {
		return plain("up", galaxy.Game.StillMaking)
	}
	copied := t.engine.copied
	return fact{name: "up", finished: m.Status.Finished, decide: func(g galaxy.Game, by galaxy.By, settle galaxy.Settlement) galaxy.GameChange {
		m.Status.Settlement = settle
		return g.EngineUp(m.Status, by)
	}, after: func() { t.dropLine(c, copied) }}
}

// onHandled takes what became of the other things that the engine was asked for.
func (t *table) onHandled(c actor.Context, m any) {
	switch m := m.(type) {
	case engine.Stopped:
		t.learn(c, plain("stopped", func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.Stopped(m.Number, by) }))
	case engine.Removed:
		t.learn(c, plain("removed", func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.Removed(m.Number, by) }))
	case engine.Patched:
		t.learn(c, plain("patched", func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.Patched(m.Number, by) }).then(func() { t.dropCopy(c, m.Number) }))
	case engine.PatchFailed:
		t.learn(c, t.patchFailed(c, m))
	case engine.Banished:
		t.engine.banished = slices.DeleteFunc(t.engine.banished, func(race string) bool { return race == m.Race })
		if m.Err == nil {
			t.learn(c, plain("banished", func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.BanishAnswered(m.Race, m.Known, by) }))
		}
	case engine.Fetched:
		t.onFetched(c, m)
	case engine.Found:
		t.learn(c, plain("found", func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.Found(m.Container, by) }))
	}
}

// onSeen takes what the driver has seen of the container. An engine that is up is looked at; a game that has use for none
// notes that there is none, unless it had use for one then: it has had one since, and was stopped.
func (t *table) onSeen(c actor.Context, m Seen) {
	if t.engine.pid != nil {
		if t.engine.up {
			t.engine.tell(c, engine.Look{})
		}
		return
	}
	if m.State == galaxy.ContainerMissing && !m.Wanted {
		t.learn(c, plain("container missing", galaxy.Game.ContainerMissing))
	}
}

// down notes that the engine serves nobody until it is up again.
func (t *table) down(c actor.Context, cause string) {
	t.engine.up, t.engine.cause, t.engine.turn = false, cause, attempt{}
	t.engine.banished, t.engine.fetching = nil, galaxy.NoTurn
	t.refuseOrders(c, engine.ErrAway)
	t.refuseReads(c, engine.ErrAway)
	t.stash.Release(c)
	t.claimWhenSettled(c)
}

// onTerminated is the engine's actor given up by its supervision.
func (t *table) onTerminated(c actor.Context, m *actor.Terminated) {
	if t.engine.pid == nil || !t.engine.pid.Equal(m.Who) {
		return
	}
	cause := t.engine.cause
	t.engine.pid = nil
	t.down(c, cause)
	t.learn(c, plain("gone", func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.EngineGone(cause, by) }))
}

// learn decides on a fact. Facts are stored in the order they came, and tried until they are.
func (t *table) learn(c actor.Context, f fact) {
	t.facts = append(t.facts, f)
	t.settle(c)
}

// unstorable is the fact that another one cannot be stored.
const unstorable = "unstorable"

func (t *table) settle(c actor.Context) {
	ctx, cancel := context.WithTimeout(kit.TraceContext(c), claimTimeout)
	defer cancel()
	for len(t.facts) > 0 {
		if err := t.load(c, ctx); galaxy.Is(err, galaxy.NotFound) {
			t.facts = nil
			t.leave(c)
			return
		} else if err != nil {
			t.storeLater(c, t.facts[0], err)
			return
		}
		f := t.facts[0]
		settle, err := t.settlement(ctx, f)
		if err == nil {
			var change galaxy.GameChange
			err = kit.Decide(c, func() error {
				change = f.decide(*t.game, t.by(galaxy.System("runtime"), ""), settle)
				return nil
			})
			if err == nil {
				err = t.commit(c, ctx, change)
			}
		}
		if (errors.Is(err, galaxy.ErrRefused) || errors.Is(err, kit.ErrPanicked)) && f.name != unstorable {
			t.log().Error("what the engine told cannot be stored", zap.String("fact", f.name), zap.Error(err))
			t.facts[0] = plain(unstorable, func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.Unstorable(f.name, by) })
			continue
		}
		if err != nil {
			t.storeLater(c, f, err)
			return
		}
		t.facts = t.facts[1:]
		if f.after != nil {
			f.after()
		}
	}
	if t.game != nil {
		t.rest(c)
	}
}

// settlement reads what the names of a game that is over are settled by.
func (t *table) settlement(ctx context.Context, f fact) (galaxy.Settlement, error) {
	if !f.finished {
		return galaxy.Settlement{}, nil
	}
	settle, err := t.Store.Settlement(ctx, t.id, t.game.Runtime.Epoch)
	settle.NameTTL = t.NameTTL
	return settle, err
}

// storeLater tries a fact again that could not be stored.
func (t *table) storeLater(c actor.Context, f fact, err error) {
	t.log().Warn("what the engine told could not be stored yet", zap.String("fact", f.name), zap.Error(err))
	t.timers.Start(c, retry, t.Retry)
}

// onWake looks at what is due. It is also what every timer comes to.
func (t *table) onWake(c actor.Context) {
	ctx, cancel := context.WithTimeout(kit.TraceContext(c), claimTimeout)
	defer cancel()
	if err := t.load(c, ctx); err != nil {
		if galaxy.Is(err, galaxy.NotFound) {
			t.leave(c)
			return
		}
		t.log().Warn("the game could not be read; it is tried again", zap.Error(err))
		t.timers.Start(c, retry, t.Retry)
		return
	}
	t.settle(c)
	if t.game != nil {
		if err := t.catchUp(c, ctx); err != nil {
			t.log().Warn("the deadlines that an outage has swallowed could not be settled yet", zap.Error(err))
			t.timers.Start(c, retry, t.Retry)
			return
		}
	}
	if t.game != nil {
		if err := t.mend(c, ctx); err != nil {
			t.log().Warn("the schedule that gives no deadline could not be seen to; it is tried again", zap.Error(err))
		}
	}
	if t.game != nil {
		version := t.game.Version
		if err := t.look(c, ctx); err != nil {
			t.log().Warn("what has come due in the lobby could not be stored yet", zap.Error(err))
		}
		t.looked = version
	}
	if t.game != nil {
		t.pursue(c)
	}
	if t.game != nil { // pursue may have come to doubt it
		t.rest(c)
	}
}

// pursue does what the game's state asks for: it keeps the right engine, asks it for what is open, and sets the timers.
// It is called after every commit and wake-up, and doing it again changes nothing.
func (t *table) pursue(c actor.Context) {
	g, now := *t.game, t.Now()
	t.timers.Cancel(deadline)
	switch due := g.Runtime.DueAt(); {
	case g.Due(now):
		t.claimPending = true
		t.claimWhenSettled(c)
	case g.Status == galaxy.Running && due != nil && due.After(now):
		// One that has passed waits for what stands in the way of its turn, which is a commit that comes here again.
		t.timers.Start(c, deadline, due.Sub(now))
	}
	if t.game == nil || t.game.Version != g.Version {
		return // claimWhenSettled has committed, and has pursued what came of it
	}
	t.expectLapse(c, now)
	t.limitStart(c, now)
	t.keepEngine(c)
	t.ask(c)
}

// expectLapse sets the timer of what next comes due in the lobby. What is due already is looked at at once, unless the
// last look at the same game has done nothing about it.
func (t *table) expectLapse(c actor.Context, now time.Time) {
	at := t.game.WakeAt()
	if at == nil {
		t.timers.Cancel(lapse)
		return
	}
	wait := max(0, at.Sub(now))
	if wait == 0 && t.looked == t.game.Version {
		if wait = t.Retry; t.DiskLow() {
			wait = diskAgain
		}
	}
	t.timers.Start(c, lapse, wait)
}

// diskAgain is how long a game that is to start waits for disk space before it looks again.
const diskAgain = 30 * time.Second

const startTimeout = "start timeout"

// limitStart gives a start up after its time, which does not run while nothing is known of the engine.
func (t *table) limitStart(c actor.Context, now time.Time) {
	op, limit := t.game.Runtime.Op, t.Engine.Config.StartTimeout
	if t.game.Status != galaxy.Starting || op == nil || op.Kind != galaxy.OpStart {
		t.timers.Cancel(starting)
		return
	}
	if t.game.Runtime.Why == galaxy.WhyDriverUnknown {
		t.timers.Start(c, starting, limit)
		return
	}
	since := op.Since
	if t.game.Runtime.WhySince.After(since) {
		since = t.game.Runtime.WhySince
	}
	if left := limit - now.Sub(since); left > 0 {
		t.timers.Start(c, starting, left)
		return
	}
	t.timers.Cancel(starting)
	if slices.ContainsFunc(t.facts, func(f fact) bool { return f.name == startTimeout }) {
		return // it waits to be stored
	}
	t.facts = append(t.facts, plain(startTimeout, func(g galaxy.Game, by galaxy.By) galaxy.GameChange {
		return g.StartFailed("its engine did not come up in "+limit.String(), g.HeldUpBy(), by)
	}))
	kit.Tell(kit.Self(c), Wake{})
}
