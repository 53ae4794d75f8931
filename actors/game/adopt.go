package game

import (
	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/galaxy"
)

// onAdopt has the game take over a running container that nobody here has started, if it has no use for an engine.
//
// A comparison that was made before the container was stopped may arrive after that: what runs since the same moment is
// adopted once.
func (t *table) onAdopt(c actor.Context, m Adopt) {
	use := adopted{m.Container.ID, m.Container.StartedAt.UnixNano()}
	if t.adopted == use {
		return
	}
	t.learn(c, plain("adopt", func(g galaxy.Game, by galaxy.By) galaxy.GameChange {
		change := g.Adopt(m.Container, by)
		if !change.Nothing() {
			t.log().Warn("a container runs although its game wants no engine: it is adopted, and stopped",
				zap.String("container", m.Container.ID), zap.String("version", m.Container.Version))
			t.adopted = use
		}
		return change
	}))
}

// adopted names one use of a container, from its start to its end.
type adopted struct {
	container string
	since     int64 // Unix nanoseconds
}
