package kit

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.opentelemetry.io/otel/trace"
)

// Job runs work outside the mailbox, within timeout and the trace of the message in hand, and sends what it returns
// to the actor as an ordinary message. It must not touch the actor. A restarted incarnation gets the message too, so
// a result names what it belongs to. When work panics, the result is what panicked makes of it.
// The returned cancel belongs into Stopping and Restarting.
func Job(c actor.Context, timeout time.Duration, work func(context.Context) any, panicked func(error) any) context.CancelFunc {
	self := Self(c)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(TraceContext(c)), timeout)
	span := trace.SpanContextFromContext(ctx)
	go func() {
		defer cancel()
		self.send(&carried{message: protect(ctx, work, panicked), span: span}, nil)
	}()
	return cancel
}

func protect(ctx context.Context, work func(context.Context) any, panicked func(error) any) (result any) {
	defer func() {
		if r := recover(); r != nil {
			result = panicked(fmt.Errorf("job panic: %v\n%s", r, debug.Stack()))
		}
	}()
	return work(ctx)
}
