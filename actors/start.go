package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"galaxy/backend/actors/account"
	"galaxy/backend/actors/admin"
	"galaxy/backend/actors/auth"
	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/game"
	"galaxy/backend/actors/geo"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/mail"
	"galaxy/backend/actors/notify"
	"galaxy/backend/actors/push"
	"galaxy/backend/actors/races"
	"galaxy/backend/actors/reconciler"
	"galaxy/backend/actors/session"
	"galaxy/backend/actors/sweeper"
	"galaxy/backend/actors/versions"
	"galaxy/backend/galaxy"
)

// seenInterval is how often it is stored when devices were last seen.
const seenInterval = 5 * time.Second

// starter starts the parts of the system, and keeps what went wrong.
type starter struct {
	*System
	Deps
	key      []byte
	active   *game.Warm
	problems []error
}

func (s *starter) problem(err error) { s.problems = append(s.problems, err) }

func (s *starter) root(ref kit.Ref, err error) kit.Ref {
	s.problem(err)
	return ref
}

// Start starts everything. Sessions, players' rights, operators, race names and the games that players have to do with are in
// memory when it returns; the games are being woken, and deletions gone on with.
func Start(ctx context.Context, d Deps) (*System, error) {
	key, boot, err := prepare(ctx, d)
	if err != nil {
		return nil, err
	}
	s := &starter{System: &System{Disk: &reconciler.Disk{}, kit: kit.NewSystem(d.Log, d.Tracers.Tracer("galaxy/backend/actors"), kit.WithClock(d.Clock))}, Deps: d, key: key}
	if err := s.warm(ctx); err != nil {
		return nil, err
	}
	s.tell(boot)
	s.identity(ctx)
	if err := s.play(); err != nil {
		return nil, err
	}
	if err := errors.Join(s.problems...); err != nil {
		return nil, err
	}
	s.Sweeper, err = sweeper.Start(s.kit, sweeper.Deps{Config: d.Config.Sweeper, SessionRetention: d.Config.Session.Retention,
		NameRetention: d.Config.Races.Retention, Lobby: d.Config.Races.Interval, Store: d.Store, Now: d.Now,
		Log:      d.Log.Named("sweeper"),
		WakeGame: s.wakeGame,
		WakeUser: func(id galaxy.UserID) { kit.Tell(s.Accounts.Ref(id), account.Look{}) },
		Skew:     d.Skew, Alert: d.Store.Alert, WakeNotify: s.wakeNotify}, forever)
	return s.System, err
}

// warm reads what is answered from memory from the first request on, all at once.
func (s *starter) warm(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	read(g, "the sessions", &s.Table, func() (*session.Table, error) { return session.Warm(ctx, s.Store) })
	read(g, "the players' rights", &s.Rights, func() (*account.Rights, error) { return account.Warm(ctx, s.Store) })
	read(g, "the race names", &s.Names, func() (*races.Names, error) { return races.Warm(ctx, s.Store) })
	read(g, "the games", &s.active, func() (*game.Warm, error) { return game.ReadWarm(ctx, s.Store) })
	return g.Wait()
}

func read[T any](g *errgroup.Group, what string, into *T, warm func() (T, error)) {
	g.Go(func() error {
		v, err := warm()
		if err != nil {
			return fmt.Errorf("warm %s: %w", what, err)
		}
		*into = v
		return nil
	})
}

// tell starts what brings news to players: the push stream, mails and notices.
func (s *starter) tell(boot uint64) {
	s.Push = s.root(push.Start(s.kit, push.Deps{Config: s.Config.Push, Boot: boot, Now: s.Now, Log: s.Log.Named("push"), Meter: s.Meter}, forever))
	s.Mail = s.root(mail.Start(s.kit, mail.Deps{Config: s.Config.Mail, Store: s.Store, Send: s.Send, Render: s.Render, Now: s.Now, Log: s.Log.Named("mail"), Meter: s.Meter}, forever))
	s.Notify = s.root(notify.Start(s.kit, notify.Deps{Config: s.Config.Notify, Store: s.Store, WakeMail: s.wakeMail, Now: s.Now, Log: s.Log.Named("notify"), Meter: s.Meter,
		Publish: func(ctx context.Context, p push.Publish) error {
			_, err := kit.Ask(ctx, s.Push, p)
			return err
		}}, forever))
}

func (s *starter) wakeNotify() { kit.Tell(s.Notify, notify.Wake{}) }

func (s *starter) wakeMail() { kit.Tell(s.Mail, mail.Wake{}) }

