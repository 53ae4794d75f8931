package push

import (
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// Config bounds what is remembered for gateways.
type Config struct {
	TTL        time.Duration `env:"BACKEND_FRESHNESS_WINDOW" envDefault:"5m" help:"How long a push event can be replayed; the gateway's freshness window."`
	RingEvents int           `env:"BACKEND_PUSH_RING_EVENTS" envDefault:"65536" help:"Most push events kept for replay."`
	RingBytes  int           `env:"BACKEND_PUSH_RING_BYTES" envDefault:"67108864" help:"Most bytes of push events kept for replay."`
	Queue      int           `env:"BACKEND_PUSH_QUEUE" envDefault:"1024" help:"Most push events that wait for one gateway; the oldest is dropped beyond it."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	var problems []error
	if c.TTL <= 0 {
		problems = append(problems, errors.New("BACKEND_FRESHNESS_WINDOW must be positive"))
	}
	if c.RingEvents < 1 {
		problems = append(problems, errors.New("BACKEND_PUSH_RING_EVENTS must be at least 1"))
	}
	if c.RingBytes < 1 {
		problems = append(problems, errors.New("BACKEND_PUSH_RING_BYTES must be at least 1"))
	}
	if c.Queue < 1 {
		problems = append(problems, errors.New("BACKEND_PUSH_QUEUE must be at least 1"))
	}
	return errors.Join(problems...)
}

// Deps are what the hub needs.
type Deps struct {
	Config Config
	// Boot is a number that no earlier process lifetime had; the high bits of every cursor.
	Boot  uint64
	Now   func() time.Time
	Log   *zap.Logger
	Meter metric.Meter
}
