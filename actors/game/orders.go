package game

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// order is a list, or a batch, that was handed to the engine.
type order struct {
	asker *actor.PID
	list  galaxy.StoredOrders // Revision is the one that it gets
	batch *galaxy.StoredBatch // when it is one
}

// onPut hands something to the engine; the player is answered when it has accepted it and the store holds it.
func (t *table) onPut(c actor.Context, put func(context.Context) error) {
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	if err := put(ctx); err != nil {
		kit.Reply(c, Ordered{}, err)
	}
}

// takes gives the seat of a player who may give orders for turn now, and what is stored of it. Without an error the seat may still
// have to wait for an earlier write of its race: then waits is true, and the message in hand comes again.
func (t *table) takes(c actor.Context, ctx context.Context, user galaxy.UserID, turn int) (held galaxy.StoredOrders, waits bool, err error) {
	if err := t.load(c, ctx); err != nil {
		return held, false, err
	}
	seat, err := t.game.OrdersFor(user, turn, t.Now())
	switch {
	case t.closing(c, err, turn):
		t.stash.Add(c)
		return held, true, nil
	case err != nil:
		return held, false, t.unclaimed(err, turn)
	case !t.engine.up:
		return held, false, engine.ErrAway
	case t.underWay(seat.Race):
		t.stash.Add(c)
		return held, true, nil
	}
	held, err = t.held(ctx, seat.Race)
	return held, false, err
}

// hand gives an order to the engine, and remembers who waits for what comes of it.
func (t *table) hand(c actor.Context, o order, message func(id uint64, until time.Time) any) {
	t.ordered++
	t.orders = made(t.orders)
	t.orders[t.ordered] = o
	t.engine.tell(c, message(t.ordered, kit.DeadlineOf(c)))
}

func (t *table) putOrders(c actor.Context, ctx context.Context, m PutOrders) error {
	held, waits, err := t.takes(c, ctx, m.User, m.Turn)
	if err != nil || waits {
		return err
	}
	if m.Expected != nil && *m.Expected != held.Revision {
		return galaxy.Errorf(galaxy.Conflict, "another device has stored revision %d of these orders", held.Revision).With("revision", held.Revision)
	}
	list := held
	list.User, list.Revision, list.Commands = m.User, held.Revision+1, slices.Clone(m.Raw)
	t.hand(c, order{asker: c.Sender(), list: list}, func(id uint64, until time.Time) any {
		return engine.PutOrders{ID: id, Race: held.Race, Turn: m.Turn, Commands: m.Commands, Until: until}
	})
	return nil
}

func (t *table) putCommands(c actor.Context, ctx context.Context, m PutCommands) error {
	held, waits, err := t.takes(c, ctx, m.User, m.Turn)
	if err != nil || waits {
		return err
	}
	for _, b := range held.Batches {
		switch {
		case b.ID != m.Batch:
		case !bytes.Equal(b.Commands, m.Raw):
			return galaxy.Errorf(galaxy.Conflict, "this batch_id was used with other commands")
		case b.Result.Lost:
			return galaxy.Errorf(galaxy.Conflict, "the game's engine did not say whether it has done this batch, so it is not sent again; give the commands anew only if it was not")
		default:
			kit.Reply(c, Ordered{Turn: b.Turn, Revision: held.Revision, Result: b.Result}, nil)
			return nil
		}
	}
	b := galaxy.StoredBatch{Game: held.Game, Epoch: held.Epoch, Turn: held.Turn, Race: held.Race, User: m.User, ID: m.Batch, Commands: slices.Clone(m.Raw)}
	t.hand(c, order{asker: c.Sender(), list: held, batch: &b}, func(id uint64, until time.Time) any {
		return engine.PutBatch{ID: id, Race: held.Race, Turn: m.Turn, Batch: m.Batch, Commands: m.Commands, Until: until}
	})
	return nil
}

func (t *table) underWay(race string) bool {
	for _, o := range t.orders {
		if o.list.Race == race {
			return true
		}
	}
	return false
}

