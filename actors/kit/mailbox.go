package kit

import (
	"runtime"
	"slices"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// mailbox is an actor's queue. It differs from protoactor's in what happens to an ask that cannot be served: it is
// answered, at once. Everything else (tells, ticks, results of jobs) always gets in, since dropping one could lose
// a turn.
type mailbox struct {
	system *System
	*options

	invoker    actor.MessageInvoker
	dispatcher actor.Dispatcher
	process    actor.Process // the actor's own entry in the registry

	mu        sync.Mutex
	sysq      fifo
	userq     fifo
	asks      int  // in userq
	begun     bool // Started was posted: messages that came before it wait behind it
	scheduled bool // a goroutine works on the queues, or is about to
	suspended bool // the actor has failed and waits for its restart
	ending    bool // the actor was told to stop: no restart may revive it
	stopped   bool
	restarts  int32
	born      int64 // Unix nanoseconds
	failure   *Failure
}

// fifo is a queue that holds no memory while it is empty.
type fifo struct {
	items []any
	head  int
}

func (q *fifo) push(m any) { q.items = append(q.items, m) }

// pushFirst puts m before everything that waits.
func (q *fifo) pushFirst(m any) { q.items, q.head = slices.Insert(q.items[q.head:], 0, m), 0 }

func (q *fifo) pop() any {
	if q.head == len(q.items) {
		return nil
	}
	m := q.items[q.head]
	q.items[q.head] = nil
	q.head++
	if q.head == len(q.items) {
		if cap(q.items) > keepCapacity {
			q.items = nil
		}
		q.items, q.head = q.items[:0], 0
	}
	return m
}

func (q *fifo) len() int { return len(q.items) - q.head }

// keepCapacity is how long a queue may have grown and still be kept for reuse.
const keepCapacity = 16

// RegisterHandlers is called once, before Started is posted. Nothing may rely on a later call: Started may run, and end
// the actor, before Start is called. An earlier incarnation's name can even bring messages before this call.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.invoker, m.dispatcher = invoker, dispatcher
	if c, ok := invoker.(actor.Context); ok {
		m.process, _ = m.system.ActorSystem.ProcessRegistry.GetLocal(c.Self().Id)
		m.born = m.system.clock.Now().UnixNano()
		m.system.running.add(m)
	}
}

// Start has nothing to do: see RegisterHandlers.
func (m *mailbox) Start() {}

func (m *mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.userq.len()
}

func (m *mailbox) PostUserMessage(msg any) {
	asker := askerOf(msg)
	m.mu.Lock()
	if err := m.refusal(asker, msg); err != nil {
		m.mu.Unlock()
		m.refuse(asker, err)
		return
	}
	if _, poison := msg.(*actor.PoisonPill); poison && m.suspended {
		// A poison pill would wait for a restart that may be a minute away.
		m.sysq.push(stopMessage)
	} else {
		m.userq.push(msg)
		if asker != nil {
			m.asks++
		}
	}
	m.schedule()
}

// refusal says why a message is not let in. Tells to a stopped actor are dropped.
func (m *mailbox) refusal(asker *actor.PID, msg any) error {
	switch {
	case m.stopped:
		return ErrStopping
	case asker == nil:
		return nil
	case m.suspended:
		return ErrRestarting
	case m.asks >= m.maxAsks:
		return ErrBusy
	}
	return nil
}

func (m *mailbox) refuse(asker *actor.PID, err error) {
	if asker != nil {
		m.system.refused.Add(1)
		m.system.ActorSystem.Root.Send(asker, failure{err})
	}
}

func (m *mailbox) PostSystemMessage(msg any) {
	m.mu.Lock()
	if _, started := msg.(*actor.Started); started {
		m.begun = true
		m.sysq.pushFirst(msg)
	} else {
		m.sysq.push(msg)
	}
	m.schedule()
}

// restart has supervision's restart after f arrive at this very actor, unless it has stopped or failed again since. By
// its name it could arrive at a later actor that has failed in nothing.
func (m *mailbox) restart(f *Failure) {
	m.mu.Lock()
	if m.ending || m.failure != f {
		m.mu.Unlock()
		return
	}
	m.sysq.push(restartMessage)
	m.schedule()
}

