package account

import (
	"context"
	"time"

	"galaxy/backend/galaxy"
)

// Store holds the accounts.
type Store interface {
	Account(ctx context.Context, id galaxy.UserID) (galaxy.Account, error)
}

// Deps are what the accounts need.
type Deps struct {
	Store Store
	Now   func() time.Time
	// Idle is how long an account nobody asks for stays in memory; zero is ten minutes.
	Idle time.Duration
}
