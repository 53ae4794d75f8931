package game

import (
	"github.com/asynkron/protoactor-go/actor"

	"galaxy/backend/actors/engine"
	"galaxy/backend/galaxy"
)

// patchFailed is the fact of a patch that has failed.
func (t *table) patchFailed(c actor.Context, m engine.PatchFailed) fact {
	if m.Kept || m.Unread || m.Written {
		return plain("patch failed", func(g galaxy.Game, by galaxy.By) galaxy.GameChange {
			return g.PatchStuck(m.Number, m.Cause, m.Kept, m.Written, by)
		})
	}
	return plain("patch failed", func(g galaxy.Game, by galaxy.By) galaxy.GameChange {
		return g.PatchFailed(m.Number, m.Cause, by)
	}).then(func() { t.dropCopy(c, m.Number) })
}

// dropCopy gives up what a patch that is over has kept of the state.
func (t *table) dropCopy(c actor.Context, number int64) {
	if t.engine.pid != nil {
		t.engine.tell(c, engine.DropCopy{Label: galaxy.Operation{Number: number}.CopyLabel()})
	}
}

// dropLine gives up the copy of the state that was made before the engine of another version was first started on it,
// unless that engine shows another state: then the copy is what operators go back to.
func (t *table) dropLine(c actor.Context, label string) {
	if label != "" && t.engine.pid != nil && t.game != nil && !t.game.Runtime.Held() {
		t.engine.copied = ""
		t.engine.tell(c, engine.DropCopy{Label: label})
	}
}
