package kit

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"
)

// System is the running set of actors.
type System struct {
	ActorSystem *actor.ActorSystem
	log         *zap.Logger
	tracer      trace.Tracer
	clock       Clock
	refused     atomic.Int64
	running     registry
}

// NewSystem makes an empty system. Its own log lines, and protoactor's, go to log.
func NewSystem(log *zap.Logger, tracer trace.Tracer, opts ...SystemOption) *System {
	s := &System{log: log, tracer: tracer, clock: machine{}}
	for _, opt := range opts {
		opt(s)
	}
	core, err := zapcore.NewIncreaseLevelCore(log.Core(), zap.WarnLevel)
	if err != nil {
		core = log.Core() // says even less
	}
	handler := zapslog.NewHandler(core)
	s.ActorSystem = actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(handler) }),
		actor.WithDeadLetterRequestLogging(false),
	)
	s.ActorSystem.Extensions.Register(s)
	return s
}

// Refused counts the asks that mailboxes have refused so far.
func (s *System) Refused() int64 { return s.refused.Load() }

// Option changes how an actor is run.
type Option func(*options)

type options struct {
	kind       string
	maxAsks    int
	supervisor actor.SupervisorStrategy
	dispatcher actor.Dispatcher
}

// defaultMaxAsks is how many asks may wait in a mailbox that says nothing else.
const defaultMaxAsks = 1024

// Kind names what sort of actor it is, for operators.
func Kind(kind string) Option { return func(o *options) { o.kind = kind } }

// MaxAsks bounds how many asks may wait in the mailbox; more are refused with ErrBusy.
func MaxAsks(n int) Option { return func(o *options) { o.maxAsks = n } }

// Supervise sets how the actor deals with its failing children.
func Supervise(s actor.SupervisorStrategy) Option { return func(o *options) { o.supervisor = s } }

// Props says how an actor is made and run.
func (s *System) Props(producer func() actor.Actor, opts ...Option) *actor.Props {
	o := &options{kind: "other", maxAsks: defaultMaxAsks}
	for _, opt := range opts {
		opt(o)
	}
	props := []actor.PropsOption{
		actor.WithReceiverMiddleware(s.receive),
		actor.WithMailbox(func() actor.Mailbox { return &mailbox{system: s, options: o} }),
	}
	if o.dispatcher != nil {
		props = append(props, actor.WithDispatcher(o.dispatcher))
	}
	if o.supervisor != nil {
		props = append(props, actor.WithSupervisor(o.supervisor))
	}
	return actor.PropsFromProducer(producer, props...)
}

// Spawn starts a root actor. Its failures are met with strategy.
func (s *System) Spawn(name string, props *actor.Props, strategy actor.SupervisorStrategy) (Ref, error) {
	actor.WithGuardian(strategy)(props)
	pid, err := s.ActorSystem.Root.SpawnNamed(props, name)
	if err != nil {
		return Ref{}, fmt.Errorf("spawn %s: %w", name, err)
	}
	return Ref{root: s.ActorSystem.Root, pid: pid}, nil
}

// drain makes a Family poison its children, wait for them, and end.
type drain struct{}

// Stop ends actors one after the other, each after what already waits in its mailbox, and waits for each until ctx
// is done. A Family's children end before it does.
func (s *System) Stop(ctx context.Context, refs ...Ref) error {
	for _, ref := range refs {
		if ref.root == nil {
			continue
		}
		ended := make(chan struct{})
		watcher := s.ActorSystem.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
			switch m := c.Message().(type) {
			case *actor.Started:
				// In this order: an actor that is stopping already reports its end before its children have ended.
				c.Watch(ref.pid)
				if ref.family {
					c.Send(ref.pid, drain{})
				} else {
					c.Poison(ref.pid)
				}
			case *actor.Terminated:
				if m.Who.Equal(ref.pid) {
					close(ended)
				}
			}
		}))
		select {
		case <-ended:
			s.ActorSystem.Root.Stop(watcher)
		case <-ctx.Done():
			s.ActorSystem.Root.Stop(watcher)
			return fmt.Errorf("stop %s: %w", ref.pid.GetId(), ctx.Err())
		}
	}
	return nil
}

// Shutdown is Stop, and then the end of the system.
func (s *System) Shutdown(ctx context.Context, refs ...Ref) error {
	err := s.Stop(ctx, refs...)
	s.ActorSystem.Shutdown()
	return err
}
