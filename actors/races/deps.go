package races

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"galaxy/backend/galaxy"
)

// Config says how long won names wait, and how often it is looked.
type Config struct {
	NameTTL   time.Duration `env:"BACKEND_LOBBY_PENDING_REGISTRATION_TTL" envDefault:"720h" help:"How long a race name that was won may be registered."`
	Interval  time.Duration `env:"BACKEND_LOBBY_SWEEPER_INTERVAL" envDefault:"60s" help:"How often race names that were not registered in time are released, and games whose enrolment has ended are seen to."`
	Retention time.Duration `env:"BACKEND_RACE_NAME_RETENTION" envDefault:"8760h" help:"How long the history of race names is kept."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	var problems []error
	for name, d := range map[string]time.Duration{"BACKEND_LOBBY_PENDING_REGISTRATION_TTL": c.NameTTL, "BACKEND_LOBBY_SWEEPER_INTERVAL": c.Interval,
		"BACKEND_RACE_NAME_RETENTION": c.Retention} {
		if d <= 0 {
			problems = append(problems, errors.New(name+" must be positive"))
		}
	}
	return errors.Join(problems...)
}

// Store holds the directory.
type Store interface {
	HeldKeys(ctx context.Context, each func(key string, user galaxy.UserID, status galaxy.NameStatus, games int)) error
	Names(ctx context.Context, keys ...string) ([]galaxy.HeldName, error)
	NameByKey(ctx context.Context, user galaxy.UserID, key string) (galaxy.HeldName, error)
	ExpiredNames(ctx context.Context, now time.Time, limit int) ([]galaxy.HeldName, error)
	CommitNames(ctx context.Context, c galaxy.DirectoryChange) error
}

// Deps are what the directory's actor needs.
type Deps struct {
	Config Config
	Store  Store
	Names  *Names
	Rights func(galaxy.UserID) (galaxy.Rights, bool)
	// WakeNotify tells the notice worker that notices were stored.
	WakeNotify func()
	Now        func() time.Time
	Log        *zap.Logger
}
