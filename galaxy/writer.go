package galaxy

import (
	"github.com/Masterminds/semver/v3"
)

// OlderEngine reports whether an engine version is older than another. One that cannot be compared is not, and build
// metadata makes no version older or newer.
func OlderEngine(version, than string) bool {
	v, err1 := semver.StrictNewVersion(version)
	t, err2 := semver.StrictNewVersion(than)
	return err1 == nil && err2 == nil && v.LessThan(t)
}

// ErrOlderEngine refuses to start an engine on a state that a newer one has written.
func ErrOlderEngine(version, writer string) *Error {
	return Errorf(Conflict, "engine %s has written the game's state last, and the older %s is never started on it: "+
		"force-stop the game, set target_engine_version to %s or a later version, and resume it; to go back, put a copy of "+
		"the older state in place first, and send state_restored with the older target_engine_version",
		writer, version, writer)
}

// LastWriter is the engine that has written the game's state last. This is the one rule about versions: no road to a
// start goes below it.
func (r Runtime) LastWriter() Pin {
	if r.Writer != nil {
		return *r.Writer
	}
	return r.Pin
}

// choose pins the game to an engine for its next start. The state is still that of the last writer, until an engine of
// the new pin is known to have been started: when none could be, the game can go back.
func (r *Runtime) choose(p Pin) {
	w := r.LastWriter()
	r.Pin, r.Writer = p, nil
	if w != p && w.EngineVersion != "" {
		r.Writer = &w
	}
}

// overtaken reports whether an engine newer than the pin has written the state, so that the pin cannot be started.
func (r Runtime) overtaken() bool {
	return r.Writer != nil && OlderEngine(r.EngineVersion, r.Writer.EngineVersion)
}

// Relines reports whether a resume chooses the engine anew: no engine of the pin runs, or ever did, and
// target_engine_version names a later version than the last writer. A target that is older was overtaken by a patch,
// and counts for nothing.
func (g Game) Relines() bool {
	r, w := g.Runtime, g.Runtime.LastWriter()
	if g.TargetVersion == "" || r.Status != RuntimeStopped && r.Status != RuntimeRemoved && r.Writer == nil {
		return false
	}
	if g.TargetVersion == w.EngineVersion {
		// An operator has named it, or somebody else has started it: the registry knows its image.
		return r.Writer != nil && (w.ImageRef == "" || r.overtaken())
	}
	return !OlderEngine(g.TargetVersion, w.EngineVersion)
}

// resumeOn gives the engine that a resume starts. line is what target_engine_version names in the registry, when the
// game Relines. Otherwise that is the last writer, whatever became of its entry in the registry since.
func (g Game) resumeOn(line *EngineVersion) (Pin, error) {
	r, w := g.Runtime, g.Runtime.LastWriter()
	switch {
	case line != nil && g.Relines():
		if OlderEngine(line.Version, w.EngineVersion) {
			return Pin{}, ErrOlderEngine(line.Version, w.EngineVersion)
		}
		return *line.pin(), nil
	case r.overtaken():
		return Pin{}, ErrOlderEngine(r.EngineVersion, w.EngineVersion)
	case w.ImageRef == "":
		return r.Pin, nil
	}
	return w, nil
}

// retarget decides on an edit of target_engine_version: never below the last writer, unless an operator has put back a
// state that the older version has written. Then the container goes, for its label names an engine that has not written
// that state.
func (c *GameChange) retarget(e GameEdit, by By) error {
	r := &c.Next.Runtime
	restored := e.StateRestored != nil && *e.StateRestored
	_, player := by.UserID()
	switch w := r.LastWriter(); {
	case restored && player:
		return Errorf(Forbidden, "only an operator can say that the state was put back")
	case restored && (e.TargetVersion == nil || *e.TargetVersion == ""):
		return Errorf(InvalidRequest, "state_restored needs target_engine_version: the version that wrote that state")
	case restored:
		before, after := map[string]any{"version": w.EngineVersion}, map[string]any{"version": *e.TargetVersion}
		c.audit(by, "runtime.state_restored", before, after)
		r.Writer = &Pin{EngineVersion: *e.TargetVersion}
		if r.Status != RuntimeRemoved {
			r.begin(r.carrying(OpRemove), by)
		}
	case e.TargetVersion != nil && OlderEngine(*e.TargetVersion, w.EngineVersion):
		return ErrOlderEngine(*e.TargetVersion, w.EngineVersion)
	}
	return nil
}

// Found records what a container shows about the state: an engine of its version has been started on it. It is decided on
// after a start that failed and after a stop, when nobody may be left who has seen the engine start.
func (g Game) Found(there Container, by By) GameChange {
	r, w := g.Runtime, g.Runtime.LastWriter()
	version := there.Version
	patching := r.Op != nil && r.Op.Kind == OpPatch // what that has started, its end tells
	if there.State == ContainerMissing || version == "" || version == w.EngineVersion || patching {
		return GameChange{}
	}
	c := g.change(by, "runtime.state_written")
	c.Audit[0].Before, c.Audit[0].After = map[string]any{"version": w.EngineVersion}, map[string]any{"version": version}
	n := &c.Next.Runtime
	switch {
	case r.Writer != nil && version == r.EngineVersion && (!r.overtaken() || r.Turn == NoTurn):
		n.Writer = nil
	case r.Patch != nil && version == r.Patch.EngineVersion:
		n.Pin, n.Patch, n.Writer = *r.Patch, nil, nil
	case w.EngineVersion == "" || OlderEngine(w.EngineVersion, version): // nobody here has started it
		n.Writer = &Pin{EngineVersion: version, ImageRef: there.ImageRef}
	default:
		return GameChange{}
	}
	return c
}

// PatchStays is PatchFailed for a patch that cannot be rolled back: the newer engine was started, and the state of
// before could not be restored. The game stays on the newer version, for the older one is never started on what that
// may have written.
func (g Game) PatchStays(number int64, cause string, by By) GameChange {
	c := g.PatchFailed(number, cause, by)
	if c.Nothing() {
		return c
	}
	to := *g.Runtime.Patch
	reason := "the patch to " + to.EngineVersion + " failed and could not be rolled back; the game stays on " +
		to.EngineVersion + ": " + cause
	n := &c.Next.Runtime
	n.Pin, n.Writer = to, nil
	n.Failure = &Failure{At: by.At, Cause: reason}
	n.note(WhyRestarting, reason, by)
	for i := range c.Notices {
		c.Notices[i].Payload.Reason = reason
	}
	return c
}

// leavePatch ends a patch of which nobody knows how far it got: the newer engine may have written the state.
func (r *Runtime) leavePatch() {
	r.keepCopy()
	if r.Patch != nil && r.Op != nil && r.Op.Kind == OpPatch {
		r.Pin, r.Writer = *r.Patch, nil
	}
	r.Patch = nil
}

// LineCopy names the copy of the state that is made before the engine of another version is first started on it; empty
// when none is. It is kept until that engine has shown the recorded state.
func (g Game) LineCopy() string {
	r := g.Runtime
	if r.Op == nil || r.Writer == nil || r.Turn == NoTurn || r.Writer.EngineVersion == r.EngineVersion {
		return ""
	}
	return r.Op.lineLabel()
}
