package auth

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// idle is how long an address stays in memory.
const idle = time.Minute

// address is one e-mail address being signed in.
type address struct {
	*Deps
	limits *limits
	email  string
	recent []galaxy.Challenge // of the last day, whatever became of them, newest first
	loaded bool
	timers kit.Timers
	idle   *kit.Idle
}

// Start starts the auth family. Its keys are addresses as galaxy.NormalEmail gives them.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (*kit.Family[string], error) {
	shared, err := newLimits(d)
	if err != nil {
		return nil, err
	}
	return kit.NewFamily(sys, "auth", func(email string) *actor.Props {
		return sys.Props(func() actor.Actor {
			a := &address{Deps: &d, limits: shared, email: email}
			a.idle = kit.NewIdle(idle, &a.timers)
			return a
		}, kit.Kind("address"))
	}, strategy, kit.Nameless())
}

// Receive signs in.
func (a *address) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case SendCode:
		a.idle.Use(c)
		id, err := a.onSendCode(c, m)
		kit.Reply(c, id, err)
	case Confirm:
		a.idle.Use(c)
		in, err := a.onConfirm(c, m)
		kit.Reply(c, in, err)
	case ConfirmEmail:
		a.idle.Use(c)
		kit.Reply(c, kit.Done{}, a.onConfirmEmail(c, m))
	case kit.Tick:
		if a.timers.Fired(m) && a.idle.Tired(c) {
			kit.Passivate(c)
		}
	case *actor.Stopping, *actor.Restarting:
		a.timers.CancelAll()
	}
}
