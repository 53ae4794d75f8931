package account

import (
	"cmp"
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// player is one account in use.
type player struct {
	*Deps
	id      galaxy.UserID
	account *galaxy.Account // nil until it is read
	shown   *galaxy.Account // account, with the entitlement of now
	until   *time.Time      // when shown is out of date by itself
	timers  kit.Timers
	idle    *kit.Idle
	cancel  context.CancelFunc // of the deletion's step under way
	failed  int                // tries at that step
}

// Start starts the accounts' family.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (*kit.Family[galaxy.UserID], error) {
	d.Idle = cmp.Or(d.Idle, 10*time.Minute)
	return kit.NewFamily(sys, "accounts", func(id galaxy.UserID) *actor.Props {
		return sys.Props(func() actor.Actor {
			a := &player{Deps: &d, id: id}
			a.idle = kit.NewIdle(d.Idle, &a.timers)
			return a
		}, kit.Kind("account"))
	}, strategy)
}

// Receive answers from memory, and commits what is decided.
func (a *player) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case Get:
		a.onGet(c)
	case Changed:
		a.forget()
	case Look:
		a.onLook(c)
	case stepped:
		a.onStepped(c, m)
	case kit.Tick:
		a.onTick(c, m)
	case *actor.Stopping, *actor.Restarting:
		a.timers.CancelAll()
		if a.cancel != nil {
			a.cancel()
		}
	case actor.AutoReceiveMessage, actor.SystemMessage:
	default:
		a.onCommand(c, m)
	}
}

func (a *player) onTick(c actor.Context, m kit.Tick) {
	if !a.timers.Fired(m) {
		return
	}
	switch m.Name {
	case kit.IdleTick:
		if !a.deleting() && a.idle.Tired(c) {
			kit.Passivate(c)
		}
	case again:
		a.onLook(c)
	}
}

// deleting reports whether a step of the deletion is under way, or waits to be tried again: then the actor stays.
func (a *player) deleting() bool { return a.cancel != nil || a.timers.Running(again) }

func (a *player) onGet(c actor.Context) {
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	if err := a.living(c, ctx); err != nil {
		kit.Reply(c, nil, err)
		return
	}
	kit.Reply(c, a.show(), nil)
}

var errGone = galaxy.Errorf(galaxy.NotFound, "this player has no account")

// living reads the account unless it is in memory. An actor without one ends.
func (a *player) living(c actor.Context, ctx context.Context) error {
	a.idle.Use(c)
	err := a.load(ctx)
	if err == nil && a.account.Deletion != galaxy.NotDeleted {
		err = errGone
	}
	if err != nil && !a.deleting() {
		kit.Passivate(c)
	}
	return err
}

func (a *player) load(ctx context.Context) error {
	if a.account != nil {
		return nil
	}
	found, err := a.Store.Account(ctx, a.id)
	if err == nil {
		a.account = &found
	}
	return err
}

// show gives the account as of now, the same as long as it does not change.
func (a *player) show() *galaxy.Account {
	now := a.Now()
	if a.shown == nil || a.until != nil && !now.Before(*a.until) {
		shown := *a.account
		shown.Entitlement = shown.Entitlement.At(now)
		shown.Sanctions = shown.Active(now)
		a.shown, a.until = &shown, a.account.Changes(now)
	}
	return a.shown
}

func (a *player) forget() { a.account, a.shown = nil, nil }

// commit stores a decision, adopts it, and gives the sessions that it ended.
func (a *player) commit(ctx context.Context, change galaxy.AccountChange) ([]galaxy.SessionID, error) {
	if change.Empty() {
		return nil, nil
	}
	next, ended, err := a.Store.CommitAccount(ctx, change)
	if err != nil {
		if galaxy.MemoryStale(err) {
			a.forget()
		}
		return nil, err
	}
	a.account, a.shown = &next, nil
	a.Rights.store(&next)
	if len(change.Mails) > 0 {
		a.WakeMail()
	}
	return ended, nil
}
