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
