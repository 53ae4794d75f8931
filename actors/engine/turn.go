package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
)

// slotFor is how long an unanswered turn holds its place among those asked for at once.
const slotFor = 5 * time.Second

// unreachableAllowed is how many looks in a row may find no engine before it is taken for dead.
const unreachableAllowed = 3

// failingAllowed is how often in a row an engine may say that it cannot take stored orders, as with a full disk, before
// the turn is given up. Without them it is not made.
const failingAllowed = 3

func (a *driver) makeTurn(c actor.Context, m MakeTurn) {
	life, address := a.life, a.address
	a.making, a.lasting.asked = true, !a.lasting.pin.ExpectedTurn
	a.job(c, a.Config.GenerationLimit, func(ctx context.Context) any {
		t := a.tryTurn(ctx, address, m)
		t.life, t.ask = life, m
		if ctx.Err() != nil && t.failed == "" && t.restart != "" {
			t.failed, t.restart = fmt.Sprintf("the engine took longer than %s", a.Config.GenerationLimit), ""
			t.late = !a.lasting.pin.ExpectedTurn
		}
		return t
	}, func(err error) any { return turnTried{life: life, ask: m, restart: err.Error()} })
}

// tryTurn brings the engine's orders up to the stored ones and makes the turn, and looks at the engine before and
// after: only what it shows is believed. It runs outside the mailbox.
func (a *driver) tryTurn(ctx context.Context, address string, m MakeTurn) turnTried {
	unreachable, failing := 0, 0
	var banned []Banished
	for ; ; a.pause(ctx) {
		if !a.Serving() {
			return turnTried{unserved: true, banned: banned}
		}
		if ctx.Err() != nil {
			return turnTried{restart: "the turn was given up"}
		}
		s, err := a.shown(ctx, address)
		if errors.Is(err, galaxy.ErrShortage) {
			return turnTried{unserved: true, banned: banned} // it was not asked: the engine is not to blame
		}
		if err != nil {
			if unreachable++; unreachable >= unreachableAllowed {
				return turnTried{restart: fmt.Sprintf("it does not say what it holds: %v", err)}
			}
			continue
		}
		unreachable = 0
		switch {
		case s.Game != a.Game, s.Turn != m.Recorded, !galaxy.SameDigest(s.Digest, m.Digest), s.Finished:
			return turnTried{status: s}
		case s.State == engineapi.StateGenerating:
			continue
		}
		failed, again := a.banish(ctx, address, s, append(m.lost(s), m.Banish...), &banned)
		switch {
		case failed != "":
			return turnTried{failed: failed, banned: banned}
		case again:
			continue
		}
		if err := a.putMissing(ctx, address, s, m); err != nil {
			var e *galaxy.EngineError
			if failing++; !errors.As(err, &e) || e.Kind != galaxy.EngineFailed {
				failing = 0
			}
			if failing >= failingAllowed {
				return turnTried{failed: "it cannot take the orders that are stored: " + e.Said(), banned: banned}
			}
			continue
		}
		if done, ok := a.callTurn(ctx, address, m); ok {
			done.banned = banned
			return done
		}
	}
}

// callTurn asks for the turn once; ok is false when the engine must be looked at again.
func (a *driver) callTurn(ctx context.Context, address string, m MakeTurn) (done turnTried, ok bool) {
	var expected *int
	if a.lasting.pin.ExpectedTurn {
		expected = &m.Recorded
	}
	var made galaxy.EngineStatus
	err := a.turns.doWhile(ctx, m.Due, slotFor, func() error {
		return a.fenced(func() (err error) {
			made, err = a.Client.Turn(ctx, address, a.Game, expected)
			return err
		})
	})
	var e *galaxy.EngineError
	switch {
	case err == nil && made.Game == a.Game && made.Turn == m.Recorded && galaxy.SameDigest(made.Digest, m.Digest):
		// It says that it has made none. An attempt that ended with that would be followed by the next at once.
		a.log().Warn("the engine has answered the call for a turn, and made none; it is asked again", zap.Int("turn", m.Recorded+1))
		return turnTried{}, false
	case err == nil && made.Turn != galaxy.NoTurn:
		return turnTried{status: made}, true
	case err == nil:
		return turnTried{}, false // it does not say which turn it is at
	case !errors.As(err, &e), e.Kind == galaxy.EngineUnreachable, e.Code == engineapi.CodeTurnInProgress, e.Code == engineapi.CodeTurnMismatch:
		return turnTried{}, false
	case e.Kind == galaxy.EngineUnanswered && (expected != nil && e.Status == 0 || e.Status == http.StatusOK):
		// Asking again is safe: the engine makes it once; or it has answered, in words that only it knows, and no
		// call is in flight.
		return turnTried{}, false
	}
	s, settled := a.settle(ctx, address)
	switch {
	case settled && (s.Turn != m.Recorded || s.Finished):
		return turnTried{status: s}, true
	case e.Kind == galaxy.EngineUnanswered && e.Status == 0:
		return turnTried{restart: "it did not answer the call for a turn, which may still arrive"}, true
	case !settled:
		return turnTried{restart: "it went away when it was asked for a turn"}, true
	default:
		a.log().Error("the engine cannot make the turn", zap.Int("turn", m.Recorded+1), zap.Error(e))
		return turnTried{failed: e.Said()}, true
	}
}