// schedule is called with mu held and releases it. Before Started was posted it starts nothing.
func (m *mailbox) schedule() {
	start := m.begun && !m.scheduled
	m.scheduled = m.scheduled || start
	m.mu.Unlock()
	if start {
		m.dispatcher.Schedule(m.run)
	}
}

// run works until the queues are empty. A panic ends one pass, escalates and begins the next.
func (m *mailbox) run() {
	for m.pass() {
	}
}

func (m *mailbox) pass() (again bool) {
	var msg any
	defer func() {
		if r := recover(); r != nil {
			m.invoker.EscalateFailure(r, m.failed(r, msg))
			again = true
		}
	}()
	for i := 1; ; i++ {
		if i%m.dispatcher.Throughput() == 0 {
			runtime.Gosched()
		}
		var system bool
		if msg, system = m.next(); msg == nil {
			return false
		}
		switch msg.(type) {
		case *actor.SuspendMailbox, *actor.ResumeMailbox: // next has seen to it
		default:
			if system {
				m.invoker.InvokeSystemMessage(msg)
				m.notice(msg)
			} else {
				m.invoker.InvokeUserMessage(msg)
			}
		}
	}
}

// next takes a message, system messages first. With nothing to do it ends the schedule.
func (m *mailbox) next() (msg any, system bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for msg = m.sysq.pop(); msg != nil; msg = m.sysq.pop() {
		switch msg.(type) {
		case *actor.SuspendMailbox:
			m.suspended = true
		case *actor.ResumeMailbox:
			m.suspended = false
		case *actor.Stop:
			m.ending = true
		case *actor.Restart:
			if m.ending {
				continue // it would revive an actor whose children are still ending
			}
		}
		return msg, true
	}
	if !m.suspended {
		if msg = m.userq.pop(); msg != nil {
			if askerOf(msg) != nil {
				m.asks--
			}
			return msg, false
		}
	}
	m.scheduled = false
	return nil, false
}

// failed answers the asks that wait, since the restart may be far away. What is no ask is kept for it. Supervision is told
// of the failure in place of the message, and finds the earlier ones there.
func (m *mailbox) failed(reason, msg any) *Failure {
	m.mu.Lock()
	m.suspended = true
	m.restarts++
	f := failureOf(reason, msg, m.system.clock, m.failure)
	f.of = m
	m.failure = f
	refused := m.takeAsks()
	m.mu.Unlock()
	for _, asker := range refused {
		m.refuse(asker, ErrRestarting)
	}
	return f
}

// notice finds out whether a system message has ended the actor. If so, what still waits is answered.
func (m *mailbox) notice(msg any) {
	switch msg.(type) {
	case *actor.Stop, *actor.Terminated:
	default:
		return
	}
	c, ok := m.invoker.(actor.Context)
	if !ok {
		return
	}
	if now, alive := m.system.ActorSystem.ProcessRegistry.GetLocal(c.Self().Id); alive && now == m.process {
		return
	}
	m.system.running.remove(m)
	m.mu.Lock()
	m.stopped = true
	refused := m.takeAsks()
	m.mu.Unlock()
	for _, asker := range refused {
		m.refuse(asker, ErrStopping)
	}
}

// takeAsks removes the asks from the queue and gives their askers. mu is held.
func (m *mailbox) takeAsks() (askers []*actor.PID) {
	var rest fifo
	for msg := m.userq.pop(); msg != nil; msg = m.userq.pop() {
		if asker := askerOf(msg); asker != nil {
			askers = append(askers, asker)
		} else if !m.stopped {
			rest.push(msg)
		}
	}
	m.userq, m.asks = rest, 0
	return askers
}

var (
	stopMessage    any = &actor.Stop{}
	restartMessage any = &actor.Restart{}
)

func askerOf(msg any) *actor.PID {
	if env, ok := msg.(*actor.MessageEnvelope); ok {
		return env.Sender
	}
	return nil
}
