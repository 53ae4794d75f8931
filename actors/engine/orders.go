package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
)

// orderTimeout bounds a write of orders with all that settles it.
const orderTimeout = 3 * time.Minute

// onWrite queues a write: an engine is given one at a time.
func (a *driver) onWrite(c actor.Context, m any) {
	if !a.up {
		a.refuse(c, m)
		return
	}
	a.writes = append(a.writes, kit.Hold(c))
	a.nextWrite(c)
}

// refuse answers a write that the engine is not there for. A turn is not answered: when the engine is up the game sees what it
// holds, and asks again.
func (a *driver) refuse(c actor.Context, m any) {
	if o, ok := orderOf(m); ok {
		a.tell(c, OrdersPut{ID: o.id, Err: ErrAway})
	}
	if b, ok := m.(Banish); ok {
		a.tell(c, Banished{Race: b.Race, Err: ErrAway})
	}
}

func (a *driver) nextWrite(c actor.Context) {
	if a.writing || !a.up || len(a.writes) == 0 {
		return
	}
	next := a.writes[0]
	a.writes = a.writes[1:]
	if o, ok := orderOf(next.Message); ok && !o.until.IsZero() && o.until.Before(time.Now()) {
		a.tell(c, OrdersPut{ID: o.id, Err: errNobodyWaits})
		a.nextWrite(c)
		return
	}
	a.writing = true
	next.Resume(c)
	switch m := next.Message.(type) {
	case PutOrders:
		a.putOrders(c, m)
	case PutBatch:
		a.putBatch(c, m)
	case Banish:
		a.putBanish(c, m)
	case MakeTurn:
		a.makeTurn(c, m)
	}
}

var errNobodyWaits = galaxy.Errorf(galaxy.Timeout, "whoever gave the orders had left before the engine could be given them")

// queued is what PutOrders and PutBatch have in common.
type queued struct {
	id    uint64
	turn  int
	until time.Time
}

func orderOf(m any) (o queued, ok bool) {
	switch m := m.(type) {
	case PutOrders:
		return queued{m.ID, m.Turn, m.Until}, true
	case PutBatch:
		return queued{m.ID, m.Turn, m.Until}, true
	}
	return o, false
}

// onCloseOrders gives back the orders that the engine was not given yet.
func (a *driver) onCloseOrders(c actor.Context) {
	a.writes = slices.DeleteFunc(a.writes, func(w kit.Held) bool {
		o, ok := orderOf(w.Message)
		if ok {
			err := galaxy.Errorf(galaxy.TurnAlreadyClosed, "turn %d is being made", o.turn)
			a.tell(c, OrdersPut{ID: o.id, Err: err, Closed: true})
		}
		return ok
	})
}

func (a *driver) putOrders(c actor.Context, m PutOrders) {
	life, address, counts := a.life, a.address, a.counts
	known := a.doubt(m.Race)
	a.job(c, orderTimeout, func(ctx context.Context) any {
		p := a.settleOrders(ctx, address, m, known, counts)
		p.life = life
		return p
	}, func(err error) any {
		return ordersPut{life: life, race: m.Race, out: OrdersPut{ID: m.ID, Err: err, Doubt: true}}
	})
}

// doubt gives the revision that is known of a race's orders, and forgets it while a write is in flight.
func (a *driver) doubt(race string) *int64 {
	known, ok := a.revisions[race]
	delete(a.revisions, race)
	if !ok {
		return nil
	}
	return &known
}

// settleOrders puts a list. Each attempt carries the revision that must still hold, so that an attempt that arrives
// late changes nothing; after one whose fate is unknown the revision is read first, and the list is put once more. An
// engine that counts no revisions is simply given the list again, for it replaces itself.
func (a *driver) settleOrders(ctx context.Context, address string, m PutOrders, known *int64, counts bool) ordersPut {
	p := ordersPut{race: m.Race, out: OrdersPut{ID: m.ID}}
	var e *galaxy.EngineError
	for range 2 {
		if !a.Serving() {
			p.out.Err = ErrAway
			return p
		}
		expected := known
		if expected == nil && counts {
			var err error
			if expected, err = a.revision(ctx, address, m); err != nil {
				p.out.Err, p.dead = a.forPlayer(err)
				return p
			}
		}
		result, err := a.Client.PutOrders(ctx, address, galaxy.OrderWrite{Game: a.Game, Race: m.Race, Turn: m.Turn, Expected: expected, Commands: m.Commands})
		if err == nil {
			p.out.Result, p.out.Err, p.out.Doubt, p.revision = result, nil, false, revisionOf(result)
			return p
		}
		p.out.Err, p.dead = a.forPlayer(err)
		p.out.Doubt = p.out.Doubt || !settled(err)
		if !errors.As(err, &e) || e.Settled() && e.Code != engineapi.CodeRevision {
			p.revision = known
			return p
		}
		known = nil
	}
	return p
}

