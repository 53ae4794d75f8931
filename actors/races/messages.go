package races

import (
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// Register keeps a name that the player has won for good. A repeated request is answered with the name that is registered
// already.
type Register struct {
	kit.Returns[galaxy.HeldName]
	User        galaxy.UserID
	Name        string
	Idempotency galaxy.Idempotency
	RequestID   string
}
