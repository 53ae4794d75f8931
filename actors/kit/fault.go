package kit

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
)

// Fault is what an actor fails with on purpose: supervision is to make a fresh one. Its log line is supervision's and
// has no stack, since it is expected. Any other panic is a surprise, and is logged with its stack.
type Fault struct {
	What   string // a fixed sentence; operators see it as the actor's last failure
	Cause  error
	fields []zap.Field
}

// Error gives what has happened, and why.
func (f *Fault) Error() string { return fmt.Sprintf("%s: %v", f.What, f.Cause) }

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.Cause }

// Fail ends the current message and this incarnation of the actor, on purpose. It is for the actor's own goroutine;
// fields go into the one log line of the failure. An asker is told that the actor restarts.
func Fail(what string, cause error, fields ...zap.Field) { panic(&Fault{what, cause, fields}) }

// line logs the fault.
func (f *Fault) line(log *zap.Logger, child *actor.PID, decision ...zap.Field) {
	fields := append([]zap.Field{zap.String("actor", child.GetId()), zap.NamedError("cause", f.Cause)}, f.fields...)
	log.Error(f.What, append(fields, decision...)...)
}

// report logs a failure on purpose with what supervision does about it. One that is a surprise was logged where it
// happened.
func (f *Failure) report(child *actor.PID, decision ...zap.Field) {
	if f != nil && f.fault != nil {
		f.fault.line(f.of.system.log, child, decision...)
	}
}