// revisionOf gives the revision that an engine has answered with.
func revisionOf(r galaxy.OrderResult) *int64 {
	if r.Plain {
		return nil
	}
	return &r.Revision
}

// settled reports whether a write that has failed was certainly not done.
func settled(err error) bool {
	var e *galaxy.EngineError
	return errors.As(err, &e) && e.Settled()
}

// revision reads the engine's revision of a race's list: in its status when it does not know the operation, which it
// need not, or holds no list. It is nil when the engine shows none.
func (a *driver) revision(ctx context.Context, address string, m PutOrders) (*int64, error) {
	list, err := a.Client.Orders(ctx, address, m.Race, m.Turn)
	var e *galaxy.EngineError
	switch {
	case err == nil && !list.Plain:
		return &list.Revision, nil
	case err != nil && (!errors.As(err, &e) || e.Kind != galaxy.EngineMissing):
		return nil, err
	}
	s, err := a.Client.Status(ctx, address)
	for _, p := range s.Players {
		if p.Race == m.Race && !p.Lacks.Has(galaxy.LacksRevision) {
			return &p.OrderRevision, err
		}
	}
	return nil, err
}

// forPlayer gives what the player is told of a failure, and whether the engine needs a look.
func (a *driver) forPlayer(err error) (error, bool) {
	var e *galaxy.EngineError
	if !errors.As(err, &e) {
		return err, false
	}
	a.log().Info("the engine did not take a list", zap.Error(err))
	return e.ForPlayer(), e.Kind == galaxy.EngineUnreachable
}

// onOrdersPut hands the outcome on, also one that an earlier incarnation has waited for.
func (a *driver) onOrdersPut(c actor.Context, m ordersPut) {
	a.tell(c, m.out)
	if m.life != a.life {
		return
	}
	a.writing = false
	if m.revision != nil {
		a.revisions[m.race] = *m.revision
	}
	if m.dead {
		a.timers.Start(c, probe, 0)
	}
	a.nextWrite(c)
}

// putBatch adds a batch. An attempt whose fate is unknown is repeated if the engine knows the batch by its id.
// Otherwise the batch is lost: the engine may have run it, and would run it again.
func (a *driver) putBatch(c actor.Context, m PutBatch) {
	life, address, counts := a.life, a.address, a.counts
	known := a.doubt(m.Race)
	a.job(c, orderTimeout, func(ctx context.Context) any {
		p := a.settleBatch(ctx, address, m, known, counts)
		p.life = life
		return p
	}, func(err error) any {
		return ordersPut{life: life, race: m.Race, out: OrdersPut{ID: m.ID, Err: err, Doubt: true, Lost: !counts}}
	})
}

func (a *driver) settleBatch(ctx context.Context, address string, m PutBatch, known *int64, counts bool) ordersPut {
	p := ordersPut{race: m.Race, out: OrdersPut{ID: m.ID}}
	w, tries := galaxy.BatchWrite{Game: a.Game, Race: m.Race, Turn: m.Turn, Commands: m.Commands}, 1
	if counts {
		w.Batch, tries = m.Batch, 2
	}
	for range tries {
		if !a.Serving() {
			p.out.Err = ErrAway
			return p
		}
		result, err := a.Client.PutBatch(ctx, address, w)
		if err == nil {
			p.out.Result, p.out.Err, p.out.Doubt, p.revision = result, nil, false, revisionOf(result)
			return p
		}
		p.out.Err, p.dead = a.forPlayer(err)
		p.out.Doubt = p.out.Doubt || !settled(err)
		var e *galaxy.EngineError
		if !errors.As(err, &e) || e.Settled() {
			p.revision = known
			return p
		}
	}
	if p.out.Lost = !counts; p.out.Lost {
		p.out.Err = galaxy.Errorf(galaxy.CodeOf(p.out.Err), "%s", lostBatch).Because(p.out.Err)
	}
	return p
}

const lostBatch = "the game's engine did not say whether it has done the commands; they may be lost, and are not sent again"

func (a *driver) putBanish(c actor.Context, m Banish) {
	life, address := a.life, a.address
	a.job(c, jobTimeout, func(ctx context.Context) any {
		if !a.Serving() {
			return banished{life, Banished{Race: m.Race, Err: ErrAway}}
		}
		said, _ := a.callBanish(ctx, address, m.Race)
		return banished{life, said}
	}, func(err error) any { return banished{life, Banished{Race: m.Race, Err: err}} })
}

func (a *driver) onBanished(c actor.Context, m banished) {
	a.tell(c, m.said)
	if m.life != a.life {
		return
	}
	a.writing = false
	a.nextWrite(c)
}
