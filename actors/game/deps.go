package game

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"galaxy/backend/actors/engine"
	"galaxy/backend/galaxy"
)

// Config bounds games.
type Config struct {
	MinTurnInterval time.Duration `env:"BACKEND_LOBBY_MIN_TURN_INTERVAL" envDefault:"5m" help:"Shortest time allowed between two turns of a schedule."`
	InviteTTL       time.Duration `env:"BACKEND_LOBBY_INVITE_DEFAULT_TTL" envDefault:"168h" help:"How long an invite can be redeemed that names no end."`
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
	// WakeNotify tells the notice worker that notices were stored.
	WakeNotify func()
	Now        func() time.Time
	Log        *zap.Logger
	// Idle is how long a game that nothing is wanted of stays in memory, and Retry how long a fact waits that could not
	// be stored. Zero is ten minutes, and half a second.
	Idle, Retry time.Duration
}
