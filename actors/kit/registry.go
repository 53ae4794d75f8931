package kit

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Stat is what operators see of an actor: neither what it holds nor what it was sent.
type Stat struct {
	Kind     string
	ID       string // its path in the tree
	State    State
	Depth    int // messages that wait
	Restarts int
	Born     time.Time
	Failure  *Failure // the last one
}

// State is what an actor does.
type State string

// The states of an actor: one that is restarting waits, after a failure, for its supervisor.
const (
	StateRunning    State = "running"
	StateRestarting State = "restarting"
)

// Failure is why an actor was restarted. The whole story is in the log.
type Failure struct {
	At      time.Time
	Message string // the type of the message that it failed on
	Cause   string // what a Fault says; else the type of the panic's value, or the words of the Go runtime

	of      *mailbox
	fault   *Fault        // of a failure on purpose
	elapsed time.Duration // when it was, as the system's clock counts
	earlier *Failure      // the one before, as long as it matters; touched by supervision only
}

// recent counts this failure and those that came less than within before it, and forgets the others. Zero counts all.
func (f *Failure) recent(within time.Duration) (n int) {
	for last := f; last != nil; last = last.earlier {
		n++
		if e := last.earlier; e != nil && within != 0 && f.elapsed-e.elapsed >= within {
			last.earlier = nil
		}
	}
	return n
}

func failureOf(reason, msg any, clock Clock, earlier *Failure) *Failure {
	if env, ok := msg.(*actor.MessageEnvelope); ok {
		msg = env.Message
	}
	switch m := msg.(type) {
	case *carried:
		msg = m.message
	case routed:
		msg = m.message
	}
	f := &Failure{At: clock.Now().UTC(), elapsed: clock.Elapsed(), earlier: earlier, Message: fmt.Sprintf("%T", msg), Cause: fmt.Sprintf("%T", reason)}
	switch r := reason.(type) {
	case *Fault:
		f.fault, f.Cause = r, r.What
	case runtime.Error:
		f.Cause = r.Error()
	}
	return f
}

// registry knows the mailboxes of what runs.
type registry struct {
	mu  sync.Mutex
	all map[*mailbox]struct{}
}

func (r *registry) add(m *mailbox) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[*mailbox]struct{}{}
	}
	r.all[m] = struct{}{}
}

func (r *registry) remove(m *mailbox) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, m)
}

// Stats gives every actor that runs, ordered by its path.
func (s *System) Stats() []Stat {
	s.running.mu.Lock()
	all := make([]*mailbox, 0, len(s.running.all))
	for m := range s.running.all {
		all = append(all, m)
	}
	s.running.mu.Unlock()
	stats := make([]Stat, 0, len(all))
	for _, m := range all {
		if c, ok := m.invoker.(actor.Context); ok {
			stats = append(stats, m.stat(c.Self().Id))
		}
	}
	slices.SortFunc(stats, func(a, b Stat) int { return cmp.Compare(a.ID, b.ID) })
	return stats
}

func (m *mailbox) stat(id string) Stat {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Stat{Kind: m.kind, ID: id, State: StateRunning, Depth: m.userq.len(), Restarts: int(m.restarts), Born: time.Unix(0, m.born).UTC(), Failure: m.failure}
	if m.suspended {
		s.State = StateRestarting
	}
	return s
}
