package actors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"galaxy/backend/actors/account"
	"galaxy/backend/actors/admin"
	"galaxy/backend/actors/auth"
	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/mail"
	"galaxy/backend/actors/notify"
	"galaxy/backend/actors/push"
	"galaxy/backend/actors/session"
	"galaxy/backend/actors/sweeper"
	"galaxy/backend/actors/versions"
	"galaxy/backend/galaxy"
)

// Config is that of all actors.
type Config struct {
	Auth   auth.Config
	Admin  admin.Config
	Game   game.Config
	Engine engine.Config
	Push   push.Config
	Notify notify.Config
	Mail   mail.Config
}

// All gives the configs one by one, for whoever loads or lists them.
func (c *Config) All() []any {
	return []any{&c.Auth, &c.Admin, &c.Game, &c.Engine, &c.Push, &c.Notify, &c.Mail}
}

// Store is everything that the actors keep.
type Store interface {
	auth.Store
	session.Store
	account.Store
	versions.Store
	admin.Store
	game.Store
	notify.Store
	mail.Store
	DueGames(ctx context.Context, now time.Time, limit int) ([]galaxy.GameID, error)
	LiveGames(ctx context.Context) ([]galaxy.GameID, error)
	NextPushBoot(ctx context.Context) (uint64, error)
	Secret(ctx context.Context, name string, fresh func() []byte) ([]byte, error)
}

// Deps are what the system needs of the outside.
type Deps struct {
	Config     Config
	Store      Store
	Containers engine.Containers
	Engines    engine.Client
	Pace       engine.Pace
	Send       func(ctx context.Context, m galaxy.Mail) galaxy.SendResult
	Render     func(template string, payload json.RawMessage) (subject, text string, err error)
	Country    func(netip.Addr) string
	Now        func() time.Time
	Log        *zap.Logger
	Tracers    trace.TracerProvider
	Meter      metric.Meter
	// BcryptCost is for tests; zero is the service's own.
	BcryptCost int
}

// System is everything that runs, by address.
type System struct {
	kit *kit.System

	Push, Notify, Mail, Versions, Admin, Sweeper kit.Ref

	Auth     *kit.Family[string]
	Sessions *kit.Family[galaxy.SessionID]
	Accounts *kit.Family[galaxy.UserID]
	Games    *kit.Family[galaxy.GameID]
	Table    *session.Table
}

// forever is how roots are met when they fail: they are never given up.
var forever = kit.Backoff{Min: 100 * time.Millisecond, Max: 30 * time.Second, Retries: 1 << 30, Within: time.Minute}

// members is how families meet their children; one that is given up comes back with the next message for it.
var members = kit.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second, Retries: 10, Within: 10 * time.Minute}