// held gives the stored list of a race for the turn being prepared.
func (t *table) held(ctx context.Context, race string) (galaxy.StoredOrders, error) {
	if held, ok := t.stored[race]; ok {
		return held, nil
	}
	r := t.game.Runtime
	held, err := t.Store.Orders(ctx, t.id, r.Epoch, r.Turn+1, race)
	if err == nil {
		t.stored = made(t.stored)
		t.stored[race] = held
	}
	return held, err
}

// onOrdersPut stores a list that the engine has accepted, and answers the player.
func (t *table) onOrdersPut(c actor.Context, m engine.OrdersPut) {
	o, ok := t.orders[m.ID]
	if !ok {
		t.onLateBatch(c, m)
		return
	}
	delete(t.orders, m.ID)
	if m.Closed {
		t.returned = append(t.returned, returned{o, m.Err})
		t.claimWhenSettled(c)
		return
	}
	done, err := t.keep(kit.TraceContext(c), o, m)
	kit.ReplyTo(c, o.asker, done, err)
	t.stash.Release(c)
	t.claimWhenSettled(c)
}

func (t *table) keep(ctx context.Context, o order, m engine.OrdersPut) (Ordered, error) {
	if m.Doubt {
		t.writes.Doubt(o.list.Race)
	}
	if m.Err != nil && m.Lost && o.batch != nil {
		t.keepLost(ctx, o)
	}
	if m.Err != nil {
		return Ordered{}, m.Err
	}
	if o.batch != nil {
		return t.keepBatch(ctx, o, m)
	}
	o.list.EngineRevision, o.list.StoredAt = o.list.After(m.Result.Revision), t.Now()
	if err := t.Store.SaveOrders(ctx, o.list); err != nil {
		// The engine holds a list that the store may lack: the next write reads the store, and the turn puts things right.
		delete(t.stored, o.list.Race)
		t.writes.Doubt(o.list.Race)
		t.log().Warn("orders that the engine accepted could not be stored", zap.String("race", o.list.Race), zap.Error(err))
		return Ordered{}, err
	}
	t.stored = made(t.stored)
	t.stored[o.list.Race] = o.list
	return Ordered{Turn: o.list.Turn, Revision: o.list.Revision, Result: m.Result}, nil
}

// keepBatch stores a batch. The engine takes all of it or nothing, and of nothing there is nothing to store.
func (t *table) keepBatch(ctx context.Context, o order, m engine.OrdersPut) (Ordered, error) {
	done := Ordered{Turn: o.batch.Turn, Revision: o.list.Revision, Result: m.Result}
	if m.Result.Rejected > 0 && (!m.Result.Plain || m.Result.Accepted == 0) { // an engine of another make may have done a part
		return done, nil
	}
	o.batch.EngineRevision, o.batch.Result, o.batch.StoredAt = o.list.After(m.Result.Revision), m.Result, t.Now()
	if err := t.Store.SaveBatch(ctx, *o.batch); err != nil {
		delete(t.stored, o.list.Race)
		t.writes.Doubt(o.list.Race)
		t.log().Warn("a batch that the engine accepted could not be stored", zap.String("race", o.list.Race), zap.Error(err))
		return Ordered{}, err
	}
	t.add(o)
	return done, nil
}

// add remembers a batch beside what is stored of its race.
func (t *table) add(o order) {
	o.list.Batches = append(slices.Clip(o.list.Batches), *o.batch)
	t.stored = made(t.stored)
	t.stored[o.list.Race] = o.list
}

// keepLost notes a batch that the engine, which cannot tell one from another, may have done: it must never be given
// it again. When that cannot be stored it is remembered as long as this game's actor lives.
func (t *table) keepLost(ctx context.Context, o order) {
	o.batch.Result = galaxy.OrderResult{Turn: o.batch.Turn, Plain: true, Lost: true}
	o.batch.EngineRevision, o.batch.StoredAt = o.list.After(0), t.Now()
	t.log().Warn("the engine did not say whether it has done a batch, which is not sent again", zap.String("race", o.list.Race), zap.String("batch_id", o.batch.ID))
	if err := t.Store.SaveBatch(ctx, *o.batch); err != nil {
		t.log().Warn("a batch that may be lost could not be stored", zap.String("race", o.list.Race), zap.Error(err))
	}
	t.add(o)
}

