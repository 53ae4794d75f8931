package session

import (
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// Used tells that a request came from a session's device. It activates the session's actor, which keeps the
// time and stores it now and then. Nobody waits for it.
type Used struct {
	Session galaxy.SessionID
}

// Rename names a player's device. One that is not live, or another player's, is galaxy.NotFound.
type Rename struct {
	kit.Returns[galaxy.Session]
	By   galaxy.By // its time is the actor's
	User galaxy.UserID
	Name string
}

// Revoke ends a session of a player. The answer comes when that is committed and stands on the push stream. A session
// that has ended already is told to gateways once more.
type Revoke struct {
	kit.Returns[kit.Done]
	By     galaxy.By // its time is the actor's
	User   galaxy.UserID
	Reason galaxy.RevokeReason
}
