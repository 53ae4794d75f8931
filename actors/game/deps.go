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
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	if c.MinTurnInterval < 0 {
		return errors.New("BACKEND_LOBBY_MIN_TURN_INTERVAL must not be negative")
	}
	return nil
}

// Store holds the games.
type Store interface {
	Game(ctx context.Context, id galaxy.GameID) (galaxy.Game, error)
	GameByKey(ctx context.Context, by galaxy.Principal, key string) (galaxy.Game, error)
	ApplicationByKey(ctx context.Context, user galaxy.UserID, key string) (galaxy.Application, error)
	CommitGame(ctx context.Context, c galaxy.GameChange) (galaxy.Game, error)
	EngineVersions(ctx context.Context) ([]galaxy.EngineVersion, error)
	PlayerStats(ctx context.Context, id galaxy.GameID, epoch, turn int) ([]galaxy.EnginePlayer, error)
	SaveOrders(ctx context.Context, o galaxy.StoredOrders) error
	Orders(ctx context.Context, game galaxy.GameID, epoch, turn int, race string) (galaxy.StoredOrders, error)
	TurnOrders(ctx context.Context, game galaxy.GameID, epoch, turn int) ([]galaxy.StoredOrders, error)
}

// Deps are what all games share.
type Deps struct {
	Config Config
	Store  Store
	Engine *engine.Deps
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
