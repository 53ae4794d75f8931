package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// errNoTime: the state of before is put back by the next job.
var errNoTime = errors.New("no time was left to take it back")

// errNoState: there was a copy of the state of before, and there is none any more.
var errNoState = errors.New("the copy of the state of before is gone")

// putBackTries is how often the state of before is tried to be put back, while the daemon answers that it cannot be.
const putBackTries = 10

// tryPatch moves the engine to another version, or goes on taking that back. Every step can be repeated, so that whoever finds
// an open patch begins anew: the copy of the state that is there already is the one of before.
func (a *driver) tryPatch(c actor.Context) {
	life, p, back, away, self, so := a.life, *a.lasting.patch, a.back, a.lasting.away, kit.Self(c), a.lasting.progress
	a.job(c, a.Config.StartTimeout, func(ctx context.Context) any {
		if away {
			a.heardOf(ctx, self, life)
		}
		out := patched{life: life, back: back, progress: so}
		if out.back == "" {
			out.back, out.err = a.forward(ctx, p, &out.progress)
		}
		if out.back == "" && !out.stopped && daemonAway(out.err) && a.untouched(ctx, p) {
			out.untouched = true
			return out
		}
		switch {
		case out.back == "" || out.err != nil:
		case ctx.Err() != nil:
			out.err = errNoTime
		default:
			out.err = a.takeBack(ctx, p, out.copied)
		}
		if out.back != "" && out.err != nil {
			out.kept = a.keeps(ctx, p)
		}
		if out.err != nil {
			out.there = a.there(ctx, p.To)
		}
		return out
	}, func(err error) any {
		so.stopped = true // it may have been
		return patched{life: life, back: cmp.Or(back, "it went wrong"), err: err, progress: so, kept: copyUnread}
	})
}

// forward starts the new version on the state. It gives why that must be taken back, or why nothing can be said yet.
func (a *driver) forward(ctx context.Context, p Patch, so *progress) (back string, err error) {
	if back, err = a.overtaken(ctx, p); back != "" || err != nil {
		return back, err
	}
	var container galaxy.Container
	for _, step := range []struct {
		failure string
		done    *bool // is set then
		do      func() error
	}{
		{"the engine could not be stopped", &so.stopped, func() error {
			return a.container(ctx, "stop", a.stopFirst(ctx))
		}},
		{"the state could not be copied", &so.copied, func() error {
			return a.container(ctx, "copy_state", func() error { return a.Containers.CopyState(ctx, a.Game, p.Label) })
		}},
		{"the new engine could not be started", new(bool), func() (err error) {
			container, err = a.start(ctx, a.Since, p.To, true)
			return err
		}},
	} {
		err := step.do()
		if unsaid(ctx, err) {
			return "", err
		}
		*step.done = *step.done || err == nil
		if err != nil {
			a.log().Error("a patch fails: "+step.failure, zap.Error(err))
			if kind := kindOf(err); kind != nil {
				return step.failure + ": " + kind.Error(), nil
			}
			return step.failure, nil
		}
	}
	s, err := a.ask(ctx, container.Address)
	switch {
	case unsaid(ctx, err):
		return "", err
	case err != nil:
		a.log().Error("a patched engine did not become healthy", zap.Error(err), zap.String("last_lines", a.lastWords(ctx)))
		return "the new engine did not become healthy", nil
	case s.Game != a.Game || s.Turn != p.Turn || !galaxy.SameDigest(s.Digest, p.Digest):
		return fmt.Sprintf("the new engine shows turn %d of game %s with another state", s.Turn, s.Game), nil
	}
	return "", nil
}

// takeBack puts the state of before in place.
func (a *driver) takeBack(ctx context.Context, p Patch, copied bool) error {
	if err := a.container(ctx, "stop", a.stopFirst(ctx)); err != nil {
		return err
	}
	err := a.container(ctx, "restore_state", func() error {
		err := a.Containers.RestoreState(ctx, a.Game, p.Label)
		switch {
		case !errors.Is(err, galaxy.ErrNoCopy):
			return err
		case copied:
			return errNoState
		}
		return nil // it could not be made, and so nothing has touched the state
	})
	if err != nil {
		return err
	}
	return a.takeAway(ctx, p.To)
}

