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

// Store knows what is due.
type Store interface {
	DueGames(ctx context.Context, now time.Time, limit int) ([]galaxy.GameID, error)
	LiveGames(ctx context.Context) ([]galaxy.GameID, error)
	LapsedGames(ctx context.Context, now time.Time, limit int) ([]galaxy.GameID, error)
	DeletingUsers(ctx context.Context, limit int) ([]galaxy.UserID, error)
	ExpiredUsers(ctx context.Context, now time.Time, limit int) ([]galaxy.UserID, error)
	PurgeChallenges(ctx context.Context, before time.Time, n int) (int, error)
	PurgeNameHistory(ctx context.Context, before time.Time, n int) (int, error)
	PurgeReports(ctx context.Context, before time.Time, n int) (int, error)
	PurgeSessions(ctx context.Context, before time.Time, n int) (int, error)
	KeepAudit(ctx context.Context, now, before time.Time) (dropped int, err error)
}

// Deps are what the sweeper needs.
type Deps struct {
	Config Config
	// SessionRetention is how long revoked sessions are kept.
	SessionRetention time.Duration
	// NameRetention is how long the history of race names is kept.
	NameRetention time.Duration
	// Lobby is how often games are looked for whose enrolment, or an invite to which, has ended.
	Lobby time.Duration
	Store Store
	// WakeGame and WakeUser tell one to look at what is due.
	WakeGame func(galaxy.GameID)
	WakeUser func(galaxy.UserID)
	Now      func() time.Time
	Log      *zap.Logger
	// Skew gives by how much the database's clock is ahead of the host's, as far as that is known. nil: nobody looks.
	Skew func() (ahead time.Duration, known bool)
	// Alert stores a notice to operators, and WakeNotify tells the notice worker of it. They go with Skew.
	Alert      func(ctx context.Context, at time.Time, n galaxy.Notice) error
	WakeNotify func()
	// Interval between sweeps, Purge between purges, and Clocks between looks at the skew; zero is 30 seconds, an
	// hour, and five seconds.
	Interval, Purge, Clocks time.Duration
}

const (
	limit        = 1000 // of games in one sweep; the rest comes with the next
	sweepTimeout = 20 * time.Second
	firstPurge   = time.Minute // after the start, which has other things to do
)

type sweeper struct {
	Deps
	timers kit.Timers
	begun  bool // the games that were alive have been woken
	cancel context.CancelFunc
	skew   galaxy.SkewEpisode
}

// CatchUp tells that nobody was served for a while: every game that is alive is woken, as at the start.
type CatchUp struct{}

// Start starts the sweeper.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (kit.Ref, error) {
	d.Lobby = cmp.Or(d.Lobby, time.Minute)
	d.Interval, d.Purge = cmp.Or(d.Interval, 30*time.Second), cmp.Or(d.Purge, time.Hour)
	d.Clocks = cmp.Or(d.Clocks, 5*time.Second)
	return sys.Spawn("sweeper", sys.Props(func() actor.Actor { return &sweeper{Deps: d} }, kit.Kind("sweeper")), strategy)
}

const (
	sweep  = "sweep"
	lobby  = "lobby"
	purge  = "purge"
	clocks = "clocks"
)

// purged tells that a purge is over.
type purged struct{ err error }

// Receive sweeps and purges.
func (s *sweeper) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		s.timers.Start(c, sweep, 0)
		s.timers.Start(c, lobby, 0)
		s.timers.Start(c, purge, min(s.Purge, firstPurge))
		if s.Skew != nil {
			s.timers.Start(c, clocks, 0)
		}
	case CatchUp:
		s.begun = false
		s.timers.Start(c, sweep, 0)
	case kit.Tick:
		s.onTick(c, m)
	case purged:
		if m.err != nil {
			s.Log.Warn("a purge did not come to its end; it goes on with the next one", zap.Error(m.err))
		}
		s.cancel = nil
		s.timers.Start(c, purge, s.Purge)
	case *actor.Stopping, *actor.Restarting:
		s.timers.CancelAll()
		if s.cancel != nil {
			s.cancel()
		}
	}
}

func (s *sweeper) onTick(c actor.Context, m kit.Tick) {
	if !s.timers.Fired(m) {
		return
	}
	switch m.Name {
	case sweep:
		s.sweep(kit.TraceContext(c))
		s.timers.Start(c, sweep, s.Interval)
	case lobby:
		s.lobby(kit.TraceContext(c))
		s.timers.Start(c, lobby, s.Lobby)
	case clocks:
		s.compareClocks(kit.TraceContext(c))
		s.timers.Start(c, clocks, s.Clocks)
	case purge:
		s.cancel = kit.Job(c, purgeTimeout, func(ctx context.Context) any { return purged{s.purge(ctx)} }, func(err error) any { return purged{err} })
	}
}

func (s *sweeper) sweep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	games, err := s.due(ctx)
	if err != nil {
		s.Log.Warn("the games that are due could not be read", zap.Error(err))
	}
	for _, id := range games {
		s.WakeGame(id)
	}
	users, err := s.dueUsers(ctx)
	if err != nil {
		s.Log.Warn("the accounts that are due could not be read", zap.Error(err))
	}
	for _, id := range users {
		s.WakeUser(id)
	}
}

// lobby wakes the games that something has lapsed in; each does itself what is to be done.
func (s *sweeper) lobby(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	games, err := s.Store.LapsedGames(ctx, s.Now(), limit)
	if err != nil {
		s.Log.Warn("the games that have lapsed could not be read", zap.Error(err))
	}
	for _, id := range games {
		s.WakeGame(id)
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

// dueUsers are those whose deletion is under way, and those whose tier has ended.
func (s *sweeper) dueUsers(ctx context.Context) ([]galaxy.UserID, error) {
	deleting, err := s.Store.DeletingUsers(ctx, limit)
	if err != nil {
		return nil, err
	}
	expired, err := s.Store.ExpiredUsers(ctx, s.Now(), limit)
	return append(deleting, expired...), err
}