// settle waits until the engine is not making a turn, and gives what it shows then.
func (a *driver) settle(ctx context.Context, address string) (galaxy.EngineStatus, bool) {
	for ; ctx.Err() == nil; a.pause(ctx) {
		s, err := a.shown(ctx, address)
		if err == nil && s.State != engineapi.StateGenerating {
			return s, true
		}
		var e *galaxy.EngineError
		if errors.As(err, &e) && e.Kind == galaxy.EngineUnreachable && !errors.Is(err, galaxy.ErrShortage) {
			return s, false
		}
	}
	return galaxy.EngineStatus{}, false
}

// banish takes races out that the engine still lets play, and notes what it said. It gives why the turn cannot be made, for a race
// that is out must not play on, or says that it must be tried again.
func (a *driver) banish(ctx context.Context, address string, s galaxy.EngineStatus, races []string, banned *[]Banished) (failed string, again bool) {
	for _, race := range races {
		if slices.ContainsFunc(s.Players, func(p galaxy.EnginePlayer) bool { return p.Race == race && p.Banished }) ||
			slices.ContainsFunc(*banned, func(b Banished) bool { return b.Race == race }) {
			continue
		}
		said, settled := a.callBanish(ctx, address, race)
		if !settled {
			return refusal(said), true
		}
		*banned = append(*banned, said)
	}
	return "", false
}

// lost names the races that the engine had banished, and shows as playing again.
func (m MakeTurn) lost(s galaxy.EngineStatus) (races []string) {
	for _, p := range s.Players {
		if !p.Banished && !p.Lacks.Has(galaxy.LacksBanished) && slices.Contains(m.Out, p.Race) {
			races = append(races, p.Race)
		}
	}
	return races
}

// refusal tells why an engine will never banish a race. It is empty when it may do so later, or must be looked at first.
func refusal(said Banished) string {
	var e *galaxy.EngineError
	if !errors.As(said.Err, &e) || e.Kind != galaxy.EngineRefused || e.Code == engineapi.CodeTurnInProgress || e.Code == engineapi.CodeWrongGame {
		return ""
	}
	return fmt.Sprintf("it refuses to banish the race %q: %s", said.Race, e.Said())
}

// callBanish banishes a race once; settled is false when nobody knows what became of it. A race that the engine does not know is
// beyond banishing: it says so, or its status shows everybody but that race.
func (a *driver) callBanish(ctx context.Context, address, race string) (said Banished, settled bool) {
	err := a.Client.Banish(ctx, address, a.Game, race)
	var e *galaxy.EngineError
	switch {
	case err == nil:
		return Banished{Race: race, Known: true}, true
	case errors.As(err, &e) && (e.Code == engineapi.CodeRaceUnknown || e.Status >= 400 && a.hidden(ctx, address, race)):
		a.log().Error("the engine does not know a race that is to be banished", zap.String("race", race), zap.Error(err))
		return Banished{Race: race}, true
	}
	a.log().Warn("a race could not be banished", zap.String("race", race), zap.Error(err))
	return Banished{Race: race, Err: err}, false
}

// hidden reports whether the engine shows races, and not this one.
func (a *driver) hidden(ctx context.Context, address, race string) bool {
	s, err := a.shown(ctx, address)
	return err == nil && s.Game == a.Game && len(s.Players) > 0 &&
		!slices.ContainsFunc(s.Players, func(p galaxy.EnginePlayer) bool { return p.Race == race })
}

