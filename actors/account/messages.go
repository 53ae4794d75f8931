package account

import (
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// Get asks for the account, its entitlement as of now. An unknown or deleted player is galaxy.NotFound.
type Get struct {
	kit.Returns[galaxy.Account]
}
