package game

import (
	"context"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// keepEngine spawns the engine's actor when one is wanted, and lets go of one that is not. The container stays.
func (t *table) keepEngine(c actor.Context) {
	g := *t.game
	bringsUp, number := wants(g)
	switch {
	case !g.Wanted() || t.engine.pid != nil && number != 0 && number != t.engine.spawned || t.engine.pid != nil && bringsUp && !t.engine.bringsUp:
		t.dismiss(c)
		if !g.Wanted() {
			return
		}
	case t.engine.pid != nil:
		return
	}
	t.engine = runner{serial: t.uses.Add(1), bringsUp: bringsUp, spawned: number, fetching: galaxy.NoTurn, address: t.engine.address}
	spec := t.spec(g, bringsUp)
	t.engine.copied = spec.Copy
	t.engine.pid = c.Spawn(engine.Props(t.sys, t.Engine, spec))
}

// wants tells whether a game wants its engine up, and the number of the operation that asks for a new look at it; 0 when none does.
func wants(g galaxy.Game) (bringsUp bool, number int64) {
	op := g.Runtime.Op
	if op == nil {
		return g.Wanted(), 0
	}
	switch op.Kind {
	case galaxy.OpStop, galaxy.OpRemove:
		return false, 0
	case galaxy.OpResume, galaxy.OpRestart, galaxy.OpPatch:
		return true, op.Number
	}
	return g.Wanted(), 0
}

// spec says which engine the game wants.
func (t *table) spec(g galaxy.Game, bringsUp bool) engine.Spec {
	r := g.Runtime
	spec := engine.Spec{Serial: t.engine.serial, Game: g.ID, Pin: r.Pin, Writer: r.LastWriter().EngineVersion,
		Copy: g.LineCopy(), Turn: r.Turn, Races: g.Races(), Up: bringsUp, Since: r.WhySince,
		Address: t.engine.address}
	if r.StartedAt != nil {
		spec.StateSince = *r.StartedAt
	}
	op := r.Op
	if op == nil {
		return spec
	}
	spec.Since = op.Since
	// A turn that is claimed while there was no actor for the engine was perhaps asked for by somebody before: of an engine that
	// would make it twice that call must not arrive any more.
	spec.Making = op.Turn > 0
	spec.Afresh = op.Kind == galaxy.OpRestart || op.Turn > 0 && !r.ExpectedTurn
	if op.Kind == galaxy.OpPatch && r.Patch != nil {
		spec.Patch = &engine.Patch{Number: op.Number, Label: op.CopyLabel(), To: *r.Patch, Turn: r.Turn, Digest: r.Digest}
	}
	return spec
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
	if t.engine.pid == nil {
		return
	}
	op := t.game.Runtime.Op
	switch {
	case op == nil:
	case op.Kind == galaxy.OpStop && t.engine.stop != op.Number:
		t.end(c, op.Number, engine.Stop{Number: op.Number})
		return
	case op.Kind == galaxy.OpRemove && t.engine.stop != op.Number:
		t.end(c, op.Number, engine.Remove{Number: op.Number})
		return
	case op.Kind == galaxy.OpTurn && t.game.Runtime.Status == galaxy.RuntimeGenerating && t.engine.up && t.engine.turn != attempt{op.Number, op.Attempt}:
		t.makeTurn(c, *op)
	}
	if t.engine.up {
		t.askBanish(c)
		t.askReports(c)
	}
}

func (t *table) end(c actor.Context, number int64, how any) {
	t.engine.stop, t.engine.up = number, false
	t.refuseOrders(c, engine.ErrAway)
	t.refuseReads(c, engine.ErrAway)
	t.engine.tell(c, how)
}

// askBanish has the engine banish the races that it has not banished yet. While a turn is made that is part of the turn.
func (t *table) askBanish(c actor.Context) {
	if t.game.Runtime.Op != nil {
		return
	}
	for _, race := range t.game.Banished() {
		if !slices.Contains(t.engine.banished, race) {
			t.engine.banished = append(t.engine.banished, race)
			t.engine.tell(c, engine.Banish{Race: race})
		}
	}
}

// askReports has the engine asked for the reports that are wanted next, unless what it told before is still to be stored.
func (t *table) askReports(c actor.Context) {
	turn, wanted := t.game.ReportsWanted()
	switch {
	case !wanted, t.engine.fetching != galaxy.NoTurn, t.timers.Running(retry), t.timers.Running(refetch), t.game.Runtime.Gap(turn) && t.timers.Running(regap):
		return
	}
	t.engine.fetching = turn
	t.engine.tell(c, engine.FetchReports{Turn: turn, Races: t.game.Played()})
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
	due := op.Since
	if op.Due != nil && op.Due.Before(due) {
		due = *op.Due
	}
	t.engine.turn = attempt{op.Number, op.Attempt}
	t.engine.tell(c, engine.MakeTurn{Number: op.Number, Attempt: op.Attempt, Recorded: r.Turn, Digest: r.Digest, Orders: orders,
		Banish: t.game.Banished(), Out: t.game.Out(), Uncertain: t.writes.Uncertain(t.game.Played()), Due: due})
}

// claimTimeout bounds what a game stores when nobody waits for it.
const claimTimeout = 10 * time.Second
