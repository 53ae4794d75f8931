package sweeper

import (
	"cmp"
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// Store knows which games are due.
type Store interface {
	DueGames(ctx context.Context, now time.Time, limit int) ([]galaxy.GameID, error)
	LiveGames(ctx context.Context) ([]galaxy.GameID, error)
}

// Deps are what the sweeper needs.
type Deps struct {
	Store Store
	// Wake tells a game to look at what is due.
	Wake func(galaxy.GameID)
	Now  func() time.Time
	Log  *zap.Logger
	// Interval between sweeps; zero is 30 seconds.
	Interval time.Duration
}

const (
	interval = 30 * time.Second
	limit    = 1000 // of games in one sweep; the rest comes with the next
)

type sweeper struct {
	Deps
	timers kit.Timers
	begun  bool // the games that were alive have been woken
}

// Start starts the sweeper.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (kit.Ref, error) {
	d.Interval = cmp.Or(d.Interval, interval)
	return sys.Spawn("sweeper", sys.Props(func() actor.Actor { return &sweeper{Deps: d} }), strategy)
}

const sweep = "sweep"

// Receive sweeps.
func (s *sweeper) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		s.timers.Start(c, sweep, 0)
	case kit.Tick:
		if s.timers.Fired(m) {
			s.sweep(kit.TraceContext(c))
			s.timers.Start(c, sweep, s.Interval)
		}
	case *actor.Stopping, *actor.Restarting:
		s.timers.CancelAll()
	}
}

func (s *sweeper) sweep(ctx context.Context) {
	due, err := s.due(ctx)
	if err != nil {
		s.Log.Warn("the games that are due could not be read", zap.Error(err))
	}
	for _, id := range due {
		s.Wake(id)
	}
}

func (s *sweeper) due(ctx context.Context) ([]galaxy.GameID, error) {
	if s.begun {
		return s.Store.DueGames(ctx, s.Now(), limit)
	}
	live, err := s.Store.LiveGames(ctx)
	s.begun = err == nil
	return live, err
}
