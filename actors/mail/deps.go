package mail

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"galaxy/backend/galaxy"
)

// Config says how mails are sent.
type Config struct {
	Interval    time.Duration `env:"BACKEND_MAIL_WORKER_INTERVAL" envDefault:"2s" help:"How often a mail worker looks for mails by itself."`
	MaxAttempts int           `env:"BACKEND_MAIL_MAX_ATTEMPTS" envDefault:"8" help:"Attempts at a mail before it is dead-lettered."`
	Workers     int           `env:"BACKEND_MAIL_WORKERS" envDefault:"4" help:"Mails that are sent at once."`
	Rate        float64       `env:"BACKEND_MAIL_RATE_PER_SECOND" envDefault:"0" help:"Most mails per second; 0 for no bound."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	var problems []error
	if c.Interval <= 0 {
		problems = append(problems, errors.New("BACKEND_MAIL_WORKER_INTERVAL must be positive"))
	}
	if c.MaxAttempts < 1 {
		problems = append(problems, errors.New("BACKEND_MAIL_MAX_ATTEMPTS must be at least 1"))
	}
	if c.Workers < 1 || c.Workers > 256 {
		problems = append(problems, errors.New("BACKEND_MAIL_WORKERS must be 1 to 256"))
	}
	if c.Rate < 0 {
		problems = append(problems, errors.New("BACKEND_MAIL_RATE_PER_SECOND must not be negative"))
	}
	return errors.Join(problems...)
}

func (c Config) limiter() *rate.Limiter {
	if c.Rate == 0 {
		return rate.NewLimiter(rate.Inf, 1)
	}
	return rate.NewLimiter(rate.Limit(c.Rate), 1)
}

// Store is the outbox.
type Store interface {
	ClaimDeliveries(ctx context.Context, now time.Time, n int, lease time.Duration) ([]galaxy.Delivery, error)
	RecordDelivery(ctx context.Context, r galaxy.DeliveryRecord) error
	MailDepth(ctx context.Context) (map[galaxy.DeliveryState]int64, error)
}

// Deps are what the pool needs.
type Deps struct {
	Config Config
	Store  Store
	// Send hands a mail to the relay, and heeds the context's deadline.
	Send func(ctx context.Context, m galaxy.Mail) galaxy.SendResult
	// Render makes subject and text of a mail.
	Render func(template string, payload json.RawMessage) (subject, text string, err error)
	Now    func() time.Time
	Log    *zap.Logger
	Meter  metric.Meter
}
