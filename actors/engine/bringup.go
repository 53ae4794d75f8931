package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
)

// errNoGame: the engine holds no game although one was played in it.
var errNoGame = errors.New("the engine holds no game")

// errBusy: the engine goes on making a turn that was given up. What comes of it is complete, or nothing, so it may be ended.
var errBusy = errors.New("it is still making a turn that nobody waits for")

// bringUp starts or adopts the engine.
func (a *driver) bringUp(c actor.Context) {
	life, l, making, address := a.life, *a.lasting, a.making, ""
	l.making = l.making || making
	if a.up {
		address = a.address
	}
	self := kit.Self(c)
	a.job(c, a.Config.StartTimeout, func(ctx context.Context) any {
		if l.away {
			a.heardOf(ctx, self, life)
		}
		b, answers := a.recognise(ctx, l, address)
		if !answers {
			b.err = a.endFirst(ctx, l)
		}
		if !answers && b.err == nil {
			b = a.ensure(ctx, l)
			b.ended = true
		}
		if b.err != nil {
			b.log, b.there = a.lastWords(ctx), a.there(ctx, l.pin)
		}
		b.life, b.making = life, making
		return b
	}, func(err error) any { return broughtUp{life: life, err: err} })
}

// recognise asks an engine that was up and has not answered for a while: for one that does again nobody needs to ask the daemon. An
// address may have become another engine's meanwhile.
func (a *driver) recognise(ctx context.Context, l lasting, address string) (b broughtUp, answers bool) {
	if address == "" || l.afresh {
		return b, false
	}
	s, err := a.shown(ctx, address)
	if err == nil && !l.making {
		s, err = a.idle(ctx, address, s)
	}
	return broughtUp{container: galaxy.Container{Address: address}, status: s}, err == nil && s.Game == a.Game
}

// endFirst ends a container that is to be started afresh.
func (a *driver) endFirst(ctx context.Context, l lasting) error {
	if !l.afresh {
		return nil
	}
	return a.op(ctx, "stop", a.worker(ctx, l.since, func() error { return a.Containers.Stop(ctx, a.Game, a.Config.StopGrace) }))
}

// lastLines is how many of an engine's lines are kept of its death, and lastBytes how many bytes of them at most.
const (
	lastLines = 20
	lastBytes = 4 << 10
)

// lastWords gives what the engine said last, for operators. Without any it gives none.
func (a *driver) lastWords(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Pace.Health)
	defer cancel()
	log, err := a.Containers.Logs(ctx, a.Game, lastLines)
	if err != nil {
		return ""
	}
	log = strings.ToValidUTF8(strings.ReplaceAll(log, "\x00", ""), "?")
	if over := len(log) - lastBytes; over > 0 {
		log = strings.ToValidUTF8(log[over:], "")
	}
	return log
}

// ensure runs outside the mailbox. Once a game was played in the engine, nothing is initialised or set aside any more.
func (a *driver) ensure(ctx context.Context, l lasting) (b broughtUp) {
	ran := l.ran
	before, err := a.Containers.Inspect(ctx, a.Game)
	if err != nil {
		return broughtUp{err: fmt.Errorf("look at the container: %w", err)}
	}
	if err := a.admit(ctx, l, before); err != nil {
		return broughtUp{err: err}
	}
	for aside := false; ; aside = true {
		b.container, b.err = a.start(ctx, l.since, l.pin, ran)
		if b.err != nil {
			return b
		}
		adopted := before.State == galaxy.ContainerRunning && before.ID == b.container.ID && !aside
		b.began = b.began || !adopted
		b.status, b.err = a.ask(ctx, b.container.Address)
		if b.err == nil && !l.making {
			b.status, b.err = a.idle(ctx, b.container.Address, b.status)
		}
		switch {
		case isEmpty(b.err):
			b.status, b.err = a.initialise(ctx, b.container.Address, ran)
			if b.err != nil || aside || b.status.Game == a.Game {
				return b
			}
		case b.err != nil:
			b.deaf = adopted && !l.began && !errors.Is(b.err, galaxy.ErrDriverUnknown)
			b.err = unfitFor(b.err, ran)
			return b
		case ran, a.fresh(b.status), aside:
			return b
		}
		// The game never ran, so what is in its directory is not its own.
		a.log().Warn("the state directory of a game that never ran holds another game: it is set aside", zap.Stringer("holds", b.status.Game), zap.Int("turn", b.status.Turn))
		if b.err = a.op(ctx, "set_aside", a.worker(ctx, l.since, func() error { return a.Containers.SetAside(ctx, a.Game, a.Config.StopGrace) })); b.err != nil {
			return b
		}
	}
}

// isEmpty reports whether an engine says that it holds no game.
func isEmpty(err error) bool {
	var e *galaxy.EngineError
	return errors.As(err, &e) && e.Kind == galaxy.EngineEmpty
}

// initialise makes the game in an engine that holds none, unless it was ever played: then its state is lost.
func (a *driver) initialise(ctx context.Context, address string, ran bool) (galaxy.EngineStatus, error) {
	switch {
	case ran:
		return galaxy.EngineStatus{}, errNoGame
	case !a.Serving():
		return galaxy.EngineStatus{}, errNotServing
	}
	return a.beginGame(ctx, address)
}

