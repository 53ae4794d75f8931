package session

import (
	"cmp"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/push"
	"galaxy/backend/galaxy"
)

// device is one session in use.
type device struct {
	*Deps
	id     galaxy.SessionID
	seen   time.Time
	handed time.Time // what was handed to the batch last
}

// Start starts the sessions' family.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (*kit.Family[galaxy.SessionID], error) {
	d.Debounce, d.Idle = cmp.Or(d.Debounce, time.Minute), cmp.Or(d.Idle, 5*time.Minute)
	props := sys.Props(func() actor.Actor { return &device{Deps: &d} }, kit.Kind("session"))
	return kit.NewFamily(sys, "sessions", func(galaxy.SessionID) *actor.Props { return props }, strategy, kit.IdleAfter(d.Idle))
}

// StartSeen starts the batch that stores when devices were last seen.
func StartSeen(sys *kit.System, s Store, log *zap.Logger, interval time.Duration, strategy actor.SupervisorStrategy) (kit.Ref, error) {
	return kit.Batch[galaxy.SessionID, time.Time]{Name: "last-seen", Interval: interval, Store: s.TouchSessions,
		Merge: func(waiting, told time.Time) time.Time {
			if told.After(waiting) {
				return told
			}
			return waiting
		},
		Failed: func(err error, n int) {
			log.Warn("when devices were last seen could not be stored; it is tried again", zap.Int("devices", n), zap.Error(err))
		}}.Start(sys, strategy)
}

// Receive keeps when the device was used, names it, and ends it.
func (a *device) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		a.id.UUID = uuid.MustParse(kit.Key(c))
	case Used:
		a.seen = a.Now()
		if a.seen.Sub(a.handed) >= a.Debounce {
			a.hand()
		}
	case Rename:
		s, err := a.onRename(c, m)
		kit.Reply(c, s, err)
	case Revoke:
		a.onRevoke(c, m)
	case *actor.Stopping, *actor.Restarting:
		a.hand()
	}
}

func (a *device) hand() {
	if a.seen.After(a.handed) {
		kit.Tell(a.Seen, kit.Put[galaxy.SessionID, time.Time]{Key: a.id, Value: a.seen})
		a.handed = a.seen
	}
}

func (a *device) onRename(c actor.Context, m Rename) (galaxy.Session, error) {
	if err := galaxy.CheckDeviceName(m.Name); err != nil {
		return galaxy.Session{}, err
	}
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	return a.Store.RenameSession(ctx, m.User, a.id, m.Name, a.Now(), audit(m.By, "session.rename", a.id))
}

func audit(by galaxy.By, action string, id galaxy.SessionID) galaxy.Audit {
	return galaxy.Audit{By: by.Principal, Action: action, Subject: "device_session:" + id.String(), RequestID: by.RequestID}
}

func (a *device) onRevoke(c actor.Context, m Revoke) {
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	_, err := a.Store.RevokeSessions(ctx, galaxy.Revocation{User: m.User, Only: &a.id, Reason: m.Reason, At: a.Now(), Audit: audit(m.By, "session.revoke", a.id)})
	kit.Passivate(c)
	if err != nil {
		kit.Reply(c, kit.Done{}, err)
		return
	}
	Ended(c, a.Table, a.Hub, Ending{User: m.User, Sessions: []galaxy.SessionID{a.id}, Reason: m.Reason, Then: kit.Done{}})
}

// Ending is the end of sessions of a player, for gateways. Then is what the hub answers the command in hand with.
type Ending = push.Invalidate

// Ended takes sessions whose end is committed out of the table, and has gateways told.
func Ended(c actor.Context, t *Table, hub kit.Ref, e Ending) {
	t.End(e.Sessions...)
	kit.Forward(c, hub, e)
}
