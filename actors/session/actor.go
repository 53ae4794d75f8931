package session

import (
	"cmp"
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// device is one session in use.
type device struct {
	Deps
	id     galaxy.SessionID
	seen   time.Time // zero when it is stored
	timers kit.Timers
	idle   *kit.Idle
}

// Start starts the sessions' family.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (*kit.Family[galaxy.SessionID], error) {
	d.Debounce, d.Idle = cmp.Or(d.Debounce, time.Minute), cmp.Or(d.Idle, 5*time.Minute)
	return kit.NewFamily(sys, "sessions", func(id galaxy.SessionID) *actor.Props {
		return sys.Props(func() actor.Actor {
			a := &device{Deps: d, id: id}
			a.idle = kit.NewIdle(d.Idle, &a.timers)
			return a
		})
	}, strategy)
}

const touch = "touch"

// Receive keeps when the device was used.
func (a *device) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case Used:
		a.onUsed(c)
	case kit.Tick:
		a.onTick(c, m)
	case *actor.Stopping, *actor.Restarting:
		a.timers.CancelAll()
		a.store(context.Background())
	}
}

func (a *device) onUsed(c actor.Context) {
	now := a.Now()
	a.seen = now
	a.idle.Use(c, now)
	if !a.timers.Running(touch) {
		a.timers.Start(c, touch, a.Debounce)
	}
}

func (a *device) onTick(c actor.Context, m kit.Tick) {
	if !a.timers.Fired(m) {
		return
	}
	switch m.Name {
	case touch:
		a.store(kit.TraceContext(c))
	case kit.IdleTick:
		if a.idle.Tired(c, a.Now()) {
			kit.Passivate(c)
		}
	}
}

func (a *device) store(ctx context.Context) {
	if a.seen.IsZero() {
		return
	}
	if err := a.Store.TouchSession(ctx, a.id, a.seen); err != nil {
		a.Log.Warn("when a device was last seen could not be stored", zap.Stringer("device_session_id", a.id), zap.Error(err))
		return
	}
	a.seen = time.Time{}
}
