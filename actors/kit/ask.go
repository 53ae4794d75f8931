package kit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.opentelemetry.io/otel/trace"

	"galaxy/backend/galaxy"
)

// What an ask that cannot be served is answered with.
var (
	ErrGone       = galaxy.Errorf(galaxy.ServiceUnavailable, "this part of the service is not running")
	ErrBusy       = galaxy.Errorf(galaxy.ServiceUnavailable, "too many requests are waiting here; try again shortly")
	ErrRestarting = galaxy.Errorf(galaxy.ServiceUnavailable, "this part of the service is restarting; try again shortly")
	ErrStopping   = galaxy.Errorf(galaxy.ServiceUnavailable, "this part of the service is stopping; try again shortly")
	ErrTimeout    = galaxy.Errorf(galaxy.Timeout, "the answer did not come in time; the request may still be carried out")
)

// Returns, embedded in a command, says what the command is answered with.
type Returns[R any] struct{}

func (Returns[R]) returns(R) {}

// Command is a message whose sender waits for an R.
type Command[R any] interface{ returns(R) }

// Done is the answer of a command that has nothing to say but that it is done.
type Done struct{}

// failure is how an error travels back, so that an error can also be an ordinary answer.
type failure struct{ err error }

// Ref is an address that messages can be sent to: an actor, or a child of a Family by its key.
type Ref struct {
	root   *actor.RootContext
	pid    *actor.PID
	key    any  // of a Family's child; nil for the actor itself
	family bool // pid is a Family, which is drained rather than poisoned
}

// carried is a message with what travels along: how long its asker waits, and the span it belongs to.
type carried struct {
	message  any
	deadline time.Time
	span     trace.SpanContext
}

// routed is a carried message on its way through a Family.
type routed struct {
	key any
	*carried
}

func (r Ref) send(m *carried, asker *actor.PID) {
	env := &actor.MessageEnvelope{Message: m, Sender: asker}
	if r.key != nil {
		env.Message = routed{r.key, m}
	}
	r.root.Send(r.pid, env)
}

// answer is the asker's end of an ask.
type answer struct{ ch chan any }

func (a *answer) SendUserMessage(_ *actor.PID, m any) {
	_, msg, _ := actor.UnwrapEnvelope(m)
	select {
	case a.ch <- msg:
	default: // a late or second answer
	}
}
func (a *answer) SendSystemMessage(*actor.PID, any) {}
func (a *answer) Stop(*actor.PID)                   {}

// defaultAsk bounds an ask whose context has no deadline.
const defaultAsk = 5 * time.Second

// Ask sends cmd and waits for its answer until ctx is done, at most defaultAsk when ctx has no deadline. A command
// whose ask timed out (ErrTimeout) may still be carried out, unless the actor had not begun it by then.
func Ask[R any](ctx context.Context, to Ref, cmd Command[R]) (R, error) {
	var zero R
	if to.root == nil {
		return zero, ErrGone
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultAsk)
		defer cancel()
		deadline, _ = ctx.Deadline()
	}
	if err := ctx.Err(); err != nil {
		return zero, contextError(err)
	}
	registry := to.root.ActorSystem().ProcessRegistry
	a := &answer{ch: make(chan any, 1)}
	pid, _ := registry.Add(a, "ask"+registry.NextId())
	defer registry.Remove(pid)

	to.send(&carried{cmd, deadline, trace.SpanContextFromContext(ctx)}, pid)

	select {
	case <-ctx.Done():
		return zero, contextError(ctx.Err())
	case got := <-a.ch:
		switch v := got.(type) {
		case R:
			return v, nil
		case failure:
			return zero, v.err
		case *actor.DeadLetterResponse:
			return zero, ErrGone
		default:
			return zero, fmt.Errorf("kit: %T answered with %T", cmd, got)
		}
	}
}

func contextError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return ErrTimeout.Because(err)
	}
	return err
}

// Tell sends msg and waits for nothing.
func Tell(to Ref, msg any) { TellContext(context.Background(), to, msg) }

// TellContext is Tell within the trace of ctx.
func TellContext(ctx context.Context, to Ref, msg any) {
	if to.root != nil {
		to.send(&carried{message: msg, span: trace.SpanContextFromContext(ctx)}, nil)
	}
}

// TellFrom is Tell out of an actor, within the trace of the message in hand.
func TellFrom(c actor.Context, to Ref, msg any) { TellContext(TraceContext(c), to, msg) }

// Send sends msg to an actor of whom only the process id is known, such as a child or the parent, within the trace of the
// message in hand.
func Send(c actor.Context, to *actor.PID, msg any) {
	if span := spanOf(c); span.IsValid() {
		msg = &carried{message: msg, span: span}
	}
	c.Send(to, msg)
}

// Forward sends msg on the asker's behalf: whoever gets it answers the asker of the message in hand.
func Forward(c actor.Context, to Ref, msg any) {
	m := &carried{message: msg, span: spanOf(c)}
	if h := handOf(c); h != nil {
		m.deadline = h.deadline
	}
	to.send(m, c.Sender())
}

// Held is a message put aside, with the trace that it belongs to.
type Held struct {
	Message any
	span    trace.SpanContext
}

// Hold puts the message in hand aside.
func Hold(c actor.Context) Held { return Held{c.Message(), spanOf(c)} }

// Resume makes the trace of h that of what the actor does next.
func (h Held) Resume(c actor.Context) {
	if hand := handOf(c); hand != nil {
		hand.ctx = trace.ContextWithSpanContext(context.Background(), h.span)
	}
}

// Self is the address of the actor that c belongs to.
func Self(c actor.Context) Ref { return Ref{root: c.ActorSystem().Root, pid: c.Self()} }

// Reply answers the command in hand with v, or with err when there is one.
func Reply(c actor.Context, v any, err error) { ReplyTo(c, c.Sender(), v, err) }

// ReplyTo answers an asker kept from an earlier message.
func ReplyTo(c actor.Context, asker *actor.PID, v any, err error) {
	if asker == nil {
		return
	}
	if err != nil {
		v = failure{err}
	}
	c.Send(asker, v)
}
