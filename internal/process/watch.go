package process

import (
	"context"
	"time"

	"galaxy/backend/galaxy"
)

// polled is how often adopted processes are looked at: another's child cannot be waited for.
const polled = time.Second

// watcher is one Watch. What is told of waits in it, so that nobody waits for who is told.
type watcher struct {
	waiting []galaxy.ContainerEvent
	wake    chan struct{}
}

// Watch tells of engines that start, end and are removed, until ctx is done. How an adopted one has ended is not known. It
// tells of all that happens after it was called: who looks at all engines once it is called, and not before, misses nothing.
func (d *Driver) Watch(ctx context.Context, tell func(galaxy.ContainerEvent)) error {
	w := &watcher{wake: make(chan struct{}, 1)}
	d.mu.Lock()
	d.watchers[w] = struct{}{}
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.watchers, w)
	}()
	// Looking at an engine is what adopts it.
	if _, err := d.List(ctx); err != nil {
		return lacking(err)
	}
	tick := time.NewTicker(polled)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
			for _, e := range d.take(w) {
				tell(e)
			}
		case <-tick.C:
			d.poll()
		}
	}
}

func (d *Driver) take(w *watcher) []galaxy.ContainerEvent {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := w.waiting
	w.waiting = nil
	return out
}

// tell needs mu.
func (d *Driver) tell(e galaxy.ContainerEvent) {
	for w := range d.watchers {
		w.waiting = append(w.waiting, e)
		select {
		case w.wake <- struct{}{}:
		default: // it is awake
		}
	}
}

// poll looks whether adopted processes still live.
func (d *Driver) poll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for game, l := range d.adopted {
		if now, err := born(l.pid); err == nil { // else nothing is known
			d.observe(game, l, now == l.born)
		}
	}
}

// observe needs mu. It keeps in mind which adopted processes live, and tells once of the end of each.
func (d *Driver) observe(game galaxy.GameID, l life, alive bool) {
	before, known := d.adopted[game]
	if known && (before != l || !alive) {
		delete(d.adopted, game)
		d.tell(galaxy.ContainerEvent{Game: game, Kind: galaxy.ContainerDied, At: time.Now().UTC()})
	}
	if alive {
		d.adopted[game] = l
	}
}
