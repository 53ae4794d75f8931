package kit

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Batch collects what it is told by key and stores it now and then, many keys at once. What could not be stored waits
// for the next time; at a stop it is stored first. A crash loses at most one interval.
type Batch[K comparable, V any] struct {
	Name     string
	Interval time.Duration
	// Merge joins what is told with what waits under its key.
	Merge func(waiting, told V) V
	// Store stores everything that waits.
	Store func(ctx context.Context, all map[K]V) error
	// Failed is told of what could not be stored.
	Failed func(err error, waiting int)
}

// Put tells a Batch something.
type Put[K comparable, V any] struct {
	Key   K
	Value V
}

type batch[K comparable, V any] struct {
	Batch[K, V]
	waiting map[K]V
	timers  Timers
}

// Start starts the actor that collects.
func (b Batch[K, V]) Start(sys *System, strategy actor.SupervisorStrategy) (Ref, error) {
	waiting := map[K]V{} // outlives a restart
	return sys.Spawn(b.Name, sys.Props(func() actor.Actor { return &batch[K, V]{Batch: b, waiting: waiting} }, Kind(b.Name)), strategy)
}

const flush = "flush"

// storeTimeout bounds the last store of a batch that stops.
const storeTimeout = 5 * time.Second

func (b *batch[K, V]) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		if len(b.waiting) > 0 {
			b.timers.Start(c, flush, b.Interval)
		}
	case Put[K, V]:
		b.put(c, m)
	case Tick:
		if b.timers.Fired(m) {
			b.flush()
			if len(b.waiting) > 0 {
				b.timers.Start(c, flush, b.Interval)
			}
		}
	case *actor.Stopping:
		b.timers.CancelAll()
		b.flush()
	case *actor.Restarting:
		b.timers.CancelAll()
	}
}

func (b *batch[K, V]) put(c actor.Context, m Put[K, V]) {
	if waiting, ok := b.waiting[m.Key]; ok {
		m.Value = b.Merge(waiting, m.Value)
	}
	b.waiting[m.Key] = m.Value
	if !b.timers.Running(flush) {
		b.timers.Start(c, flush, b.Interval)
	}
}

func (b *batch[K, V]) flush() {
	if len(b.waiting) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if err := b.Store(ctx, b.waiting); err != nil {
		b.Failed(err, len(b.waiting))
		return
	}
	clear(b.waiting)
}
