package engine

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
)

// progress is how far a patch has come, as far as this use of the engine knows.
type progress struct {
	stopped bool // the engine of before was stopped
	copied  bool // and its state was copied
}

// copyFate is what is known of the copy that a patch has made of the state.
type copyFate int

const (
	copyNone   copyFate = iota // there is none
	copyKept                   // it is there
	copyUnread                 // whether it is there could not be read
)

// keeps looks whether there is a copy. It has a time of its own: that of the patch may be over.
func (a *driver) keeps(ctx context.Context, p Patch) copyFate {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Pace.Health)
	defer cancel()
	there, err := a.Containers.Copied(ctx, a.Game, p.Label)
	switch {
	case err != nil:
		a.log().Warn("whether there is a copy of the state could not be read", zap.String("label", p.Label), zap.Error(err))
		return copyUnread
	case there:
		return copyKept
	}
	return copyNone
}

// stuck describes a patch that could not be rolled back, and what is left of the state of before.
func (a *driver) stuck(m patched) PatchFailed {
	p := a.lasting.patch
	said := PatchFailed{Number: p.Number, Kept: m.kept == copyKept, Unread: m.kept == copyUnread,
		Cause: m.back + "; the state of before could not be put back", Written: of(m.there, p.To)}
	switch {
	case errors.Is(m.err, errNoState):
		said.Cause += ": its copy is gone"
	case m.kept == copyUnread:
		said.Cause += ", and whether its copy is there could not be read"
	case m.kept == copyNone: // only the engine of before has written the state, or the copy is in its place again
		said.Cause = m.back + "; the state is that of before, and no copy is left"
	}
	a.log().Error("a patch cannot be rolled back", zap.String("label", p.Label), zap.String("cause", said.Cause),
		zap.Bool("copy_kept", said.Kept), zap.Error(m.err))
	return said
}

// daemonAway reports whether err says that the container daemon does not answer.
func daemonAway(err error) bool {
	return errors.Is(err, galaxy.ErrDriverUnknown) && !errors.Is(err, errNotServing)
}

// untouched reports whether the engine of before still serves what is recorded. Then the patch has not begun, and
// need not wait for a daemon that hangs: the game keeps the engine that it has. A stop that the daemon was
// asked for may still be obeyed; then the engine ends, its state untouched, and is started again as after any end.
func (a *driver) untouched(ctx context.Context, p Patch) bool {
	if a.Address == "" || a.Client.Healthz(ctx, a.Address) != nil {
		return false
	}
	s, err := a.Client.Status(ctx, a.Address)
	return err == nil && s.Game == a.Game && s.Turn == p.Turn && galaxy.SameDigest(s.Digest, p.Digest) &&
		s.EngineVersion != p.To.EngineVersion && s.State != engineapi.StateGenerating
}

// untouchedAgain gives a patch up that has not begun.
func (a *driver) untouchedAgain(c actor.Context, number int64) {
	const cause = "the container daemon does not answer; the engine was not touched"
	a.log().Error("a patch was given up before it began", zap.String("version", a.lasting.patch.To.EngineVersion),
		zap.String("cause", cause))
	a.tell(c, PatchFailed{Number: number, Cause: cause})
	a.lasting.patch = nil
	a.address, a.up = a.Address, true // where it is asked: the daemon is not needed for that
	a.bringUp(c)
}

// outOfTime gives why a patch is rolled back: also because the daemon has not answered for as long as a start may
// take. It is rolled back when the daemon answers again.
func (a *driver) outOfTime(c actor.Context, m patched) string {
	switch {
	case m.err == nil || m.back != "" || !daemonAway(m.err):
		a.silent = time.Time{}
		return m.back
	case a.silent.IsZero():
		a.silent = kit.Now(c)
	case kit.Now(c).Sub(a.silent) > a.Config.StartTimeout:
		return "the container daemon did not answer in time"
	}
	return ""
}
