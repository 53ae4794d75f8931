package kit

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// Job runs work outside the mailbox, within timeout and the trace of the message in hand, and sends what it returns to
// the actor as an ordinary message. It must not touch the actor. A restarted incarnation gets the message too, so a
// result names what it belongs to. When work panics, the panic is logged with its stack, and the result is what
// panicked makes of an error without it: that error may be logged, stored and shown to operators. The returned cancel
// belongs into Stopping and Restarting.
func Job(c actor.Context, timeout time.Duration, work func(context.Context) any, panicked func(error) any) context.CancelFunc {
	self, log := Self(c), systemOf(c.ActorSystem()).log
	ctx, cancel := context.WithTimeout(context.WithoutCancel(TraceContext(c)), timeout)
	span := trace.SpanContextFromContext(ctx)
	go func() {
		defer cancel()
		self.send(&carried{message: protect(ctx, work, func(r any) any {
			log.Error("a job has panicked", zap.String("actor", self.pid.GetId()), zap.Any("panic", r),
				zap.ByteString("stack", debug.Stack()))
			return panicked(fmt.Errorf("a job has panicked: %v", r))
		}), span: span}, nil)
	}()
	return cancel
}

func protect(ctx context.Context, work func(context.Context) any, panicked func(any) any) (result any) {
	defer func() {
		if r := recover(); r != nil {
			result = panicked(r)
		}
	}()
	return work(ctx)
}
