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

// Config is that of all actors.
type Config struct {
	Auth       auth.Config
	Session    session.Config
	Admin      admin.Config
	Geo        geo.Config
	Game       game.Config
	Engine     engine.Config
	Reconciler reconciler.Config
	Races      races.Config
	Push       push.Config
	Notify     notify.Config
	Mail       mail.Config
	Sweeper    sweeper.Config
}

// All gives the configs one by one, for whoever loads or lists them.
func (c *Config) All() []any {
	return []any{&c.Auth, &c.Session, &c.Admin, &c.Geo, &c.Game, &c.Engine, &c.Reconciler, &c.Races, &c.Push, &c.Notify, &c.Mail, &c.Sweeper}
}

// Store is everything that the actors keep.
type Store interface {
	auth.Store
	session.Store
	account.Store
	versions.Store
	admin.Store
	game.Store
	game.WarmStore
	races.Store
	notify.Store
	mail.Store
	geo.Store
	sweeper.Store
	reconciler.Store
	reconciler.Copies
	NamesOf(ctx context.Context, user galaxy.UserID) ([]galaxy.HeldName, error)
	WaitingGames(ctx context.Context, user galaxy.UserID) ([]galaxy.GameID, error)
	NextPushBoot(ctx context.Context) (uint64, error)
	Secret(ctx context.Context, name string, fresh func() []byte) ([]byte, error)
}

// Containers is what the system needs of a driver.
type Containers interface {
	engine.Containers
	reconciler.Containers
	reconciler.States
}

// Deps are what the system needs of the outside.
type Deps struct {
	Config     Config
	Store      Store
	Containers Containers
	Engines    engine.Client
	Pace       engine.Pace
	// Serving reports whether this backend serves the database right now. nil: it always does.
	Serving func() bool
	// Outages gives the times in which no backend served, in the order of time. nil: there were none.
	Outages func() []galaxy.Outage
	// Generation numbers the unbroken times of service, and is read before Outages. nil: there is one.
	Generation func() int64
	// Skew gives by how much the database's clock is ahead of the host's, as far as that is known. nil: it is not.
	Skew    func() (ahead time.Duration, known bool)
	Send    func(ctx context.Context, m galaxy.Mail) galaxy.SendResult
	Render  func(template string, payload json.RawMessage) (subject, text string, err error)
	Country func(netip.Addr) string
	Now     func() time.Time
	// Clock is what timers go by; nil is the machine's. Now tells the time of the same one.
	Clock   kit.Clock
	Log     *zap.Logger
	Tracers trace.TracerProvider
	Meter   metric.Meter
	// BcryptCost and ClearAfter are for tests; zero is the service's own.
	BcryptCost int
	ClearAfter time.Duration
}

// System is everything that runs, by address.
type System struct {
	kit *kit.System

	Push, Notify, Mail, Versions, Admin, Geo, Sweeper, Races, Reconciler kit.Ref
	seen                                                                 kit.Ref

	Auth     *kit.Family[string]
	Sessions *kit.Family[galaxy.SessionID]
	Accounts *kit.Family[galaxy.UserID]
	Games    *kit.Family[galaxy.GameID]
	Table    *session.Table
	Rights   *account.Rights
	Names    *races.Names
	Known    *admin.Known
	Disk     *reconciler.Disk
	requests *geo.Counter
}

// forever is how roots are met when they fail: they are never given up.
var forever = kit.Backoff{Min: 100 * time.Millisecond, Max: 30 * time.Second, Retries: 1 << 30, Within: time.Minute}

// members is how families meet their children; one that is given up comes back with the next message for it.
var members = kit.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second, Retries: 10, Within: 10 * time.Minute}

// prepare does what every start needs first: the key of codes, the audit's months, and the number of this process lifetime.
func prepare(ctx context.Context, d Deps) (key []byte, boot uint64, err error) {
	key = []byte(d.Config.Auth.SecretKey)
	if len(key) == 0 {
		if key, err = d.Store.Secret(ctx, "secret_key", freshKey); err != nil {
			return nil, 0, fmt.Errorf("read the secret key: %w", err)
		}
	}
	// No line of the audit may come before there is a month for it.
	now := d.Now()
	if _, err = d.Store.KeepAudit(ctx, now, now.Add(-d.Config.Sweeper.AuditRetention)); err != nil {
		return nil, 0, fmt.Errorf("prepare the audit: %w", err)
	}
	if boot, err = d.Store.NextPushBoot(ctx); err != nil {
		return nil, 0, fmt.Errorf("number this process lifetime: %w", err)
	}
	return key, boot, nil
}

// Used tells a session that its device was used.
func (s *System) Used(id galaxy.SessionID) { kit.Tell(s.Sessions.Ref(id), session.Used{Session: id}) }

// Request counts a player's request by the country that it came from.
func (s *System) Request(user galaxy.UserID, source netip.Addr) { s.requests.Request(user, source) }

// CatchUp has every game that is alive look at what a time without service means for it.
func (s *System) CatchUp() { kit.Tell(s.Sweeper, sweeper.CatchUp{}) }

// Stats gives every actor that runs.
func (s *System) Stats() []kit.Stat { return s.kit.Stats() }

// StopMails lets the mails in flight be sent, and takes no more.
func (s *System) StopMails(ctx context.Context) error { return s.kit.Stop(ctx, s.Mail) }

// DrainPush sends gateways what is queued for them, and then ends their streams: also when notices could not be
// stopped.
func (s *System) DrainPush(ctx context.Context) error {
	stopped := s.stop(ctx, s.Notify)
	_, err := kit.Ask(ctx, s.Push, push.Drain{})
	return errors.Join(stopped, err)
}

// Stop ends everything else. Engines keep running.
func (s *System) Stop(ctx context.Context) error {
	stopped := s.stop(ctx, s.Reconciler, s.Sweeper, s.Games.Root(), s.Auth.Root(), s.Sessions.Root(), s.seen,
		s.Accounts.Root(), s.Geo, s.Races, s.Versions,
		s.Admin, s.Notify, s.Mail, s.Push)
	return errors.Join(stopped, s.kit.Shutdown(ctx))
}

// stop ends actors one after the other. Each takes at most half of the time that is left, so that one that hangs does
// not keep the others from storing what they have gathered.
func (s *System) stop(ctx context.Context, refs ...kit.Ref) error {
	var problems []error
	for _, ref := range refs {
		part, cancel := ctx, context.CancelFunc(func() {})
		if until, bounded := ctx.Deadline(); bounded {
			part, cancel = context.WithTimeout(ctx, time.Until(until)/2)
		}
		problems = append(problems, s.kit.Stop(part, ref))
		cancel()
	}
	return errors.Join(problems...)
}
