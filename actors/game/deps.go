package game

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"

	"galaxy/backend/actors/engine"
	"galaxy/backend/galaxy"
)

// Config bounds games.
type Config struct {
	MinTurnInterval time.Duration `env:"BACKEND_LOBBY_MIN_TURN_INTERVAL" envDefault:"5m" help:"Shortest time allowed between two turns of a schedule."`
	InviteTTL       time.Duration `env:"BACKEND_LOBBY_INVITE_DEFAULT_TTL" envDefault:"168h" help:"How long an invite can be redeemed that names no end."`
	EarlyDelay      time.Duration `env:"BACKEND_RUNTIME_EARLY_TURN_DELAY" envDefault:"120s" help:"How long players may change their minds after all have said that they are ready, before the turn is made early."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	var problems []error
	if c.MinTurnInterval < 0 {
		problems = append(problems, errors.New("BACKEND_LOBBY_MIN_TURN_INTERVAL must not be negative"))
	}
	if c.InviteTTL <= 0 {
		problems = append(problems, errors.New("BACKEND_LOBBY_INVITE_DEFAULT_TTL must be positive"))
	}
	if c.EarlyDelay < 0 {
		problems = append(problems, errors.New("BACKEND_RUNTIME_EARLY_TURN_DELAY must not be negative"))
	}
	return errors.Join(problems...)
}

// Store holds the games.
type Store interface {
	Game(ctx context.Context, id galaxy.GameID) (galaxy.Game, error)
	GameByKey(ctx context.Context, by galaxy.Principal, key string) (galaxy.Game, error)
	ApplicationByKey(ctx context.Context, user galaxy.UserID, key string) (galaxy.Application, error)
	Application(ctx context.Context, game galaxy.GameID, id galaxy.ApplicationID) (galaxy.Application, error)
	Invite(ctx context.Context, game galaxy.GameID, id galaxy.InviteID) (galaxy.Invite, error)
	InviteByKey(ctx context.Context, by galaxy.Principal, key string) (galaxy.Invite, error)
	Settlement(ctx context.Context, game galaxy.GameID, epoch int) (galaxy.Settlement, error)
	CommitGame(ctx context.Context, c galaxy.GameChange) (galaxy.Game, error)
	EngineVersions(ctx context.Context) ([]galaxy.EngineVersion, error)
	PlayerStats(ctx context.Context, id galaxy.GameID, epoch, turn int) ([]galaxy.EnginePlayer, error)
	SaveOrders(ctx context.Context, o galaxy.StoredOrders) error
	Orders(ctx context.Context, game galaxy.GameID, epoch, turn int, race string) (galaxy.StoredOrders, error)
	SaveBatch(ctx context.Context, b galaxy.StoredBatch) error
	TurnOrders(ctx context.Context, game galaxy.GameID, epoch, turn int) ([]galaxy.StoredOrders, error)
}

// Names is who holds every race name.
type Names interface {
	Holder(key string) (galaxy.UserID, galaxy.NameStatus, bool)
	Committed(changes []galaxy.NameChange)
	Refresh(ctx context.Context, keys ...string) error
}

// Deps are what all games share.
type Deps struct {
	Config Config
	Store  Store
	Engine *engine.Deps
	Names  Names
	// NameTTL is how long a race name that was won may be registered.
	NameTTL time.Duration
	// Warm holds the games that were read at the start.
	Warm *Warm
	// Rights gives what a player may do; false when there is no such player.
	Rights func(galaxy.UserID) (galaxy.Rights, bool)
	// Outages gives the times in which no backend served, in the order of time. nil: there were none.
	Outages func() []galaxy.Outage
	// Generation numbers the unbroken times of service. It is read before Outages: what is decided in one is not
	// stored in the next. nil: there is one.
	Generation func() int64
	// DiskLow reports whether there is too little space for the state of another game. nil: never.
	DiskLow func() bool
	// Meter counts turns. nil: nobody does.
	Meter metric.Meter
	// WakeNotify tells the notice worker that notices were stored.
	WakeNotify func()
	Now        func() time.Time
	Log        *zap.Logger
	// Idle is how long a game that nothing is wanted of stays in memory, and Retry how long a fact waits that could not
	// be stored. Zero is ten minutes, and half a second.
	Idle, Retry time.Duration
	// Refetch is how long reports wait that could not be read.
	Refetch time.Duration

	uses     *atomic.Uint64 // of engines' actors, so far: no two have one number
	turns    metric.Int64Counter
	lateness metric.Float64Histogram
}

// measure makes what turns are counted by.
func (d *Deps) measure() (err error) {
	if d.Meter == nil {
		d.Meter = noop.Meter{}
	}
	if d.turns, err = d.Meter.Int64Counter("runtime_turns", metric.WithDescription("Lines of games' timelines, by outcome.")); err != nil {
		return err
	}
	d.lateness, err = d.Meter.Float64Histogram("runtime_turn_lateness", metric.WithUnit("s"), metric.WithDescription("From a deadline to the commit of its turn."))
	return err
}

// count counts what became of deadlines.
func (d *Deps) count(ctx context.Context, lines []galaxy.TimelineEntry) {
	for _, l := range lines {
		d.turns.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", string(l.Outcome))))
		if l.Outcome == galaxy.TimelineRan {
			d.lateness.Record(ctx, l.Lateness.Seconds())
		}
	}
}
