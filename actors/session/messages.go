package session

import "galaxy/backend/galaxy"

// Used tells that a request came from a session's device. It activates the session's actor, which keeps the
// time and stores it now and then. Nobody waits for it.
type Used struct {
	Session galaxy.SessionID
}
