package docker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"galaxy/backend/galaxy"
)

// kinds are the daemon's words for what we tell of.
var kinds = map[events.Action]galaxy.ContainerEventKind{
	events.ActionStart:   galaxy.ContainerStarted,
	events.ActionDie:     galaxy.ContainerDied,
	events.ActionOOM:     galaxy.ContainerOOM,
	events.ActionDestroy: galaxy.ContainerDestroyed,
}

// Watch tells of what happens to containers of ours, of our stack only when there is one, until ctx is done. It fails with
// galaxy.ErrDriverUnknown when the daemon's stream breaks, and when the daemon does not answer, which a stream without
// events would not show. It tells of all that happens after it was called: who looks at all containers once it is called,
// and not before, misses nothing.
func (d *Driver) Watch(ctx context.Context, tell func(galaxy.ContainerEvent)) error {
	err := d.watch(ctx, tell)
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("watch containers: %w", unknown(err))
}

func (d *Driver) watch(ctx context.Context, tell func(galaxy.ContainerEvent)) error {
	since := time.Now()
	if err := d.Ping(ctx); err != nil {
		return err
	}
	api := d.daemon()
	ctx, h := listen(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The stream may last for ever, but it has to begin in time.
	begun := time.AfterFunc(d.conf.CallTimeout, cancel)
	filters := d.filters().Add("type", string(events.ContainerEventType))
	for action := range kinds {
		filters = filters.Add("event", string(action))
	}
	stream := api.Events(ctx, client.EventsListOptions{Since: fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond()), Filters: filters})
	begun.Stop()
	pulse := time.NewTicker(d.conf.CallTimeout)
	defer pulse.Stop()
	for {
		select {
		case m := <-stream.Messages:
			if e, ok := event(m); ok {
				tell(e)
			}
		case err := <-stream.Err:
			if d.verdict(ctx, askLook, api, h, err) == outdated {
				err = errors.Join(err, d.forget(api)) // the next watch agrees on a version anew
			}
			return h.unusable(err)
		case <-pulse.C:
			if err := d.Ping(ctx); err != nil {
				return err
			}
		}
	}
}

// event reads one of the daemon's; what is of no game is left out.
func event(m events.Message) (galaxy.ContainerEvent, bool) {
	id, err := uuid.Parse(m.Actor.Attributes[labelGame])
	kind, known := kinds[m.Action]
	if err != nil || !known {
		return galaxy.ContainerEvent{}, false
	}
	e := galaxy.ContainerEvent{Game: galaxy.GameID{UUID: id}, Kind: kind, At: time.Unix(0, m.TimeNano).UTC()}
	if kind == galaxy.ContainerDied {
		e.ExitCode, err = strconv.Atoi(m.Actor.Attributes["exitCode"])
		e.ExitKnown = err == nil
	}
	return e, true
}
