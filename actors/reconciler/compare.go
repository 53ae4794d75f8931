package reconciler

import (
	"context"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

const (
	compareTimeout = 2 * time.Minute
	cleanedUp      = 100 // games in one comparison; the rest comes with the next
)

// compare lists the containers and compares them with what is recorded.
func (r *reconciler) compare(c actor.Context) {
	if r.comparing.running() {
		r.again = true
		return
	}
	r.timers.Cancel(compare)
	r.comparing = begin(c, r.shared, compareTimeout, r.Deps.compare)
}

// compare runs outside of the mailbox.
func (d Deps) compare(ctx context.Context) (out compared, err error) {
	listed, err := d.Containers.List(ctx)
	if err != nil {
		return compared{}, err
	}
	recorded, err := d.recorded(ctx, listed)
	if err != nil {
		return compared{}, err
	}
	out.Comparison = recorded.Compare(listed, d.Now())
	if out.Unwanted, err = d.confirmed(ctx, out.Unwanted); err != nil {
		return compared{}, err
	}
	if out.Sightings, err = d.sure(ctx, out.Sightings); err != nil {
		return compared{}, err
	}
	out.ended, err = d.Store.EndedGames(ctx, d.Now().Add(-d.Config.Retention), cleanedUp)
	return out, err
}

func (d Deps) recorded(ctx context.Context, listed []galaxy.Container) (r galaxy.Recorded, err error) {
	ids := make([]galaxy.GameID, len(listed))
	for i, c := range listed {
		ids[i] = c.Game
	}
	if r.Statuses, err = d.Store.Runtimes(ctx, ids); err != nil {
		return r, err
	}
	if r.Live, err = d.Store.LiveGames(ctx); err != nil {
		return r, err
	}
	r.Resting, err = d.Store.RestingGames(ctx)
	return r, err
}

// confirmed looks once more at containers whose games want none: they may have been stopped after the list was made, and
// before the rows were read.
func (d Deps) confirmed(ctx context.Context, found []galaxy.Container) (out []galaxy.Container, err error) {
	for _, c := range found {
		if c, err = d.Containers.Inspect(ctx, c.Game); err != nil {
			return nil, err
		}
		if c.State == galaxy.ContainerRunning && !c.Settling(d.Now()) {
			out = append(out, c)
		}
	}
	return out, nil
}

// sure looks once more for containers that nobody wants and that seem to be gone: they may have been made, and stopped, after the
// list was made and before the rows were read.
func (d Deps) sure(ctx context.Context, seen []galaxy.Sighting) (out []galaxy.Sighting, err error) {
	for _, s := range seen {
		if s.State == galaxy.ContainerMissing && !s.Wanted {
			now, err := d.Containers.Inspect(ctx, s.Game)
			if err != nil {
				return nil, err
			}
			if now.State != galaxy.ContainerMissing {
				continue
			}
		}
		out = append(out, s)
	}
	return out, nil
}

func (r *reconciler) onCompared(c actor.Context, m done[compared]) {
	if !r.comparing.over(m.number) {
		return
	}
	if m.err != nil {
		r.fail(c, m.err)
	} else {
		r.adopt(c, m.v)
	}
	if r.again {
		r.again = false
		r.compare(c)
		return
	}
	r.timers.Start(c, compare, r.Config.Interval)
}

// fail concludes nothing.
func (r *reconciler) fail(c actor.Context, err error) {
	if !r.away {
		r.Log.Warn("containers cannot be compared with what is recorded; nothing is concluded until they can", zap.Error(err))
	}
	r.away = true
	r.askers.Refuse(c, answerable(err))
}

func (r *reconciler) adopt(c actor.Context, m compared) {
	if r.away {
		r.Log.Info("containers are compared with what is recorded again")
	}
	r.away, r.complete = false, true
	r.keepOrphans(c, m.Orphans)
	r.tell(m.Sightings)
	for _, c := range m.Unwanted {
		r.Adopt(c)
	}
	for _, id := range m.ended {
		r.CleanUp(id)
	}
	r.askers.Release(c)
}

// keepOrphans remembers since when each is known, and says once of each that it has appeared.
func (r *reconciler) keepOrphans(c actor.Context, found []galaxy.Orphan) {
	for i, o := range found {
		known := slices.IndexFunc(r.orphans, func(k galaxy.Orphan) bool {
			return k.Container.Game == o.Container.Game && k.Container.ID == o.Container.ID && k.Reason == o.Reason
		})
		if known >= 0 {
			found[i].Since = r.orphans[known].Since
			continue
		}
		r.Log.Warn("there is a container of no game; it is left alone", zap.Stringer("game_id", o.Container.Game), zap.String("container", o.Container.ID),
			zap.String("state", string(o.Container.State)), zap.String("reason", o.Reason))
	}
	r.orphans = found
	r.orphaned.Record(kit.TraceContext(c), int64(len(found)))
}

func (r *reconciler) onOrphans(c actor.Context) {
	if r.complete {
		kit.Reply(c, slices.Clone(r.orphans), nil)
		return
	}
	r.askers.Add(c)
	if r.timers.Running(compare) { // else one is under way, or begins with the stream of events
		r.compare(c)
	}
}
