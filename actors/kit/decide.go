package kit

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/galaxy"
)

// ErrPanicked is in the chain of what Decide gives for a rule that has panicked.
var ErrPanicked = errors.New("a rule has panicked")

// Decide runs a rule for the message being handled. Its panic is an error with galaxy.Internal, and the actor goes on:
// a rule gives what is to be stored and changes nothing, so the actor's memory is what it was, and only who sent the
// message gets no answer. The rule must change nothing of the actor, and hold no lock that its panic would leave
// closed.
func Decide(c actor.Context, rule func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			cause := fmt.Errorf("%w: %v", ErrPanicked, r)
			systemOf(c.ActorSystem()).log.Error("a rule has panicked; the actor goes on", zap.String("actor", c.Self().GetId()),
				zap.String("message", fmt.Sprintf("%T", c.Message())), zap.Error(cause), zap.ByteString("stack", debug.Stack()))
			err = galaxy.Errorf(galaxy.Internal, "internal error; the request id helps to find out").Because(cause)
		}
	}()
	return rule()
}