// refuseOrders answers everybody whose list the engine will not answer for. What became of a batch is still to come.
func (t *table) refuseOrders(c actor.Context, err error) {
	for id, o := range t.orders {
		t.writes.Doubt(o.list.Race) // the engine may have taken it
		kit.ReplyTo(c, o.asker, nil, err)
		delete(t.orders, id)
		if o.batch != nil {
			t.lateBatches = made(t.lateBatches)
			t.lateBatches[id] = o
		}
	}
}

// onLateBatch keeps what became of a batch whose player was answered before. One that the engine knows by its id
// needs nothing: it can be given again.
func (t *table) onLateBatch(c actor.Context, m engine.OrdersPut) {
	o, ok := t.lateBatches[m.ID]
	delete(t.lateBatches, m.ID)
	if !ok || t.game == nil || o.batch.Epoch != t.game.Runtime.Epoch || o.batch.Turn != t.game.Runtime.Turn+1 || !m.Lost && !m.Result.Plain {
		return
	}
	ctx, cancel := context.WithTimeout(kit.TraceContext(c), claimTimeout)
	defer cancel()
	held, err := t.held(ctx, o.list.Race)
	if err == nil {
		o.list = held
		_, err = t.keep(ctx, o, m)
	}
	if err != nil {
		t.log().Info("a batch was answered late", zap.String("race", o.list.Race), zap.Error(err))
	}
}

func (t *table) onGetOrders(c actor.Context, ctx context.Context, m GetOrders) (galaxy.StoredOrders, error) {
	if err := t.load(c, ctx); err != nil {
		return galaxy.StoredOrders{}, err
	}
	seat, err := t.game.Playing(m.User)
	if err != nil {
		return galaxy.StoredOrders{}, err
	}
	if t.game.Runtime.Turn == galaxy.NoTurn {
		return galaxy.StoredOrders{}, galaxy.Errorf(galaxy.Conflict, "the game has not begun")
	}
	return t.held(ctx, seat.Race)
}

// forced is an operator's turn.
type forced struct {
	asker *actor.PID
	ask   ForceNextTurn
}

// onForceNextTurn closes the orders and makes the turn once those under way are settled.
func (t *table) onForceNextTurn(c actor.Context, m ForceNextTurn) {
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	err := t.load(c, ctx)
	if err == nil {
		// Refusals come at once, also while orders are under way.
		_, err = t.game.ForceTurn(m.Turn, t.by(m.Principal, m.RequestID))
	}
	if err == nil && (t.forced != nil || t.claimPending) {
		err = galaxy.Errorf(galaxy.Conflict, "turn %d is being made already", m.Turn)
	}
	if err != nil {
		kit.Reply(c, galaxy.Game{}, err)
		return
	}
	t.forced = &forced{c.Sender(), m}
	t.claimWhenSettled(c)
}

// claimWhenSettled claims the turn that waits, once the engine has answered every list that it was given. Those that
// it was not given are given back, and wait for what becomes of the claim.
func (t *table) claimWhenSettled(c actor.Context) {
	switch {
	case t.forced == nil && !t.claimPending:
		return
	case len(t.orders) > 0:
		t.engine.tell(c, engine.CloseOrders{})
		return
	}
	f := t.forced
	t.forced, t.claimPending = nil, false
	ctx, cancel := context.WithTimeout(kit.TraceContext(c), claimTimeout)
	defer cancel()
	defer t.afterClaim(c)
	if f != nil {
		g, err := t.decide(c, ctx, func(g galaxy.Game) (galaxy.GameChange, error) {
			return g.ForceTurn(f.ask.Turn, t.by(f.ask.Principal, f.ask.RequestID))
		})
		kit.ReplyTo(c, f.asker, g, err)
		return
	}
	_, err := t.decide(c, ctx, func(g galaxy.Game) (galaxy.GameChange, error) {
		if !g.Due(t.Now()) {
			return galaxy.GameChange{}, nil
		}
		if late := t.late(); !late.Nothing() {
			return late, nil
		}
		return g.ClaimDue(t.by(galaxy.System("schedule"), ""))
	})
	if err != nil {
		t.log().Error("a due turn could not be claimed; it is tried again", zap.Error(err))
		t.timers.Start(c, retry, t.Retry)
	}
}

// made makes a map when it is first written to: most games rest.
func made[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		m = map[K]V{}
	}
	return m
}
