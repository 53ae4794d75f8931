package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"galaxy/backend/galaxy"
)

// errNoGame: the engine holds no game although one was played in it.
var errNoGame = errors.New("the engine holds no game")

// bringUp starts or adopts the engine.
func (a *driver) bringUp(c actor.Context) {
	life, ran := a.life, *a.ran
	a.job(c, a.Config.StartTimeout, func(ctx context.Context) any {
		b := a.ensure(ctx, ran)
		b.life = life
		return b
	}, func(err error) any { return broughtUp{life: life, err: err} })
}

// ensure runs outside the mailbox. Once a game was played in the engine, nothing is initialised or set aside any more.
func (a *driver) ensure(ctx context.Context, ran bool) (b broughtUp) {
	for aside := false; ; aside = true {
		b.container, b.err = a.start(ctx, ran)
		if b.err != nil {
			return b
		}
		b.status, b.err = a.ask(ctx, b.container.Address)
		var e *galaxy.EngineError
		switch {
		case errors.As(b.err, &e) && e.Kind == galaxy.EngineEmpty && ran:
			b.err = errNoGame
			return b
		case errors.As(b.err, &e) && e.Kind == galaxy.EngineEmpty:
			b.status, b.err = a.Client.Init(ctx, b.container.Address, galaxy.EngineInit{Game: a.Game, Races: a.Races})
			return b
		case b.err != nil, ran, a.fresh(b.status), aside:
			return b
		}
		// The game never ran, so what is in its directory is not its own.
		a.log().Warn("the state directory of a game that never ran holds another game: it is set aside", zap.Stringer("holds", b.status.Game), zap.Int("turn", b.status.Turn))
		if b.err = a.op(ctx, "set_aside", a.worker(ctx, func() error { return a.Containers.SetAside(ctx, a.Game) })); b.err != nil {
			return b
		}
	}
}

func (a *driver) start(ctx context.Context, ran bool) (container galaxy.Container, err error) {
	err = a.worker(ctx, func() error {
		container, err = a.Containers.Ensure(ctx, galaxy.ContainerSpec{Game: a.Game, Version: a.Version, ImageRef: a.ImageRef, StateMustExist: ran})
		return err
	})
	return container, a.op(ctx, "start", err)
}

// ask waits until the engine is healthy, and asks what it holds.
func (a *driver) ask(ctx context.Context, address string) (galaxy.EngineStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Pace.Health)
	defer cancel()
	return backoff.Retry(ctx, func() (galaxy.EngineStatus, error) {
		if err := a.Client.Healthz(ctx, address); err != nil {
			return galaxy.EngineStatus{}, err
		}
		s, err := a.Client.Status(ctx, address)
		var e *galaxy.EngineError
		if errors.As(err, &e) && e.Kind == galaxy.EngineEmpty {
			err = backoff.Permanent(err)
		}
		return s, err
	}, backoff.WithBackOff(&backoff.ExponentialBackOff{InitialInterval: 10 * time.Millisecond, RandomizationFactor: 0.3, Multiplier: 1.5, MaxInterval: time.Second}))
}

// fresh reports whether the engine holds this very game, before its first turn.
func (a *driver) fresh(s galaxy.EngineStatus) bool {
	return s.Game == a.Game && s.Turn == 0 && galaxy.SameRaces(a.Races, s.Players)
}

func (a *driver) onBroughtUp(c actor.Context, m broughtUp) {
	if m.life != a.life {
		return
	}
	switch err := m.err; {
	case err == nil:
		*a.ran = true
		a.address, a.up, a.misses = m.container.Address, true, 0
		for _, p := range m.status.Players {
			a.revisions[p.Race] = p.OrderRevision
		}
		a.log().Info("the engine is up", zap.String("address", a.address), zap.Int("turn", m.status.Turn))
		a.tell(c, Up{a.Serial, m.status})
		a.timers.Start(c, probe, a.jittered(a.Pace.Probe))
	case errors.Is(err, galaxy.ErrDriverUnknown):
		a.tell(c, Unknown{a.Serial})
		a.timers.Start(c, bring, a.jittered(a.Pace.Retry))
	case errors.Is(err, errFull):
		a.timers.Start(c, bring, a.jittered(a.Pace.Retry))
	case errors.Is(err, galaxy.ErrImagePull), errors.Is(err, galaxy.ErrStartConfig):
		a.log().Error("the engine cannot be started", zap.Error(err))
		a.tell(c, Refused{a.Serial, reason(err)})
	case errors.Is(err, galaxy.ErrStateMissing), errors.Is(err, errNoGame):
		a.log().Error("the game has run, but its engine has no state", zap.Error(err))
		a.tell(c, Lost{a.Serial, reason(err)})
	default:
		a.die(c, fmt.Sprintf("it did not come up: %v", err))
	}
}

// reason is what operators are told of a failure: the kind of it, for details stand in the log.
func reason(err error) string {
	for _, known := range []error{galaxy.ErrImagePull, galaxy.ErrStartConfig, galaxy.ErrStateMissing, errNoGame} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return err.Error()
}