func (a *driver) start(ctx context.Context, since time.Time, pin galaxy.Pin, ran bool) (container galaxy.Container, err error) {
	err = a.worker(ctx, since, func() error {
		container, err = a.Containers.Ensure(ctx, galaxy.ContainerSpec{Game: a.Game, Version: pin.EngineVersion, ImageRef: pin.ImageRef, StateMustExist: ran,
			StateSince: a.StateSince, StopGrace: a.Config.StopGrace})
		return err
	})
	return container, a.op(ctx, "start", err)
}

// ask waits until the engine is healthy, and asks what it holds. One that ends meanwhile is not waited for.
func (a *driver) ask(ctx context.Context, address string) (galaxy.EngineStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Pace.Health)
	defer cancel()
	var last error
	s, err := backoff.Retry(ctx, func() (galaxy.EngineStatus, error) {
		if err := a.Client.Healthz(ctx, address); errors.Is(err, galaxy.ErrShortage) {
			return galaxy.EngineStatus{}, backoff.Permanent(err) // it was not asked
		} else if err != nil {
			if container, look := a.Containers.Inspect(ctx, a.Game); look == nil && howItEnded(container) != "" {
				err = backoff.Permanent(errors.New(howItEnded(container))) // it will not answer, however long it is waited for
			}
			last = err
			return galaxy.EngineStatus{}, err
		}
		s, err := a.shown(ctx, address)
		if last = err; isEmpty(err) || errors.Is(err, galaxy.ErrShortage) {
			err = backoff.Permanent(err)
		}
		return s, err
	}, backoff.WithBackOff(&backoff.ExponentialBackOff{InitialInterval: 10 * time.Millisecond, RandomizationFactor: 0.3, Multiplier: 1.5, MaxInterval: time.Second}))
	if errors.Is(err, context.DeadlineExceeded) && last != nil {
		err = last // what it answered says more than that the time is over
	}
	return s, err
}

// idle waits a while for an engine that makes a turn, and takes no orders until it has.
func (a *driver) idle(ctx context.Context, address string, s galaxy.EngineStatus) (galaxy.EngineStatus, error) {
	if s.State != engineapi.StateGenerating {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.Pace.Health)
	defer cancel()
	s, settled := a.settle(ctx, address)
	if !settled {
		return s, errBusy
	}
	return s, nil
}

// fresh reports whether the engine holds this very game, before its first turn.
func (a *driver) fresh(s galaxy.EngineStatus) bool {
	return s.Game == a.Game && s.Turn == 0 && galaxy.SameRaces(a.Races, s.Players)
}

func (a *driver) onBroughtUp(c actor.Context, m broughtUp) {
	if m.life != a.life {
		return
	}
	a.lasting.afresh = a.lasting.afresh && !m.ended || m.deaf
	a.lasting.began = (a.lasting.began || m.began) && m.err != nil
	var unfit *unfitError
	switch err := m.err; {
	case err == nil:
		a.lasting.ran, a.lasting.making, a.lasting.away = true, false, false
		a.address, a.up, a.misses, a.lasting.pulls = m.container.Address, true, 0, 0
		if m.container.Differs != "" {
			a.log().Warn("the engine runs with other settings than those of now, which hold from its next start", zap.String("differs", m.container.Differs))
		}
		a.learnRevisions(m.status)
		a.log().Info("the engine is up", zap.String("address", a.address), zap.Int("turn", m.status.Turn))
		a.tell(c, Up{a.Serial, m.status, m.making || a.making, a.address})
		a.timers.Start(c, probe, a.jittered(a.Pace.Probe))
	case errors.Is(err, galaxy.ErrDriverUnknown), errors.Is(err, errFull):
		a.tryAgain(c, bring, err)
	case errors.Is(err, galaxy.ErrRegistry):
		a.awaitImage(c, err)
	case errors.Is(err, galaxy.ErrImagePull), errors.Is(err, galaxy.ErrStartConfig):
		a.found(c, m.there)
		a.log().Error("the engine cannot be started", zap.Error(err))
		kind := galaxy.StartConfigInvalid
		if errors.Is(err, galaxy.ErrImagePull) {
			kind = galaxy.ImagePullFailed
		}
		a.tell(c, Refused{a.Serial, kind, reason(err)})
	case errors.As(err, &unfit):
		a.log().Warn("the engine does not take the game", zap.String("cause", unfit.cause))
		a.tell(c, Unfit{a.Serial, unfit.cause})
	case errors.Is(err, galaxy.ErrStateMissing), errors.Is(err, errNoGame):
		a.log().Error("the game has run, but its engine has no state", zap.Error(err))
		a.tell(c, Lost{a.Serial, reason(err)})
	default:
		a.found(c, m.there)
		a.die(c, fmt.Sprintf("it did not come up: %v", err), m.log)
	}
}

// reason is what operators are told of a failure: the kind of it, for details stand in the log.
func reason(err error) string {
	var words *galaxy.Error
	if errors.As(err, &words) {
		return words.Message
	}
	if kind := kindOf(err); kind != nil {
		return kind.Error()
	}
	return err.Error()
}

func kindOf(err error) error {
	for _, known := range []error{galaxy.ErrRegistry, galaxy.ErrImagePull, galaxy.ErrStartConfig, galaxy.ErrStateMissing, errNoGame} {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}