func (a *driver) stopFirst(ctx context.Context) func() error {
	return func() error { return a.Containers.Stop(ctx, a.Game, a.Config.StopGrace) }
}

// container gives work on the container of an engine that is not being brought up its turn.
func (a *driver) container(ctx context.Context, name string, work func() error) error {
	return a.op(ctx, name, a.worker(ctx, a.Since, work))
}

// unsaid reports whether an error says nothing about the engine, so that it is to be tried again. That the time is over does say
// something: tried again, it would be over again.
func unsaid(ctx context.Context, err error) bool {
	return err != nil && (errors.Is(err, galaxy.ErrDriverUnknown) || errors.Is(err, errFull) || errors.Is(ctx.Err(), context.Canceled))
}

func (a *driver) onPatched(c actor.Context, m patched) {
	so := &a.lasting.progress // it counts also when an earlier incarnation has asked for it
	so.stopped, so.copied = so.stopped || m.stopped, so.copied || m.copied
	if m.life != a.life {
		return
	}
	number := a.lasting.patch.Number
	m.back = a.outOfTime(c, m)
	switch {
	case m.untouched:
		a.untouchedAgain(c, number)
		return
	case m.err != nil && a.patience(m.err):
		a.back = m.back
		a.log().Warn("a patch waits; it is tried again", zap.String("taken_back_for", m.back), zap.Error(m.err))
		a.tryAgain(c, patching, m.err)
		return
	case m.err != nil:
		failed := a.stuck(m)
		if failed.Written {
			a.lasting.pin = a.lasting.patch.To
		}
		a.tell(c, failed)
	case m.back != "":
		a.log().Error("a patch was taken back", zap.String("version", a.lasting.patch.To.EngineVersion), zap.String("cause", m.back))
		a.tell(c, PatchFailed{Number: number, Cause: m.back})
	default:
		a.lasting.pin = a.lasting.patch.To
		a.tell(c, Patched{number})
	}
	a.lasting.patch = nil
	a.bringUp(c)
}

// patience reports whether a patch that an error holds up is tried once more. Whoever says nothing is waited for.
func (a *driver) patience(err error) bool {
	switch {
	case errors.Is(err, galaxy.ErrDriverUnknown), errors.Is(err, errFull):
		return true
	case errors.Is(err, errNoState):
		return false
	}
	a.putBack++
	return a.putBack < putBackTries
}

// onDropCopy gives the copy up of which a patch no longer has need.
func (a *driver) onDropCopy(c actor.Context, m DropCopy) {
	a.job(c, jobTimeout, func(ctx context.Context) any {
		drop := func() error {
			return a.container(ctx, "drop_copy", func() error { return a.Containers.DropState(ctx, a.Game, m.Label) })
		}
		err := drop()
		for ; unsaid(ctx, err) && ctx.Err() == nil; err = drop() {
			wait(ctx, a.jittered(a.Pace.Retry))
		}
		if err != nil {
			a.log().Warn("the copy of a state could not be deleted", zap.String("label", m.Label), zap.Error(err))
		}
		return nil
	}, func(error) any { return nil })
}

// onRemove gives up what is under way, ends the container and takes it away.
func (a *driver) onRemove(c actor.Context, m Remove) {
	a.endUse(c)
	a.remove(c, m.Number)
}

func (a *driver) remove(c actor.Context, number int64) {
	life, since := a.life, a.lasting.since
	a.job(c, a.Config.StopGrace+jobTimeout, func(ctx context.Context) any {
		err := a.worker(ctx, since, func() error {
			if err := a.Containers.Stop(ctx, a.Game, a.Config.StopGrace); err != nil {
				return err
			}
			return a.fenced(func() error { return a.Containers.Remove(ctx, a.Game) })
		})
		return removed{life, number, a.op(ctx, "remove", err)}
	}, func(err error) any { return removed{life, number, err} })
}

func (a *driver) onRemoved(c actor.Context, m removed) {
	switch {
	case m.life != a.life:
	case m.err != nil:
		a.log().Warn("the container could not be removed; it is tried again", zap.Error(m.err))
		a.ending = stopped{number: m.number}
		a.tryAgain(c, removing, m.err)
	default:
		a.log().Info("the container was removed")
		a.tell(c, Removed{m.number})
	}
}
