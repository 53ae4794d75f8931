package push

import (
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// Event is a message for players that the hub can carry: the typed kind knows its own wire form.
type Event interface {
	Kind() string
	Marshal() ([]byte, error)
}

// Publish broadcasts an event addressed to a player (and, if Session is set, to one device) to every
// subscribed gateway. The answer comes when the event has its cursor and stands in the ring.
type Publish struct {
	kit.Returns[kit.Done]
	User      galaxy.UserID
	Session   *galaxy.SessionID
	Event     Event
	EventID   string
	RequestID string
	TraceID   string
}

// Invalidate tells every subscribed gateway that sessions have ended. It answers its asker with Then, also while the
// streams are being drained: gateways ask anew when they come back.
type Invalidate struct {
	User     galaxy.UserID
	Sessions []galaxy.SessionID
	Reason   galaxy.RevokeReason
	Then     any
}

// Subscribe opens the stream of a gateway, from the event after Cursor on. A malformed Client or Cursor is
// galaxy.InvalidRequest; one that is too old begins with the next event, one of an earlier process lifetime with what is kept of
// this one.
type Subscribe struct {
	kit.Returns[*Subscription]
	Client string
	Cursor string
}

// Drain ends every stream once it has been sent what its queue holds, and refuses whatever comes later with
// ErrDraining. The answer comes when no more events can reach a queue.
type Drain struct {
	kit.Returns[kit.Done]
}

// unsubscribed tells the hub that a gateway's stream has ended.
type unsubscribed struct {
	sub *Subscription
}

// deliver is one event for one subscriber.
type deliver struct {
	frame *Frame
}

// leave ends a subscriber for reason.
type leave struct {
	reason error
}