// Start starts everything. The session table is warm when it returns; games that should be alive are being woken.
func Start(ctx context.Context, d Deps) (*System, error) {
	key, boot, err := prepare(ctx, d)
	if err != nil {
		return nil, err
	}
	s := &System{kit: kit.NewSystem(d.Log, d.Tracers.Tracer("galaxy/backend/actors"))}
	if s.Table, err = session.Warm(ctx, d.Store); err != nil {
		return nil, fmt.Errorf("warm the sessions: %w", err)
	}
	engines, err := engine.New(engine.Deps{Config: d.Config.Engine, Containers: d.Containers, Client: d.Engines, Log: d.Log.Named("engine"), Pace: d.Pace}, d.Meter)
	if err != nil {
		return nil, err
	}
	gate := admin.Deps{Store: d.Store, Now: d.Now, Key: key, Cost: d.BcryptCost}
	if made, err := admin.Bootstrap(ctx, gate, d.Config.Admin); err != nil {
		return nil, fmt.Errorf("make the first operator: %w", err)
	} else if made {
		d.Log.Info("the first operator was made", zap.String("username", d.Config.Admin.BootstrapUser))
	}
	sys := s.kit
	var problems []error
	root := func(ref kit.Ref, err error) kit.Ref {
		problems = append(problems, err)
		return ref
	}
	s.Push = root(push.Start(sys, push.Deps{Config: d.Config.Push, Boot: boot, Now: d.Now, Log: d.Log.Named("push"), Meter: d.Meter}, forever))
	s.Mail = root(mail.Start(sys, mail.Deps{Config: d.Config.Mail, Store: d.Store, Send: d.Send, Render: d.Render, Now: d.Now, Log: d.Log.Named("mail"), Meter: d.Meter}, forever))
	wakeMail := func() { kit.Tell(s.Mail, mail.Wake{}) }
	s.Notify = root(notify.Start(sys, notify.Deps{Config: d.Config.Notify, Store: d.Store, WakeMail: wakeMail, Now: d.Now, Log: d.Log.Named("notify"), Meter: d.Meter,
		Publish: func(ctx context.Context, p push.Publish) error {
			_, err := kit.Ask(ctx, s.Push, p)
			return err
		}}, forever))
	s.Versions = root(versions.Start(sys, versions.Deps{Store: d.Store, Now: d.Now}, forever))
	s.Admin = root(admin.Start(sys, gate, forever))
	s.Sessions, err = session.Start(sys, session.Deps{Store: d.Store, Now: d.Now, Log: d.Log.Named("session")}, members)
	problems = append(problems, err)
	s.Accounts, err = account.Start(sys, account.Deps{Store: d.Store, Now: d.Now}, members)
	problems = append(problems, err)
	s.Auth, err = auth.Start(sys, auth.Deps{Config: d.Config.Auth, Store: d.Store, Key: key, Born: s.Table.Add, WakeMail: wakeMail, Country: d.Country, Now: d.Now}, members)
	problems = append(problems, err)
	s.Games, err = game.Start(sys, game.Deps{Config: d.Config.Game, Store: d.Store, Engine: engines, Now: d.Now, Log: d.Log.Named("game"),
		WakeNotify: func() { kit.Tell(s.Notify, notify.Wake{}) }}, members)
	problems = append(problems, err)
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	s.Sweeper, err = sweeper.Start(sys, sweeper.Deps{Store: d.Store, Now: d.Now, Log: d.Log.Named("sweeper"),
		Wake: func(id galaxy.GameID) { kit.Tell(s.Games.Ref(id), game.Wake{}) }}, forever)
	return s, err
}

// prepare reads what every start needs first: the key of codes and the number of this process lifetime.
func prepare(ctx context.Context, d Deps) (key []byte, boot uint64, err error) {
	key = []byte(d.Config.Auth.SecretKey)
	if len(key) == 0 {
		if key, err = d.Store.Secret(ctx, "secret_key", freshKey); err != nil {
			return nil, 0, fmt.Errorf("read the secret key: %w", err)
		}
	}
	if boot, err = d.Store.NextPushBoot(ctx); err != nil {
		return nil, 0, fmt.Errorf("number this process lifetime: %w", err)
	}
	return key, boot, nil
}

// Used tells a session that its device was used.
func (s *System) Used(id galaxy.SessionID) { kit.Tell(s.Sessions.Ref(id), session.Used{Session: id}) }

// StopMails lets the mails in hand be sent, and takes no more.
func (s *System) StopMails(ctx context.Context) error { return s.kit.Stop(ctx, s.Mail) }

// DrainPush sends gateways what is queued for them, and then ends their streams.
func (s *System) DrainPush(ctx context.Context) error {
	if err := s.kit.Stop(ctx, s.Notify); err != nil {
		return err
	}
	_, err := kit.Ask(ctx, s.Push, push.Drain{})
	return err
}

// Stop ends everything else. Engines keep running.
func (s *System) Stop(ctx context.Context) error {
	return s.kit.Shutdown(ctx, s.Sweeper, s.Games.Root(), s.Auth.Root(), s.Sessions.Root(), s.Accounts.Root(), s.Versions, s.Admin, s.Notify, s.Mail, s.Push)
}
