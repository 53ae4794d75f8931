package game

import (
	"context"
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
	bringsUp bool // it was spawned to bring the engine up, not only to stop it
	cause    string
	turn     [2]int64 // operation number and attempt of the turn that it was asked to make
	resume   int64    // operation number of the resume that it was spawned for
	stop     int64    // operation number of the stop that it was asked for
}

func (r *runner) tell(c actor.Context, m any) { kit.Send(c, r.pid, m) }

// fact is something the engine has told and the game must decide on.
type fact struct {
	name     string
	finished bool // the engine shows a game that is over
	decide   func(galaxy.Game, galaxy.By, galaxy.Settlement) galaxy.GameChange
}

// onEngine takes what the engine tells, unless it is not the engine that is wanted now.
func (t *table) onEngine(c actor.Context, m any) {
	switch m := m.(type) {
	case engine.Up:
		if m.Serial == t.engine.serial {
			t.engine.up = true
			t.learn(c, fact{name: "up", finished: m.Status.Finished, decide: func(g galaxy.Game, by galaxy.By, settle galaxy.Settlement) galaxy.GameChange {
				m.Status.Settlement = settle
				return g.EngineUp(m.Status, by)
			}})
		}
	case engine.Down:
		if m.Serial == t.engine.serial {
			t.down(c, m.Cause)
			t.learn(c, fact{name: "down", decide: func(g galaxy.Game, by galaxy.By, _ galaxy.Settlement) galaxy.GameChange {
				return g.EngineDown(m.Cause, by)
			}})
		}
	case engine.Unknown:
		if m.Serial == t.engine.serial {
			t.learn(c, fact{name: "unknown", decide: func(g galaxy.Game, by galaxy.By, _ galaxy.Settlement) galaxy.GameChange { return g.DriverUnknown(by) }})
		}
	case engine.Refused:
		if m.Serial == t.engine.serial {
			t.learn(c, fact{name: "refused", decide: func(g galaxy.Game, by galaxy.By, _ galaxy.Settlement) galaxy.GameChange {
				return g.EngineGone(m.Cause, by)
			}})
		}
	case engine.Lost:
		if m.Serial == t.engine.serial {
			t.learn(c, fact{name: "lost", decide: func(g galaxy.Game, by galaxy.By, _ galaxy.Settlement) galaxy.GameChange { return g.Lost(m.Cause, by) }})
		}
	case engine.TurnMade:
		t.learn(c, fact{name: "turn made", finished: m.Status.Finished, decide: func(g galaxy.Game, by galaxy.By, settle galaxy.Settlement) galaxy.GameChange {
			m.Status.Settlement = settle
			return g.TurnMade(m.Number, m.Attempt, m.Status, by)
		}})
	case engine.TurnFailed:
		t.learn(c, fact{name: "turn failed", decide: func(g galaxy.Game, by galaxy.By, _ galaxy.Settlement) galaxy.GameChange {
			return g.TurnFailed(m.Number, m.Attempt, m.Cause, by)
		}})
	case engine.Stopped:
		t.learn(c, fact{name: "stopped", decide: func(g galaxy.Game, by galaxy.By, _ galaxy.Settlement) galaxy.GameChange {
			return g.Stopped(m.Number, by)
		}})
	}
}

// down notes that the engine serves nobody until it is up again.
func (t *table) down(c actor.Context, cause string) {
	t.engine.up, t.engine.cause, t.engine.turn = false, cause, [2]int64{}
	t.refuseOrders(c, errNotUp)
	t.stash.Release(c)
	t.close(c)
}

// onTerminated is the engine's actor given up by its supervision.
func (t *table) onTerminated(c actor.Context, m *actor.Terminated) {
	if t.engine.pid == nil || !t.engine.pid.Equal(m.Who) {
		return
	}
	cause := t.engine.cause
	t.engine.pid = nil
	t.down(c, cause)
	t.learn(c, fact{name: "gone", decide: func(g galaxy.Game, by galaxy.By, _ galaxy.Settlement) galaxy.GameChange {
		return g.EngineGone(cause, by)
	}})
}

// learn decides on a fact. Facts are stored in the order they came, and tried until they are.
func (t *table) learn(c actor.Context, f fact) {
	t.facts = append(t.facts, f)
	t.settle(c)
}

