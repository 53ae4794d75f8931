package enginetest

import (
	"context"
	"time"

	"galaxy/backend/galaxy"
)

// watcher is one Watch, with what it has yet to tell.
type watcher struct {
	waiting []galaxy.ContainerEvent
	broken  bool
	wake    chan struct{}
}

// Watch tells of what happens to engines, until ctx is done or the daemon is away.
func (e *Engines) Watch(ctx context.Context, tell func(galaxy.ContainerEvent)) error {
	w := &watcher{wake: make(chan struct{}, 1)}
	e.mu.Lock()
	w.broken = e.away
	e.watchers[w] = struct{}{}
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.watchers, w)
	}()
	for {
		e.mu.Lock()
		waiting, broken := w.waiting, w.broken
		w.waiting = nil
		e.mu.Unlock()
		for _, event := range waiting {
			tell(event)
		}
		if broken {
			return galaxy.ErrDriverUnknown
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		}
	}
}

// Watched gives how many Watches are under way.
func (e *Engines) Watched() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.watchers)
}

// tell needs mu. What happens while the daemon is away nobody hears of.
func (e *Engines) tell(event galaxy.ContainerEvent) {
	event.At = time.Now().UTC()
	for w := range e.watchers {
		if !w.broken {
			w.waiting = append(w.waiting, event)
			w.notify()
		}
	}
}

// breakOff needs mu.
func (e *Engines) breakOff() {
	for w := range e.watchers {
		w.broken = true
		w.notify()
	}
}

func (w *watcher) notify() {
	select {
	case w.wake <- struct{}{}:
	default: // it is awake
	}
}
