package kit

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// pool hands every message to each of its workers.
type pool struct {
	n       int
	worker  func(slot int) *actor.Props
	workers []*actor.PID
}

// NewPool starts n equal workers behind one address: what is sent there, usually a wake-up, goes to each of them.
// When the pool is stopped a worker still ends what it has in hand. Workers that fail are met with strategy.
func NewPool(s *System, name string, n int, worker func(slot int) *actor.Props, strategy actor.SupervisorStrategy) (Ref, error) {
	return s.Spawn(name, s.Props(func() actor.Actor { return &pool{n: n, worker: worker} }, Supervise(strategy), Kind(name)), strategy)
}

func (p *pool) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		for slot := range p.n {
			pid, err := c.SpawnNamed(p.worker(slot), fmt.Sprint(slot))
			if err != nil {
				panic(fmt.Errorf("spawn worker %d: %w", slot, err))
			}
			p.workers = append(p.workers, pid)
		}
	case actor.AutoReceiveMessage, actor.SystemMessage:
	default:
		for _, w := range p.workers {
			c.Send(w, m)
		}
	}
}
