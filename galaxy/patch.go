package galaxy

import (
	"strconv"

	"github.com/Masterminds/semver/v3"
)

// Restart ends the game's engine in order and starts it again on the same version. That of a game that is over is started when
// its last reports are missing.
func (g Game) Restart(by By) (GameChange, error) {
	if g.Runtime.Why == WhyReports {
		return g.readAgain(by), nil
	}
	if err := g.canHandle("be restarted"); err != nil {
		return GameChange{}, err
	}
	c := g.handle(OpRestart, "game.restart", by)
	c.Next.Runtime.note(WhyRestarting, "the engine is being restarted by an operator", by)
	return c, nil
}

// Patch moves the game to a higher patch of the version line that it is on. The state is copied first; when the new engine is not
// healthy, or shows another state, copy and version are taken back.
func (g Game) Patch(to EngineVersion, by By) (GameChange, error) {
	if err := g.canHandle("be patched"); err != nil {
		return GameChange{}, err
	}
	if err := patches(g.Runtime.EngineVersion, to.Version); err != nil {
		return GameChange{}, err
	}
	c := g.handle(OpPatch, "game.patch", by)
	c.Audit[0].Before, c.Audit[0].After = map[string]any{"version": g.Runtime.EngineVersion}, map[string]any{"version": to.Version}
	c.Next.Runtime.Patch = to.pin()
	c.Next.Runtime.note(WhyPatching, c.Next.Runtime.patching(), by)
	return c, nil
}

// patches refuses a version that is no higher patch of the line of another.
func patches(from, to string) error {
	old, err := semver.StrictNewVersion(from)
	if err != nil {
		return Errorf(Conflict, "the game runs on a version that cannot be compared: %s", from)
	}
	next, err := semver.StrictNewVersion(to)
	if err != nil {
		return Errorf(InvalidRequest, "version must be a semantic version such as 1.4.2")
	}
	if next.Major() != old.Major() || next.Minor() != old.Minor() || !next.GreaterThan(old) {
		return Errorf(PatchOnly, "a running game is moved to a higher patch of %d.%d only; for another line stop it, set target_engine_version, and resume it", old.Major(), old.Minor())
	}
	return nil
}

// canHandle refuses to touch the life of an engine that is busy, or of which nobody knows what it holds.
func (g Game) canHandle(do string) error {
	r := g.Runtime
	switch {
	case g.Status != Running && g.Status != Paused:
		return g.cannot(do)
	case r.Op != nil && (r.Op.Kind != OpTurn || g.Status != Paused || r.Status == RuntimeGenerating):
		return g.busy() // but a turn that nobody makes, because its engine dies of it, is what a restart or a patch may help
	case r.Held():
		return Errorf(Conflict, "the game is held: its engine shows another state than was recorded; resume it to have it looked at again")
	case r.Status == RuntimeStopped || r.Status == RuntimeRemoved:
		return Errorf(Conflict, "the engine is stopped: resume the game to start it")
	case r.overtaken():
		return ErrOlderEngine(r.EngineVersion, r.Writer.EngineVersion)
	}
	return nil
}

// handle begins an operation that keeps orders from being given while it lasts.
func (g Game) handle(kind OperationKind, action string, by By) GameChange {
	c := g.change(by, action)
	r := &c.Next.Runtime
	r.begin(r.carrying(kind), by)
	r.Status = RuntimeStarting
	r.close(by)
	return c
}

// close notes that no orders can be given from now on.
func (r *Runtime) close(by By) {
	if r.ClosedSince == nil {
		at := by.At
		r.ClosedSince = &at
	}
}

// patching tells of a patch that is open.
func (r Runtime) patching() string {
	return "the engine is being patched from " + r.EngineVersion + " to " + r.Patch.EngineVersion
}

// CopyLabel names the copy of the state that an open patch goes back to.
func (o Operation) CopyLabel() string { return patchLabel + strconv.FormatInt(o.Number, 10) }

// lineLabel names the copy of the state that is made before the engine of another version is first started on it.
func (o Operation) lineLabel() string { return "line-" + strconv.FormatInt(o.Number, 10) }

// Patched pins the game to the version that it was patched to: the new engine is healthy and shows the same turn and digest.
func (g Game) Patched(number int64, by By) GameChange {
	r := g.Runtime
	if r.Op == nil || r.Op.Kind != OpPatch || r.Op.Number != number || r.Patch == nil {
		return GameChange{}
	}
	c := g.change(by, "runtime.patched")
	n := &c.Next.Runtime
	n.Pin, n.Patch, n.Writer = *r.Patch, nil, nil
	if c.Next.TargetVersion != "" { // which the patch has overtaken
		c.Next.TargetVersion = n.EngineVersion
	}
	n.reopen()
	n.note(WhyRestarting, "the engine was patched to "+n.EngineVersion, by)
	return c
}

// PatchFailed records that a patch was taken back: the state is that of before, and so is the version.
func (g Game) PatchFailed(number int64, cause string, by By) GameChange {
	r := g.Runtime
	if r.Op == nil || r.Op.Kind != OpPatch || r.Op.Number != number || r.Patch == nil {
		return GameChange{}
	}
	c := g.change(by, "runtime.patch_failed")
	c.Audit[0].After = map[string]any{"version": r.Patch.EngineVersion, "cause": cause}
	reason := "the patch to " + r.Patch.EngineVersion + " was taken back: " + cause
	n := &c.Next.Runtime
	n.Patch = nil
	n.reopen()
	n.Failure = &Failure{At: by.At, Cause: reason}
	n.note(WhyRestarting, reason, by)
	c.alert(ContainerStartFailed, c.Next.ID.String()+":"+strconv.FormatInt(number, 10), by, Payload{Reason: reason})
	return c
}

// CleanUp takes the container of a game away that has been over for long enough. The state directory is kept, and a game that
// was played to its end must have all its reports stored.
func (g Game) CleanUp(by By) GameChange {
	r := g.Runtime
	_, reports := g.ReportsWanted()
	if !g.over() || r.Op != nil || r.Status == RuntimeNone || r.Status == RuntimeRemoved || g.Status == Finished && reports {
		return GameChange{}
	}
	c := g.change(by, "runtime.clean_up")
	c.Next.Runtime.begin(Operation{Kind: OpRemove}, by)
	return c
}

// Removed records that the container of operation number is gone.
func (g Game) Removed(number int64, by By) GameChange {
	op := g.Runtime.Op
	if op == nil || op.Kind != OpRemove || op.Number != number {
		return GameChange{}
	}
	c := g.change(by, "runtime.removed")
	n := &c.Next.Runtime
	n.Status = RuntimeRemoved
	n.reopen()
	switch {
	case g.over():
		n.note(WhyRemoved, "the game is over and its container was taken away; its state is kept", by)
	case n.Why == WhyDriverUnknown: // the daemon has done it
		n.note(g.stops(by))
	}
	return c
}

// ContainerMissing records that the container of a game that has no use for one was taken away by somebody else.
func (g Game) ContainerMissing(by By) GameChange {
	r := g.Runtime
	if r.Op != nil || r.Status != RuntimeStopped && r.Status != RuntimeUnreachable && r.Status != RuntimeFinished || g.Wanted() {
		return GameChange{}
	}
	c := g.change(by, "runtime.container_missing")
	c.Next.Runtime.Status = RuntimeRemoved
	return c
}
