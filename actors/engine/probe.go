package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// missesAllowed is how many probes in a row may fail.
const missesAllowed = 3

// jobTimeout bounds work on a container that is there.
const jobTimeout = 2 * time.Minute

func (a *driver) jittered(d time.Duration) time.Duration { return d*4/5 + rand.N(d*2/5+1) }

// probe asks for a sign of life; without one it looks at the container too.
func (a *driver) probe(c actor.Context) {
	if !a.up {
		return
	}
	life, address := a.life, a.address
	a.job(c, jobTimeout, func(ctx context.Context) any {
		p := probed{life: life, err: a.Client.Healthz(ctx, address)}
		if p.err == nil || errors.Is(p.err, galaxy.ErrShortage) {
			return p // without an answer, or without a question: what we lack ourselves says nothing about the engine
		}
		container, err := a.Containers.Inspect(ctx, a.Game)
		if err == nil && container.State != galaxy.ContainerRunning {
			p.log = a.lastWords(ctx)
		}
		if err != nil {
			p.err = errors.Join(p.err, err)
			return p
		}
		p.exited = howItEnded(container)
		return p
	}, func(err error) any { return probed{life: life, err: err} })
}

// howItEnded says how a container has ended; nothing of one that runs.
func howItEnded(c galaxy.Container) string {
	switch {
	case c.State == galaxy.ContainerMissing:
		return "its container is gone"
	case c.State == galaxy.ContainerExited && c.OOMKilled:
		return "it was killed for using too much memory"
	case c.State == galaxy.ContainerExited && c.ExitKnown:
		return fmt.Sprintf("it ended with exit code %d", c.ExitCode)
	case c.State == galaxy.ContainerExited:
		return "it ended, with an exit code that is not known"
	}
	return ""
}

func (a *driver) onProbed(c actor.Context, m probed) {
	if m.life != a.life || !a.up {
		return
	}
	outcome := "ok"
	if m.err != nil {
		outcome = "missed"
	}
	a.probes.Add(context.Background(), 1, metric.WithAttributes(attribute.String("outcome", outcome)))
	switch {
	case m.exited != "":
		a.die(c, m.exited, m.log)
	case m.err == nil && a.unknown:
		a.unknown = false
		a.bringUp(c) // which adopts it, and tells that it is up
		return
	case m.err == nil:
		a.misses = 0
	case errors.Is(m.err, galaxy.ErrDriverUnknown):
		a.unknown = true
		a.tell(c, Unknown{a.Serial, galaxy.Obstacle(m.err)})
	case a.making:
		// A turn may take all of an engine's attention.
	default:
		a.misses++
		a.log().Warn("the engine missed a probe", zap.Int("misses", a.misses), zap.Error(m.err))
	}
	if a.misses < missesAllowed {
		next := a.Pace.Probe
		if a.misses > 0 {
			next /= missesAllowed
		}
		a.timers.Start(c, probe, a.jittered(next))
		return
	}
	a.restart(c, "it does not answer its probes")
}

// restart ends a container that is there but of no use, and then dies. When it cannot be ended, that is left to the next incarnation:
// a call that was not answered may still arrive at it.
func (a *driver) restart(c actor.Context, cause string) {
	a.up, a.lasting.afresh, a.lasting.since = false, true, kit.Now(c)
	a.tell(c, Down{a.Serial, cause, ""})
	a.end(c, 0, cause)
}

// end stops the container, and hears first what an engine that is of no use has said.
func (a *driver) end(c actor.Context, number int64, cause string) {
	life, since := a.life, a.lasting.since
	a.job(c, a.Config.StopGrace+jobTimeout, func(ctx context.Context) any {
		s := stopped{life: life, number: number, cause: cause}
		if number == 0 {
			s.log = a.lastWords(ctx)
		}
		s.err = a.op(ctx, "stop", a.worker(ctx, since, func() error { return a.Containers.Stop(ctx, a.Game, a.Config.StopGrace) }))
		if s.err == nil && number != 0 {
			s.there, s.err = a.Containers.Inspect(ctx, a.Game)
		}
		return s
	}, func(err error) any { return stopped{life: life, number: number, cause: cause, err: err} })
}

// endUse gives up what is under way, for nobody wants the engine any more.
func (a *driver) endUse(c actor.Context) {
	a.giveUp(c)
	a.life, a.lasting.since = a.lives.Add(1), kit.Now(c)
	a.writing, a.making = false, false
}

// onStop gives up what is under way, and stops the container.
func (a *driver) onStop(c actor.Context, m Stop) {
	a.endUse(c)
	a.end(c, m.Number, "")
}

func (a *driver) onStopped(c actor.Context, m stopped) {
	switch {
	case m.life != a.life:
	case m.err != nil && m.number == 0 && !errors.Is(m.err, errFull) && !errors.Is(m.err, galaxy.ErrDriverUnknown):
		a.die(c, fmt.Sprintf("%s, and could not be stopped: %v", m.cause, m.err), m.log)
	case m.err == nil && m.number == 0:
		a.lasting.afresh = false
		if m.log != "" {
			a.tell(c, LastWords{a.Serial, m.cause, m.log})
		}
		a.fail(m.cause, m.log) // of which the game knows
	case m.err != nil:
		a.log().Warn("the engine could not be stopped; it is tried again", zap.Error(m.err))
		a.ending = m
		a.tryAgain(c, stopping, m.err)
	default:
		a.log().Info("the engine has stopped")
		a.found(c, m.there)
		a.tell(c, Stopped{m.number})
	}
}
