package admin

import (
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// Verify checks Basic Auth credentials: kit.Done, or galaxy.Unauthorized; galaxy.TooManyRequests, with the time to wait, after
// too many wrong ones for the name from the source, or from the source at all. The password is hashed outside the mailbox.
type Verify struct {
	kit.Returns[kit.Done]
	Username string
	Password string
	Source   string // the operator's address
}

// List asks for all operators, by user name.
type List struct {
	kit.Returns[[]galaxy.AdminAccount]
}

// In every command By's time is the actor's. An unknown operator is galaxy.NotFound.
type (
	// Create makes an operator's account.
	Create struct {
		kit.Returns[galaxy.AdminAccount]
		By          galaxy.By
		Username    string
		Password    string
		Idempotency galaxy.Idempotency
	}
	// SetEnabled shuts an operator out, or lets one in again. The last one who is enabled cannot be shut out.
	SetEnabled struct {
		kit.Returns[galaxy.AdminAccount]
		By       galaxy.By
		Username string
		Enabled  bool
	}
	// ResetPassword gives an operator another password.
	ResetPassword struct {
		kit.Returns[galaxy.AdminAccount]
		By       galaxy.By
		Username string
		Password string
	}
)