// identity starts what knows players and operators.
func (s *starter) identity(ctx context.Context) {
	var err error
	s.Known = admin.NewKnown(s.key, s.Now)
	gate := admin.Deps{Store: s.Store, Known: s.Known, Now: s.Now, Cost: s.BcryptCost}
	if made, err := admin.Bootstrap(ctx, gate, s.Config.Admin); err != nil {
		s.problem(fmt.Errorf("make the first operator: %w", err))
	} else if made {
		s.Log.Info("the first operator was made", zap.String("username", s.Config.Admin.BootstrapUser))
	}
	s.Admin = s.root(admin.Start(ctx, s.kit, gate, forever))
	s.requests = geo.NewCounter()
	s.Geo = s.root(geo.Start(s.kit, geo.Deps{Config: s.Config.Geo, Counter: s.requests, Store: s.Store, Country: s.Country, Now: s.Now, Log: s.Log.Named("geo")}, forever))
	s.seen = s.root(session.StartSeen(s.kit, s.Store, s.Log.Named("session"), seenInterval, forever))
	s.Sessions, err = session.Start(s.kit, session.Deps{Store: s.Store, Table: s.Table, Seen: s.seen, Hub: s.Push, Now: s.Now, Log: s.Log.Named("session")}, members)
	s.problem(err)
	s.Accounts, err = account.Start(s.kit, account.Deps{Store: s.Store, Rights: s.Rights, Sessions: s.Table, Hub: s.Push, LeaveGames: s.leaveGames, NamesReleased: s.Names.RefreshOf,
		WakeMail: s.wakeMail, Now: s.Now, Log: s.Log.Named("account")}, members)
	s.problem(err)
	s.Auth, err = auth.Start(s.kit, auth.Deps{Config: s.Config.Auth, Store: s.Store, Key: s.key, WakeMail: s.wakeMail, Country: s.Country, Now: s.Now,
		Log: s.Log.Named("auth"), Meter: s.Meter,
		Born: func(session galaxy.Session, a galaxy.Account, fresh bool) {
			if fresh {
				s.Rights.Add(a)
			}
			s.Table.Add(session)
		},
		Changed: func(id galaxy.UserID) { kit.Tell(s.Accounts.Ref(id), account.Changed{}) }}, members)
	s.problem(err)
}

// play starts games and what they stand on.
func (s *starter) play() error {
	engines, err := engine.New(engine.Deps{Config: s.Config.Engine, Containers: s.Containers, Client: s.Engines, Log: s.Log.Named("engine"), Pace: s.Pace,
		Serving: s.Serving}, s.Meter)
	if err != nil {
		return err
	}
	s.Versions = s.root(versions.Start(s.kit, versions.Deps{Store: s.Store, Now: s.Now}, forever))
	s.Races = s.root(races.Start(s.kit, races.Deps{Config: s.Config.Races, Store: s.Store, Names: s.Names, Rights: s.Rights.Of, WakeNotify: s.wakeNotify,
		Now: s.Now, Log: s.Log.Named("races")}, forever))
	s.Games, err = game.Start(s.kit, game.Deps{Config: s.Config.Game, Store: s.Store, Engine: engines, Names: s.Names, NameTTL: s.Config.Races.NameTTL,
		Outages: s.Outages, Generation: s.Generation, Meter: s.Meter, Warm: s.active, DiskLow: s.Disk.Low, Rights: s.Rights.Of, WakeNotify: s.wakeNotify, Now: s.Now,
		Log: s.Log.Named("game")}, members)
	if err != nil {
		return err
	}
	for _, id := range s.active.IDs() {
		s.wakeGame(id)
	}
	s.Reconciler, err = reconciler.Start(s.kit, reconciler.Deps{Config: s.Config.Reconciler, Containers: s.Containers, Store: s.Store, Disk: s.Disk,
		Seen: func(seen galaxy.Sighting) {
			kit.Tell(s.Games.Ref(seen.Game), game.Seen{State: seen.State, Wanted: seen.Wanted})
		},
		CleanUp: func(id galaxy.GameID) { kit.Tell(s.Games.Ref(id), game.CleanUp{}) },
		Adopt:   func(c galaxy.Container) { kit.Tell(s.Games.Ref(c.Game), game.Adopt{Container: c}) },
		States:  s.Containers, Copies: s.Store, Serving: s.serving(), ClearAfter: s.ClearAfter,
		Wake: s.wakeGame, WakeNotify: s.wakeNotify, Now: s.Now, Log: s.Log.Named("reconciler"), Meter: s.Meter}, forever)
	return err
}

// serving tells whether this backend serves the database right now.
func (s *starter) serving() func() bool {
	if s.Serving == nil {
		return func() bool { return true }
	}
	return s.Serving
}

func (s *starter) wakeGame(id galaxy.GameID) { kit.Tell(s.Games.Ref(id), game.Wake{}) }

// leaveGames takes a player out of every game that does not run yet. It is called outside of actors.
func (s *starter) leaveGames(ctx context.Context, user galaxy.UserID) error {
	waiting, err := s.Store.WaitingGames(ctx, user)
	for _, id := range waiting {
		if _, err := kit.Ask(ctx, s.Games.Ref(id), game.Forget{User: user}); err != nil {
			return err
		}
	}
	return err
}
