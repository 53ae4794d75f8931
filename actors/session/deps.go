package session

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// Config says how long sessions are remembered.
type Config struct {
	Retention time.Duration `env:"BACKEND_SESSION_RETENTION" envDefault:"2160h" help:"How long a revoked session is kept."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	if c.Retention <= 0 {
		return errors.New("BACKEND_SESSION_RETENTION must be positive")
	}
	return nil
}

// Store holds the sessions.
type Store interface {
	LiveSessions(ctx context.Context, each func(galaxy.SessionID, galaxy.UserID, galaxy.PublicKey)) error
	TouchSessions(ctx context.Context, seen map[galaxy.SessionID]time.Time) error
	RenameSession(ctx context.Context, user galaxy.UserID, id galaxy.SessionID, name string, at time.Time, audit galaxy.Audit) (galaxy.Session, error)
	RevokeSessions(ctx context.Context, r galaxy.Revocation) ([]galaxy.SessionID, error)
}

// Deps are what the sessions need.
type Deps struct {
	Store Store
	Table *Table
	// Seen is the batch that stores when devices were last seen; Hub tells gateways.
	Seen, Hub kit.Ref
	Now       func() time.Time
	Log       *zap.Logger
	// Debounce is how long a device's use waits to be stored; Idle how long an unused session's actor stays. Zero is
	// a minute, and five.
	Debounce, Idle time.Duration
}
