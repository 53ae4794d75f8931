package kit

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/ctxext"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// answerReserve is what is kept of an ask's time so that its answer can still arrive, and shortestWork what is
// left to the work however little time there is.
const (
	answerReserve = 500 * time.Millisecond
	shortestWork  = 50 * time.Millisecond
)

// inHand is what is known of the message an actor is working on.
type inHand struct {
	ctx      context.Context // of its span
	deadline time.Time       // until when its asker waits; zero without one
	ending   bool            // the actor was told that it ends
}

var inHandID = ctxext.NextContextExtensionID()

// ExtensionID makes inHand something that protoactor keeps with an actor.
func (*inHand) ExtensionID() ctxext.ContextExtensionID { return inHandID }

type extensible interface {
	Get(ctxext.ContextExtensionID) ctxext.ContextExtension
}

func handOf(c extensible) *inHand {
	h, _ := c.Get(inHandID).(*inHand)
	return h
}

// TraceContext gives a context with the span of the message in hand.
func TraceContext(c extensible) context.Context {
	if h := handOf(c); h != nil && h.ctx != nil {
		return h.ctx
	}
	return context.Background()
}

// WorkContext gives a context for what the message in hand causes: in its trace, and done shortly before its asker
// stops waiting, so that the answer wins the race. Without an asker it has no deadline.
func WorkContext(c extensible) (context.Context, context.CancelFunc) {
	h := handOf(c)
	if h == nil || h.deadline.IsZero() {
		return context.WithCancel(TraceContext(c))
	}
	left := max(time.Until(h.deadline)-answerReserve, shortestWork)
	return context.WithTimeout(h.ctx, left)
}

// DeadlineOf gives until when the asker of the message in hand waits; zero without an asker.
func DeadlineOf(c extensible) time.Time {
	if h := handOf(c); h != nil {
		return h.deadline
	}
	return time.Time{}
}

// receive is the one way by which messages reach actors.
func (s *System) receive(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(c actor.ReceiverContext, env *actor.MessageEnvelope) {
		switch m := env.Message.(type) {
		case *carried:
			if env.Sender != nil && s.gone(env.Sender, m.deadline) {
				return
			}
			s.handle(c, *m, &actor.MessageEnvelope{Message: m.message, Sender: env.Sender}, next)
		case routed:
			// A Family sees its routed messages whole.
			s.guarded(c, env, next)
		default:
			s.handle(c, carried{}, env, next)
		}
	}
}

func (s *System) handle(c actor.ReceiverContext, m carried, env *actor.MessageEnvelope, next actor.ReceiverFunc) {
	h := handOf(c)
	if h == nil {
		h = &inHand{}
		c.Set(h)
	}
	switch env.Message.(type) {
	case actor.SystemMessage, actor.AutoReceiveMessage:
		_, stopping := env.Message.(*actor.Stopping)
		h.ctx, h.deadline, h.ending = nil, time.Time{}, h.ending || stopping
		s.guarded(c, env, next)
		return
	}
	if h.ending {
		// It waits for its children to end: what it did now, as making another child, nobody would undo.
		if env.Sender != nil {
			s.ActorSystem.Root.Send(env.Sender, failure{ErrStopping})
		}
		return
	}
	ctx := context.Background()
	if m.span.IsValid() {
		ctx = trace.ContextWithSpanContext(ctx, m.span)
		var span trace.Span
		ctx, span = s.tracer.Start(ctx, fmt.Sprintf("%T", env.Message), trace.WithSpanKind(trace.SpanKindConsumer))
		defer span.End()
	}
	h.ctx, h.deadline = ctx, m.deadline
	s.guarded(c, env, next)
	h.ctx = nil
}

// gone reports whether nobody waits for the answer any more.
func (s *System) gone(asker *actor.PID, deadline time.Time) bool {
	if !deadline.IsZero() && time.Now().After(deadline) {
		return true
	}
	_, waiting := s.ActorSystem.ProcessRegistry.GetLocal(asker.Id)
	return !waiting
}

// guarded answers the asker of a message that makes the actor panic, before supervision takes over. A panic of an actor
// that is ending is only logged: raised again it would have supervision restart an actor that was told to stop.
func (s *System) guarded(c actor.ReceiverContext, env *actor.MessageEnvelope, next actor.ReceiverFunc) {
	defer func() {
		if r := recover(); r != nil {
			s.onPanic(c, env, r)
		}
	}()
	next(c, env)
}

func (s *System) onPanic(c actor.ReceiverContext, env *actor.MessageEnvelope, r any) {
	h := handOf(c)
	ending := h != nil && h.ending
	var answer error
	switch fault, onPurpose := r.(*Fault); {
	case !onPurpose:
		cause, isErr := r.(error)
		if !isErr {
			cause = fmt.Errorf("%v", r)
		}
		answer = fmt.Errorf("actor failed: %w", cause)
		s.log.Error("actor failed", zap.String("actor", c.Self().GetId()), zap.String("message", fmt.Sprintf("%T", env.Message)),
			zap.Error(cause), zap.ByteString("stack", debug.Stack()))
	case ending: // supervision does not learn of it
		answer = ErrStopping
		fault.line(s.log, c.Self(), zap.String("supervision", "it was ending"))
	default:
		answer = ErrRestarting.Because(fault)
	}
	if env.Sender != nil {
		s.ActorSystem.Root.Send(env.Sender, failure{answer})
	}
	if !ending {
		panic(r)
	}
}

// spanOf gives the span of the message in hand, to travel on with what it causes.
func spanOf(c extensible) trace.SpanContext { return trace.SpanContextFromContext(TraceContext(c)) }
