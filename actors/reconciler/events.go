package reconciler

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

const (
	century       = 100 * 365 * 24 * time.Hour
	lookUpTimeout = 5 * time.Second
)

// watch begins the stream of events. What happened before is found by a comparison that begins no sooner than the stream.
func (r *reconciler) watch(c actor.Context) {
	self, driver := kit.Self(c), r.Containers
	r.begun = r.Now()
	r.stream = begin(c, r.shared, century, func(ctx context.Context) (broken, error) {
		kit.Tell(self, watching{})
		return broken{}, driver.Watch(ctx, func(e galaxy.ContainerEvent) { kit.Tell(self, e) })
	})
}

func (r *reconciler) onBroken(c actor.Context, m done[broken]) {
	if !r.stream.over(m.number) {
		return
	}
	if r.Now().Sub(r.begun) > r.Rewatch.Max {
		r.breaks = 0
	}
	r.breaks++
	if r.breaks == 1 {
		r.Log.Warn("the events of containers do not come any more; they are asked for anew until they do", zap.Error(m.err))
	}
	r.timers.Start(c, rewatch, r.Rewatch.Wait(r.breaks))
}

// onEvent notes the end of a container.
func (r *reconciler) onEvent(c actor.Context, e galaxy.ContainerEvent) {
	switch e.Kind {
	case galaxy.ContainerDied, galaxy.ContainerOOM:
		r.ends[e.Game] = galaxy.ContainerExited
	case galaxy.ContainerDestroyed:
		r.ends[e.Game] = galaxy.ContainerMissing
	default:
		return
	}
	r.lookUp(c)
}

// lookUp finds out which of the games whose containers have ended are to hear of it: some may be of no game of ours, and the most
// are of games that have asked for it.
func (r *reconciler) lookUp(c actor.Context) {
	if r.looking.running() || len(r.ends) == 0 {
		return
	}
	ends, st := r.ends, r.Store
	r.ends = map[galaxy.GameID]galaxy.ContainerState{}
	r.looking = begin(c, r.shared, lookUpTimeout, func(ctx context.Context) (lookedUp, error) {
		var out lookedUp
		known, err := st.Runtimes(ctx, slices.Collect(maps.Keys(ends)))
		for id, status := range known {
			if state := ends[id]; status.Hears(state) {
				out.sightings = append(out.sightings, galaxy.Sighting{Game: id, State: state})
			}
		}
		return out, err
	})
}

func (r *reconciler) onLookedUp(c actor.Context, m done[lookedUp]) {
	if !r.looking.over(m.number) {
		return
	}
	if m.err != nil {
		r.Log.Warn("whose containers have ended could not be read; the games' own probes find out", zap.Error(m.err))
	} else {
		r.tell(m.v.sightings)
	}
	r.lookUp(c)
}

// tell tells games what was seen. One that should be looking after its engine is woken first, in case that it does not.
func (r *reconciler) tell(sightings []galaxy.Sighting) {
	for _, s := range sightings {
		if s.Wanted {
			r.Wake(s.Game)
		}
		r.Seen(s)
	}
}
