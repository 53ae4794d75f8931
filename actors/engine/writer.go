package engine

import (
	"context"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/galaxy"
)

// of reports whether there is a container of a pin's version, so that an engine of it may have been started on the
// state.
func of(there galaxy.Container, p galaxy.Pin) bool {
	return there.State != galaxy.ContainerMissing && there.Version == p.EngineVersion
}

// admit keeps an engine from being started on the state of a newer one. Two things tell what has written the state: the
// record, and the container that is there, which somebody else may have started. The state of a game that was never
// played is set aside instead. Before an engine of another version is first started on a state, the state is copied.
func (a *driver) admit(ctx context.Context, l lasting, before galaxy.Container) error {
	writer := a.Writer
	if before.State != galaxy.ContainerMissing && (writer == "" || galaxy.OlderEngine(writer, before.Version)) {
		writer = before.Version
	}
	older := galaxy.OlderEngine(l.pin.EngineVersion, writer)
	switch {
	case older && l.ran:
		return galaxy.ErrOlderEngine(l.pin.EngineVersion, writer).Because(galaxy.ErrStartConfig)
	case of(before, l.pin): // what is to be done before its first start is done
	case older:
		a.log().Warn("a newer engine has written the state of a game that was never played: it is set aside",
			zap.String("version", writer))
		return a.op(ctx, "set_aside", a.worker(ctx, l.since, func() error {
			return a.Containers.SetAside(ctx, a.Game, a.Config.StopGrace)
		}))
	case a.Copy != "":
		return a.copyFirst(ctx, l)
	}
	return nil
}

// overtaken gives why a patch is rolled back before it has begun: somebody has started an engine on the state that is
// newer than the one that the patch leads to.
func (a *driver) overtaken(ctx context.Context, p Patch) (back string, err error) {
	there, err := a.Containers.Inspect(ctx, a.Game)
	switch {
	case unsaid(ctx, err):
		return "", err
	case err != nil:
		return "the container could not be inspected", nil
	case there.State != galaxy.ContainerMissing && galaxy.OlderEngine(p.To.EngineVersion, there.Version):
		return "the container that is there is of engine " + there.Version + ", which is newer", nil
	}
	return "", nil
}

// copyFirst copies the state before an engine of another version changes it. It can be repeated: a copy that is there
// is the one of before.
func (a *driver) copyFirst(ctx context.Context, l lasting) error {
	if err := a.op(ctx, "stop", a.worker(ctx, l.since, a.stopFirst(ctx))); err != nil {
		return err
	}
	return a.op(ctx, "copy_state", a.worker(ctx, l.since, func() error {
		return a.Containers.CopyState(ctx, a.Game, a.Copy)
	}))
}

// takeAway removes the container of a version whose engine has not written the state: its label would say that it has.
func (a *driver) takeAway(ctx context.Context, p galaxy.Pin) error {
	there, err := a.Containers.Inspect(ctx, a.Game)
	if err != nil || !of(there, p) {
		return err
	}
	return a.container(ctx, "remove", func() error { return a.Containers.Remove(ctx, a.Game) })
}

// there gives the container that there is after a failure. When nobody can say, it is taken for one of p's: an engine
// that may have been started may have written the state.
func (a *driver) there(ctx context.Context, p galaxy.Pin) galaxy.Container {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Pace.Health)
	defer cancel()
	c, err := a.Containers.Inspect(ctx, a.Game)
	if err != nil {
		return galaxy.Container{Game: a.Game, State: galaxy.ContainerExited, Version: p.EngineVersion, ImageRef: p.ImageRef}
	}
	return c
}

// found tells the game of a container whose version is news to what has written the state.
func (a *driver) found(c actor.Context, there galaxy.Container) {
	if there.Version != "" && there.State != galaxy.ContainerMissing && there.Version != a.Writer {
		a.tell(c, Found{there})
	}
}
