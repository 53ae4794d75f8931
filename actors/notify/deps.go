package notify

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"galaxy/backend/actors/push"
	"galaxy/backend/galaxy"
)

// Config says how notices are told.
type Config struct {
	Interval    time.Duration `env:"BACKEND_NOTIFICATION_WORKER_INTERVAL" envDefault:"5s" help:"How often the notification worker looks for routes by itself."`
	MaxAttempts int           `env:"BACKEND_NOTIFICATION_MAX_ATTEMPTS" envDefault:"8" help:"Attempts at a route before it is dead-lettered."`
	AdminEmail  string        `env:"BACKEND_NOTIFICATION_ADMIN_EMAIL" help:"Address to which operators are mailed what happens to engines and games (kinds runtime.*). Unset, such notices are logged and recorded as skipped."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	var problems []error
	if c.Interval <= 0 {
		problems = append(problems, errors.New("BACKEND_NOTIFICATION_WORKER_INTERVAL must be positive"))
	}
	if c.MaxAttempts < 1 {
		problems = append(problems, errors.New("BACKEND_NOTIFICATION_MAX_ATTEMPTS must be at least 1"))
	}
	if _, err := c.operators(); err != nil {
		problems = append(problems, errors.New("BACKEND_NOTIFICATION_ADMIN_EMAIL must be one address, such as ops@example.com"))
	}
	return errors.Join(problems...)
}

// operators gives the operators' address in the form that accounts have theirs, and none when none is set.
func (c Config) operators() (string, error) {
	if c.AdminEmail == "" {
		return "", nil
	}
	return galaxy.NormalEmail(c.AdminEmail)
}

// Store holds the routes.
type Store interface {
	ClaimRoutes(ctx context.Context, now time.Time, n int, lease time.Duration) ([]galaxy.Route, error)
	RecordRoutes(ctx context.Context, records []galaxy.RouteRecord) error
}

// Deps are what the worker needs.
type Deps struct {
	Config Config
	Store  Store
	// Publish asks the hub.
	Publish func(ctx context.Context, p push.Publish) error
	// WakeMail tells the mail workers that a mail is queued.
	WakeMail func()
	Now      func() time.Time
	Log      *zap.Logger
	Meter    metric.Meter
}
