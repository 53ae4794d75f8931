package kit

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
)

// Family is one actor with many children of a kind, each found by its key: a child is spawned by the first message
// for its key, and ends when it asks to (Passivate) or fails for good. No message is lost in between: what comes for a
// key whose child is ending waits until that child has ended, and then makes a new one.
type Family[K comparable] struct {
	ref      Ref
	system   *System
	spawn    func(K) *actor.Props
	nameless bool
	idle     time.Duration
	timers   Timers
	children map[K]*child // touched by the family's actor only
	keys     map[string]K // by the child's process id
	draining bool
	live     atomic.Int64 // how many children there are, for readers outside
}

type child struct {
	pid    *actor.PID
	used   time.Duration            // when it was last sent something, as the system's clock counts; kept by families with IdleAfter
	ending bool                     // poisoned; its Terminated is awaited
	held   []*actor.MessageEnvelope // came while it was ending
}

// passivate asks the family to end the child that sends it.
type passivate struct{ who *actor.PID }

// restartNow is how a failed family, or a child, is met when nothing else was said.
var restartNow = Backoff{Min: 50e6, Max: 10e9, Retries: 10, Within: 60e9}

// FamilyOption changes how a family treats its children.
type FamilyOption func(*familyOptions)

type familyOptions struct {
	nameless bool
	idle     time.Duration
}

// Nameless keeps the keys out of the children's paths, and so out of logs: they name persons.
func Nameless() FamilyOption { return func(o *familyOptions) { o.nameless = true } }

// IdleAfter has the family end children that nobody has sent anything for a while, half as long again at most. It spares
// small children the timer that Idle needs.
func IdleAfter(d time.Duration) FamilyOption { return func(o *familyOptions) { o.idle = d } }

// NewFamily starts a family. spawn makes the Props of the child for a key; children that fail are met with strategy,
// nil being a restart with backoff. name is the family's name in the actor tree.
func NewFamily[K comparable](s *System, name string, spawn func(K) *actor.Props, strategy actor.SupervisorStrategy, opts ...FamilyOption) (*Family[K], error) {
	f := &Family[K]{system: s, spawn: spawn, children: map[K]*child{}, keys: map[string]K{}}
	if strategy == nil {
		strategy = restartNow
	}
	var o familyOptions
	for _, opt := range opts {
		opt(&o)
	}
	f.nameless, f.idle = o.nameless, o.idle
	// The family has no state but its children, so a failure of its own is met by going on.
	ref, err := s.Spawn(name, s.Props(func() actor.Actor { return f }, Supervise(strategy), MaxAsks(1<<30), Kind(name)), resume{})
	if err != nil {
		return nil, err
	}
	ref.family = true
	f.ref = ref
	return f, nil
}

// resume is a strategy for actors whose state no failure can spoil.
type resume struct{}

func (resume) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, failure any) {
	if f, ok := failure.(*Failure); ok {
		f.earlier = nil
		f.report(child, zap.String("supervision", "resumes"))
	}
	sup.ResumeChildren(child)
}

// Ref addresses the child with that key, alive or not.
func (f *Family[K]) Ref(key K) Ref { return Ref{root: f.ref.root, pid: f.ref.pid, key: key} }

// Root addresses the family itself, for System.Stop.
func (f *Family[K]) Root() Ref { return f.ref }

// Live counts the children that are alive.
func (f *Family[K]) Live() int { return int(f.live.Load()) }

// Key gives the key of a family's child in hand, as it stands in the child's path. Children that read it there, and not
// from their Props, can share those: Props of one's own hold more than a small actor.
func Key(c actor.Context) string {
	id := c.Self().GetId()
	return id[strings.LastIndexByte(id, '/')+1:]
}

// Passivate asks the family of the actor in hand to end it, once what waits in its mailbox is done.
func Passivate(c actor.Context) {
	if c.Parent() != nil {
		c.Send(c.Parent(), passivate{c.Self()})
	}
}

// Receive routes.
func (f *Family[K]) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		if f.idle > 0 {
			f.timers.Start(c, IdleTick, f.idle/2)
		}
	case Tick:
		if f.timers.Fired(m) {
			f.endIdle(c)
			f.timers.Start(c, IdleTick, f.idle/2)
		}
	case routed:
		f.route(c, m)
	case passivate:
		f.passivate(c, m.who)
	case *actor.Terminated:
		f.ended(c, m.Who)
	case drain:
		f.drain(c)
	case *actor.Stopping:
		f.timers.CancelAll()
	}
}

func (f *Family[K]) endIdle(c actor.Context) {
	before := f.system.clock.Elapsed() - f.idle
	for _, ch := range f.children {
		if !ch.ending && ch.used < before {
			ch.ending = true
			c.Poison(ch.pid)
		}
	}
}

func (f *Family[K]) route(c actor.Context, m routed) {
	key, ok := m.key.(K)
	if !ok {
		panic(fmt.Sprintf("kit: a family was sent a key of type %T", m.key))
	}
	env := &actor.MessageEnvelope{Message: m.carried, Sender: c.Sender()}
	known := f.children[key]
	switch {
	case known != nil && known.ending:
		known.held = append(known.held, env)
	case f.draining:
		ReplyTo(c, c.Sender(), nil, ErrStopping)
	case known != nil:
		f.use(known)
		f.system.ActorSystem.Root.Send(known.pid, env)
	default:
		f.begin(c, key, env)
	}
}

func (f *Family[K]) use(ch *child) {
	if f.idle > 0 {
		ch.used = f.system.clock.Elapsed()
	}
}

// begin spawns the child of key and hands it what has waited for it.
func (f *Family[K]) begin(c actor.Context, key K, envs ...*actor.MessageEnvelope) {
	pid, err := f.child(c, key)
	if err != nil {
		for _, env := range envs {
			ReplyTo(c, env.Sender, nil, fmt.Errorf("spawn a child: %w", err))
		}
		return
	}
	f.children[key] = &child{pid: pid}
	f.use(f.children[key])
	f.keys[pid.Id] = key
	f.live.Add(1)
	for _, env := range envs {
		f.system.ActorSystem.Root.Send(pid, env)
	}
}

func (f *Family[K]) child(c actor.Context, key K) (*actor.PID, error) {
	if f.nameless {
		return c.Spawn(f.spawn(key)), nil
	}
	return c.SpawnNamed(f.spawn(key), fmt.Sprint(key))
}

func (f *Family[K]) passivate(c actor.Context, who *actor.PID) {
	key, ok := f.keys[who.Id]
	if !ok || f.children[key].ending {
		return
	}
	f.children[key].ending = true
	c.Poison(who)
}

func (f *Family[K]) ended(c actor.Context, who *actor.PID) {
	key, ok := f.keys[who.Id]
	if !ok {
		return
	}
	held := f.children[key].held
	delete(f.children, key)
	delete(f.keys, who.Id)
	f.live.Add(-1)
	switch {
	case f.draining:
		for _, env := range held {
			ReplyTo(c, env.Sender, nil, ErrStopping)
		}
		f.endWhenEmpty(c)
	case len(held) > 0:
		f.begin(c, key, held...)
	}
}

// drain ends the children by poison, so that what waits in their mailboxes is still done.
func (f *Family[K]) drain(c actor.Context) {
	f.draining = true
	for _, ch := range f.children {
		if !ch.ending {
			ch.ending = true
			c.Poison(ch.pid)
		}
	}
	f.endWhenEmpty(c)
}

func (f *Family[K]) endWhenEmpty(c actor.Context) {
	if len(f.children) == 0 {
		c.Stop(c.Self())
	}
}
