package engine

import (
	"context"
	"errors"
	"fmt"
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
	unreachable := 0
	var banned []Banished
	for ; ; a.pause(ctx) {
		if !a.Serving() {
			return turnTried{unserved: true, banned: banned}
		}
		if ctx.Err() != nil {
			return turnTried{restart: "the turn was given up"}
		}
		s, err := a.Client.Status(ctx, address)
		if err != nil {
			if unreachable++; unreachable >= unreachableAllowed {
				return turnTried{restart: fmt.Sprintf("it does not say what it holds: %v", err)}
			}
			continue
		}
		unreachable = 0
		switch {
		case s.Game != a.Game, s.Turn != m.Recorded, s.Digest != m.Digest, s.Finished:
			return turnTried{status: s}
		case s.State == engineapi.StateGenerating:
			continue
		}
		failed, again := a.banish(ctx, address, s, append(m.lost(s), m.Banish...), &banned)
		switch {
		case failed != "":
			return turnTried{failed: failed, banned: banned}
		case again, !a.putMissing(ctx, address, s, m):
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
	case err == nil && made.Game == a.Game && made.Turn == m.Recorded && made.Digest == m.Digest:
		// It says that it has made none. An attempt that ended with that would be followed by the next at once.
		a.log().Warn("the engine has answered the call for a turn, and made none; it is asked again", zap.Int("turn", m.Recorded+1))
		return turnTried{}, false
	case err == nil:
		return turnTried{status: made}, true
	case !errors.As(err, &e), e.Kind == galaxy.EngineUnreachable, e.Code == engineapi.CodeTurnInProgress, e.Code == engineapi.CodeTurnMismatch:
		return turnTried{}, false
	case e.Kind == galaxy.EngineUnanswered && expected != nil:
		return turnTried{}, false // asking again is safe: the engine makes it once
	}
	s, settled := a.settle(ctx, address)
	switch {
	case settled && (s.Turn != m.Recorded || s.Finished):
		return turnTried{status: s}, true
	case e.Kind == galaxy.EngineUnanswered:
		return turnTried{restart: "it did not answer the call for a turn, which may still arrive"}, true
	case !settled:
		return turnTried{restart: "it went away when it was asked for a turn"}, true
	default:
		a.log().Error("the engine cannot make the turn", zap.Int("turn", m.Recorded+1), zap.Error(e))
		return turnTried{failed: fmt.Sprintf("status %d, code %q", e.Status, e.Code)}, true
	}
}

// settle waits until the engine is not making a turn, and gives what it shows then.
func (a *driver) settle(ctx context.Context, address string) (galaxy.EngineStatus, bool) {
	for ; ctx.Err() == nil; a.pause(ctx) {
		s, err := a.Client.Status(ctx, address)
		if err == nil && s.State != engineapi.StateGenerating {
			return s, true
		}
		var e *galaxy.EngineError
		if errors.As(err, &e) && e.Kind == galaxy.EngineUnreachable {
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
		if !p.Banished && slices.Contains(m.Out, p.Race) {
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
	return fmt.Sprintf("it refuses to banish the race %q: status %d, code %q", said.Race, e.Status, e.Code)
}

// callBanish banishes a race once; settled is false when nobody knows what became of it. A race that the engine does not know is
// beyond banishing.
func (a *driver) callBanish(ctx context.Context, address, race string) (said Banished, settled bool) {
	err := a.Client.Banish(ctx, address, a.Game, race)
	var e *galaxy.EngineError
	switch {
	case err == nil:
		return Banished{Race: race, Known: true}, true
	case errors.As(err, &e) && e.Kind == galaxy.EngineRefused && e.Status == 404:
		a.log().Error("the engine does not know a race that is to be banished", zap.String("race", race), zap.Error(err))
		return Banished{Race: race}, true
	}
	a.log().Warn("a race could not be banished", zap.String("race", race), zap.Error(err))
	return Banished{Race: race, Err: err}, false
}

// putMissing puts the stored lists that the engine does not hold, or may not hold. It reports false when that must be tried again.
func (a *driver) putMissing(ctx context.Context, address string, s galaxy.EngineStatus, m MakeTurn) bool {
	held := map[string]galaxy.EnginePlayer{}
	for _, p := range s.Players {
		held[p.Race] = p
	}
	for _, o := range m.toPut(s) {
		p, uncertain := held[o.Race], slices.Contains(m.Uncertain, o.Race)
		if !uncertain && p.OrderRevision == o.Held() || p.Extinct || p.Banished {
			continue
		}
		if uncertain {
			a.log().Info("whether the engine holds the stored orders is not certain: they are put again", zap.String("race", o.Race))
		} else {
			a.log().Warn("the engine lacks stored orders: they are put again", zap.String("race", o.Race),
				zap.Int64("engine_revision", p.OrderRevision), zap.Int64("stored_revision", o.Held()))
		}
		if err := a.putStored(ctx, address, m.Recorded+1, p.OrderRevision, o, uncertain); err != nil {
			a.log().Warn("stored orders could not be put again", zap.String("race", o.Race), zap.Error(err))
			var e *galaxy.EngineError
			if !errors.As(err, &e) || e.Kind != galaxy.EngineRefused || e.Code == engineapi.CodeRevision {
				return false
			}
		}
	}
	return true
}

// toPut gives the stored orders of the races that the engine knows, and empty ones of uncertain races that hold something although
// nothing is stored of them.
func (m MakeTurn) toPut(s galaxy.EngineStatus) (out []galaxy.StoredOrders) {
	for _, p := range s.Players {
		i := slices.IndexFunc(m.Orders, func(o galaxy.StoredOrders) bool { return o.Race == p.Race })
		switch {
		case i >= 0:
			out = append(out, m.Orders[i])
		case p.OrderRevision > 0 && slices.Contains(m.Uncertain, p.Race):
			out = append(out, galaxy.StoredOrders{Race: p.Race, Commands: []byte("[]")})
		}
	}
	return out
}

// putStored puts the batches of a race, which an engine that holds them knows by their ids, and then its list. An uncertain race may
// hold a list that is not stored: it is replaced also when none is.
func (a *driver) putStored(
	ctx context.Context, address string, turn int, revision int64, o galaxy.StoredOrders, uncertain bool,
) error {
	for _, b := range o.Batches {
		commands, err := galaxy.SplitCommands(b.Commands)
		if err != nil {
			return fmt.Errorf("stored batch: %w", err)
		}
		put, err := a.Client.PutBatch(ctx, address, galaxy.BatchWrite{Game: a.Game, Race: o.Race, Turn: turn, Batch: b.ID, Commands: commands})
		if err != nil {
			return err
		}
		revision = max(revision, put.Revision)
	}
	if o.Revision == 0 && !uncertain {
		return nil
	}
	commands, err := galaxy.SplitCommands(o.Commands)
	if err != nil {
		return fmt.Errorf("stored orders: %w", err)
	}
	_, err = a.Client.PutOrders(ctx, address, galaxy.OrderWrite{Game: a.Game, Race: o.Race, Turn: turn, Expected: &revision, Commands: commands})
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
		for _, p := range m.status.Players {
			a.revisions[p.Race] = p.OrderRevision
		}
		a.tell(c, TurnMade{m.ask.Number, m.ask.Attempt, m.status})
	}
	a.nextWrite(c)
}
