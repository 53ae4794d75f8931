package account

import (
	"cmp"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// player is one account in use.
type player struct {
	Deps
	id      galaxy.UserID
	account *galaxy.Account // nil until it is read
	timers  kit.Timers
	idle    *kit.Idle
}

// Start starts the accounts' family.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (*kit.Family[galaxy.UserID], error) {
	d.Idle = cmp.Or(d.Idle, 10*time.Minute)
	return kit.NewFamily(sys, "accounts", func(id galaxy.UserID) *actor.Props {
		return sys.Props(func() actor.Actor {
			a := &player{Deps: d, id: id}
			a.idle = kit.NewIdle(d.Idle, &a.timers)
			return a
		})
	}, strategy)
}

// Receive answers from memory.
func (a *player) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case Get:
		a.onGet(c)
	case kit.Tick:
		if a.timers.Fired(m) && a.idle.Tired(c, a.Now()) {
			kit.Passivate(c)
		}
	case *actor.Stopping, *actor.Restarting:
		a.timers.CancelAll()
	}
}

func (a *player) onGet(c actor.Context) {
	if err := a.load(c); err != nil {
		kit.Reply(c, galaxy.Account{}, err)
		kit.Passivate(c)
		return
	}
	now := a.Now()
	a.idle.Use(c, now)
	answer := *a.account
	answer.Entitlement = answer.Entitlement.At(now)
	kit.Reply(c, answer, nil)
}

func (a *player) load(c actor.Context) error {
	if a.account != nil {
		return nil
	}
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	found, err := a.Store.Account(ctx, a.id)
	if err == nil {
		a.account = &found
	}
	return err
}