func (t *table) settle(c actor.Context) {
	ctx, cancel := context.WithTimeout(kit.TraceContext(c), claimTimeout)
	defer cancel()
	for len(t.facts) > 0 {
		if err := t.load(c, ctx); err != nil {
			t.wait(c, t.facts[0], err)
			return
		}
		settle, err := t.settlement(ctx, t.facts[0])
		if err == nil {
			err = t.commit(c, ctx, t.facts[0].decide(*t.game, t.by(galaxy.System("runtime"), ""), settle))
		}
		if err != nil {
			t.wait(c, t.facts[0], err)
			return
		}
		t.facts = t.facts[1:]
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

func (t *table) wait(c actor.Context, f fact, err error) {
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
		version := t.game.Version
		if err := t.look(c, ctx); err != nil {
			t.log().Warn("what has come due in the lobby could not be stored yet", zap.Error(err))
		}
		t.looked = version
	}
	if t.game != nil {
		t.pursue(c)
		t.rest(c)
	}
}

// pursue does what the game's state asks for: it keeps the right engine, asks it for what is open, and sets the timers.
// It is called after every commit and wake-up, and doing it again changes nothing.
func (t *table) pursue(c actor.Context) {
	g, now := *t.game, t.Now()
	t.timers.Cancel(deadline)
	switch {
	case g.Due(now):
		t.closing = true
		t.close(c)
	case g.Status == galaxy.Running && g.Runtime.Deadline != nil:
		t.timers.Start(c, deadline, g.Runtime.Deadline.Sub(now))
	}
	if t.game == nil || t.game.Version != g.Version {
		return // close has committed, and has pursued what came of it
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
		wait = t.Retry
	}
	t.timers.Start(c, lapse, wait)
}

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
	t.facts = append(t.facts, fact{name: "start timeout", decide: func(g galaxy.Game, by galaxy.By, _ galaxy.Settlement) galaxy.GameChange {
		return g.StartFailed("the engine did not come up in "+limit.String(), by)
	}})
	kit.Tell(kit.Self(c), Wake{})
}

// keepEngine spawns the engine's actor when one is wanted, and lets go of one that is not. The container stays.
func (t *table) keepEngine(c actor.Context) {
	g := *t.game
	op := g.Runtime.Op
	stopping := op != nil && op.Kind == galaxy.OpStop
	bringsUp := g.Wanted() && !stopping
	resume := int64(0)
	if op != nil && op.Kind == galaxy.OpResume {
		resume = op.Number // asks for a new look at the engine
	}
	switch {
	case !g.Wanted() || t.engine.pid != nil && resume != 0 && resume != t.engine.resume || t.engine.pid != nil && bringsUp && !t.engine.bringsUp:
		t.dismiss(c)
		if !g.Wanted() {
			return
		}
	case t.engine.pid != nil:
		return
	}
	t.engine.serial++
	t.engine = runner{serial: t.engine.serial, bringsUp: bringsUp, resume: resume}
	t.engine.pid = c.Spawn(engine.Props(t.sys, t.Engine, engine.Spec{Serial: t.engine.serial, Game: g.ID, Version: g.Runtime.EngineVersion,
		ImageRef: g.Runtime.ImageRef, ExpectedTurn: g.Runtime.ExpectedTurn, Turn: g.Runtime.Turn, Races: g.Races(), Up: bringsUp}))
}

func (t *table) dismiss(c actor.Context) {
	if t.engine.pid == nil {
		return
	}
	pid := t.engine.pid
	t.engine.pid = nil
	t.down(c, "")
	c.Stop(pid)
}

// ask tells the engine's actor what is open, once.
func (t *table) ask(c actor.Context) {
	op := t.game.Runtime.Op
	if op == nil || t.engine.pid == nil {
		return
	}
	switch {
	case op.Kind == galaxy.OpStop && t.engine.stop != op.Number:
		t.engine.stop, t.engine.up = op.Number, false
		t.refuseOrders(c, errNotUp)
		t.engine.tell(c, engine.Stop{Number: op.Number})
	case op.Kind == galaxy.OpTurn && t.game.Runtime.Status == galaxy.RuntimeGenerating && t.engine.up && t.engine.turn != [2]int64{op.Number, int64(op.Attempt)}:
		t.makeTurn(c, *op)
	}
}

func (t *table) makeTurn(c actor.Context, op galaxy.Operation) {
	ctx, cancel := context.WithTimeout(kit.TraceContext(c), claimTimeout)
	defer cancel()
	r := t.game.Runtime
	orders, err := t.Store.TurnOrders(ctx, t.id, r.Epoch, op.Turn)
	if err != nil {
		t.log().Warn("the orders of a turn could not be read; it is tried again", zap.Error(err))
		t.timers.Start(c, retry, t.Retry)
		return
	}
	t.engine.turn = [2]int64{op.Number, int64(op.Attempt)}
	t.engine.tell(c, engine.MakeTurn{Number: op.Number, Attempt: op.Attempt, Recorded: r.Turn, Digest: r.Digest, Orders: orders, Banish: t.game.Banished()})
}
