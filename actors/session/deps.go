package session

import (
	"context"
	"time"

	"go.uber.org/zap"

	"galaxy/backend/galaxy"
)

// Store holds the sessions.
type Store interface {
	LiveSessions(ctx context.Context, each func(galaxy.Session)) error
	TouchSession(ctx context.Context, id galaxy.SessionID, seen time.Time) error
}

// Deps are what the sessions need.
type Deps struct {
	Store Store
	Now   func() time.Time
	Log   *zap.Logger
	// Debounce is how long a device's use waits to be stored; Idle how long an unused session's actor stays. Zero is
	// a minute, and five.
	Debounce, Idle time.Duration
}