// putMissing puts the stored orders that the engine does not hold, or may not hold. It gives an error when that must
// be tried again.
func (a *driver) putMissing(ctx context.Context, address string, s galaxy.EngineStatus, m MakeTurn) error {
	held := map[string]galaxy.EnginePlayer{}
	for _, p := range s.Players {
		held[p.Race] = p
	}
	for _, o := range m.toPut(s) {
		p, uncertain := held[o.Race], slices.Contains(m.Uncertain, o.Race)
		if p.Extinct || p.Banished {
			continue
		}
		batches, list, lost := o.Again(p, uncertain)
		if len(lost) > 0 {
			a.log().Error("batches of commands are lost: the engine does not know them by their ids, and could run them twice",
				zap.String("race", o.Race), zap.Int("batches", len(lost)))
		}
		if len(batches) == 0 && !list {
			continue
		}
		switch {
		case uncertain:
			a.log().Info("whether the engine holds the stored orders is not certain: they are put again", zap.String("race", o.Race))
		case !p.Lacks.Has(galaxy.LacksRevision):
			a.log().Warn("the engine lacks stored orders: they are put again", zap.String("race", o.Race),
				zap.Int64("engine_revision", p.OrderRevision), zap.Int64("stored_revision", o.Held()))
		}
		err := a.putStored(ctx, address, m.Recorded+1, p, o, batches, list)
		if err == nil {
			continue
		}
		a.log().Warn("stored orders could not be put again", zap.String("race", o.Race), zap.Error(err))
		var e *galaxy.EngineError
		if !errors.As(err, &e) || e.Kind != galaxy.EngineRefused && e.Kind != galaxy.EngineMissing || e.Code == engineapi.CodeRevision {
			return err
		}
	}
	return nil
}

// toPut gives the stored orders of the races that the engine knows, and empty ones of uncertain races that hold
// something although nothing is stored of them.
func (m MakeTurn) toPut(s galaxy.EngineStatus) (out []galaxy.StoredOrders) {
	for _, p := range s.Players {
		i := slices.IndexFunc(m.Orders, func(o galaxy.StoredOrders) bool { return o.Race == p.Race })
		switch {
		case i >= 0:
			out = append(out, m.Orders[i])
		case p.OrderRevision > 0 && slices.Contains(m.Uncertain, p.Race):
			out = append(out, galaxy.StoredOrders{Race: p.Race})
		}
	}
	return out
}

// putStored puts batches of a race, which an engine that holds them knows by their ids, and then its list.
func (a *driver) putStored(ctx context.Context, address string, turn int, p galaxy.EnginePlayer, o galaxy.StoredOrders,
	batches []galaxy.StoredBatch, list bool) error {
	var expected *int64
	if !p.Lacks.Has(galaxy.LacksRevision) {
		expected = &p.OrderRevision
	}
	for _, b := range batches {
		commands, err := galaxy.SplitCommands(b.Commands)
		if err != nil {
			return fmt.Errorf("stored batch: %w", err)
		}
		put, err := a.Client.PutBatch(ctx, address, galaxy.BatchWrite{Game: a.Game, Race: o.Race, Turn: turn, Batch: b.ID, Commands: commands})
		if err != nil {
			return err
		}
		if expected != nil {
			expected = new(max(*expected, put.Revision))
		}
	}
	if !list {
		return nil
	}
	raw := o.Commands
	if o.Revision == 0 {
		raw = []byte("[]") // the engine may hold a list that is not stored: an empty one replaces it
	}
	commands, err := galaxy.SplitCommands(raw)
	if err != nil {
		return fmt.Errorf("stored orders: %w", err)
	}
	_, err = a.Client.PutOrders(ctx, address, galaxy.OrderWrite{Game: a.Game, Race: o.Race, Turn: turn, Expected: expected, Commands: commands})
	return err
}

func (a *driver) pause(ctx context.Context) { wait(ctx, a.Pace.Settle) }

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (a *driver) onTurnTried(c actor.Context, m turnTried) {
	if m.life != a.life {
		return
	}
	for _, b := range m.banned {
		a.tell(c, b)
	}
	if m.unserved {
		// It goes on being the write that is under way, and its time begins anew: the engine is not to blame.
		a.unserved = m.ask
		a.timers.Start(c, serving, a.jittered(a.Pace.Settle))
		return
	}
	a.writing, a.making, a.misses, a.lasting.asked = false, false, 0, false
	switch {
	case m.failed != "":
		a.tell(c, TurnFailed{m.ask.Number, m.ask.Attempt, m.failed})
		if m.late {
			a.restart(c, m.failed)
			return
		}
	case m.restart != "":
		a.restart(c, m.restart)
		return
	default:
		a.learnRevisions(m.status)
		a.tell(c, TurnMade{m.ask.Number, m.ask.Attempt, m.status})
	}
	a.nextWrite(c)
}
