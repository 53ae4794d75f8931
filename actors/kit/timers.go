package kit

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Timers are an actor's own clock: each has a name, and starting one again replaces it. A tick that was on its way
// when its timer was replaced or cancelled does no harm: Fired tells. CancelAll belongs into Stopping and Restarting.
// It is for use by its actor only.
type Timers struct {
	running []*running // a handful at most
}

type running struct {
	name  string
	timer Stopper
}

// Tick is what a timer sends to its actor.
type Tick struct {
	Name string
	of   *running
}

func (t *Timers) find(name string) int {
	return slices.IndexFunc(t.running, func(r *running) bool { return r.name == name })
}

func (t *Timers) forget(i int) { t.running = slices.Delete(t.running, i, i+1) }

// Start sends Tick{name} to the actor in hand when d has passed, at once when d is not positive.
func (t *Timers) Start(c actor.Context, name string, d time.Duration) {
	t.Cancel(name)
	root, pid, r := c.ActorSystem().Root, c.Self(), &running{name: name}
	r.timer = clockOf(c).AfterFunc(max(d, 0), func() { Tell(Ref{root: root, pid: pid}, Tick{name, r}) })
	t.running = append(t.running, r)
}

// Fired reports whether the tick is that of a timer still wanted, and forgets the timer.
func (t *Timers) Fired(tick Tick) bool {
	i := t.find(tick.Name)
	if i < 0 || t.running[i] != tick.of {
		return false
	}
	t.forget(i)
	return true
}

// Running reports whether the named timer is to fire.
func (t *Timers) Running(name string) bool { return t.find(name) >= 0 }

// Cancel stops a timer.
func (t *Timers) Cancel(name string) {
	if i := t.find(name); i >= 0 {
		t.running[i].timer.Stop()
		t.forget(i)
	}
}

// CancelAll stops every timer.
func (t *Timers) CancelAll() {
	for _, r := range t.running {
		r.timer.Stop()
	}
	t.running = nil
}

// Idle ends an actor that nobody has used for a while. (protoactor's receive timeout races with the messages it
// counts.) The actor calls Use for each message that counts, and Tired for each Tick named IdleTick.
type Idle struct {
	After  time.Duration
	timers *Timers
	last   time.Duration // as the system's clock counts
}

// IdleTick is the name of the timer that Idle uses.
const IdleTick = "idle"

// NewIdle makes an Idle that uses the actor's timers.
func NewIdle(after time.Duration, timers *Timers) *Idle { return &Idle{After: after, timers: timers} }

// Use notes that the actor is in use.
func (i *Idle) Use(c actor.Context) {
	i.last = clockOf(c).Elapsed()
	if !i.timers.Running(IdleTick) {
		i.timers.Start(c, IdleTick, i.After)
	}
}

// Tired reports whether the actor has been idle for long enough; if not it looks again when it may be.
func (i *Idle) Tired(c actor.Context) bool {
	if left := i.After - (clockOf(c).Elapsed() - i.last); left > 0 {
		i.timers.Start(c, IdleTick, left)
		return false
	}
	return true
}

// Stash keeps messages with their askers for later. (Context.Stash loses the sender.)
type Stash struct{ kept []*actor.MessageEnvelope }

// Add keeps the message in hand.
func (s *Stash) Add(c actor.Context) {
	m := &carried{message: c.Message()}
	if h := handOf(c); h != nil {
		m.deadline = h.deadline
	}
	m.span = spanOf(c)
	s.kept = append(s.kept, &actor.MessageEnvelope{Message: m, Sender: c.Sender()})
}

// Release sends what was kept to the actor again, in order, behind what already waits.
func (s *Stash) Release(c actor.Context) {
	kept := s.kept
	s.kept = nil
	for _, env := range kept {
		c.ActorSystem().Root.Send(c.Self(), env)
	}
}

// Refuse answers the askers of what was kept with err, and forgets it.
func (s *Stash) Refuse(c actor.Context, err error) {
	for _, env := range s.kept {
		ReplyTo(c, env.Sender, nil, err)
	}
	s.kept = nil
}

// Len counts what is kept.
func (s *Stash) Len() int { return len(s.kept) }
