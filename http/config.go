package http

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"galaxy/backend/actors"
	"galaxy/backend/galaxy"
)

// Config says how the surface is served.
type Config struct {
	Addr            string        `env:"BACKEND_HTTP_LISTEN_ADDR" envDefault:":8080" help:"HTTP listener of the REST surface and the probes."`
	ReadTimeout     time.Duration `env:"BACKEND_HTTP_READ_TIMEOUT" envDefault:"30s" help:"Longest time to read a request."`
	WriteTimeout    time.Duration `env:"BACKEND_HTTP_WRITE_TIMEOUT" envDefault:"30s" help:"Longest time to answer one; a request lives 2s less."`
	ShutdownTimeout time.Duration `env:"BACKEND_HTTP_SHUTDOWN_TIMEOUT" envDefault:"15s" help:"Longest time for requests in flight when the service stops; those left over are answered with 503 before it is over."`
	Drain           time.Duration `env:"BACKEND_HTTP_DRAIN" envDefault:"1s" help:"How long a stop goes on to answer new requests, with 503, before the listener is closed: as long as a load balancer needs to see /readyz. At most half of BACKEND_HTTP_SHUTDOWN_TIMEOUT."`
	MaxConns        int           `env:"BACKEND_HTTP_MAX_CONNECTIONS" envDefault:"0" help:"Most HTTP connections at once; one that rests makes room for a new one. 0: as many as the limit of open files leaves."`
	Token           string        `env:"BACKEND_GATEWAY_TOKEN" help:"When set, gateways must bear it on /public, /user, /internal and the push stream. Unset, the network is trusted."`
	PreviousToken   string        `env:"BACKEND_GATEWAY_TOKEN_PREVIOUS" help:"Also accepted, while the token is being changed."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	var problems []error
	if c.ReadTimeout <= 0 {
		problems = append(problems, errors.New("BACKEND_HTTP_READ_TIMEOUT must be positive"))
	}
	if c.WriteTimeout <= answerMargin {
		problems = append(problems, errors.New("BACKEND_HTTP_WRITE_TIMEOUT must be more than 2s"))
	}
	if c.ShutdownTimeout <= 0 {
		problems = append(problems, errors.New("BACKEND_HTTP_SHUTDOWN_TIMEOUT must be positive"))
	}
	if c.Drain < 0 {
		problems = append(problems, errors.New("BACKEND_HTTP_DRAIN must not be negative"))
	}
	if c.MaxConns < 0 {
		problems = append(problems, errors.New("BACKEND_HTTP_MAX_CONNECTIONS must not be negative"))
	}
	if c.PreviousToken != "" && c.Token == "" {
		problems = append(problems, errors.New("BACKEND_GATEWAY_TOKEN is required with BACKEND_GATEWAY_TOKEN_PREVIOUS"))
	}
	return errors.Join(problems...)
}

// Tokens are those that a gateway may bear; none means that everybody is trusted.
func (c Config) Tokens() []string {
	var tokens []string
	for _, t := range []string{c.Token, c.PreviousToken} {
		if t != "" {
			tokens = append(tokens, t)
		}
	}
	return tokens
}

// Store is what lists are read from.
type Store interface {
	Report(ctx context.Context, game galaxy.GameID, epoch, turn int, race string) ([]byte, error)
	Timeline(ctx context.Context, game galaxy.GameID, p galaxy.Page) ([]galaxy.TimelineEntry, string, error)
	ListRuntimes(ctx context.Context, f galaxy.RuntimeFilter, p galaxy.Page) ([]galaxy.Game, string, error)
	Challenge(ctx context.Context, id galaxy.ChallengeID) (galaxy.Challenge, error)
	ListGames(ctx context.Context, f galaxy.GameFilter, p galaxy.Page) ([]galaxy.GameSummary, string, error)
	SeatsOf(ctx context.Context, user galaxy.UserID, games []galaxy.GameID) (map[galaxy.GameID]galaxy.Membership, error)
	ListInvites(ctx context.Context, f galaxy.InviteFilter, p galaxy.Page) ([]galaxy.Invite, string, error)
	Names(ctx context.Context, keys ...string) ([]galaxy.HeldName, error)
	NamesOf(ctx context.Context, user galaxy.UserID) ([]galaxy.HeldName, error)
	NameHistory(ctx context.Context, key string, p galaxy.Page) ([]galaxy.NameEvent, string, error)
	ListApplications(ctx context.Context, f galaxy.ApplicationFilter, p galaxy.Page) ([]galaxy.Application, string, error)
	Session(ctx context.Context, id galaxy.SessionID) (galaxy.Session, error)
	ListSessions(ctx context.Context, user galaxy.UserID, live bool, p galaxy.Page) ([]galaxy.Session, string, error)
	AnyAccount(ctx context.Context, id galaxy.UserID) (galaxy.Account, error)
	ListUsers(ctx context.Context, f galaxy.UserFilter, p galaxy.Page) ([]galaxy.Account, string, error)
	FindUser(ctx context.Context, email, userName string) (galaxy.UserID, error)
	UserHistory(ctx context.Context, user galaxy.UserID) (galaxy.UserHistory, error)
	ExportUser(ctx context.Context, user galaxy.UserID) (galaxy.UserExport, error)
	ListRoutes(ctx context.Context, user galaxy.UserID, p galaxy.Page) ([]galaxy.RouteSummary, string, error)
	ListAudit(ctx context.Context, f galaxy.AuditFilter, p galaxy.Page) ([]galaxy.AuditLine, string, error)
}

// Check is one condition of readiness.
type Check struct {
	Name string
	OK   func(context.Context) error
	// Warns says that the service serves although the check fails.
	Warns bool
}

// Deps are what the surface needs.
type Deps struct {
	Config Config
	Limits LimitConfig
	Store  Store
	*actors.System
	// Operators admits operators; nil is Basic Auth against their accounts.
	Operators func(r *http.Request, source string) (username string, err error)
	// Serving reports whether this backend holds the lease.
	Serving func() bool
	// Checks are those of readiness, beside the lease.
	Checks []Check
	// Health are those of /healthz. One that fails makes the service degraded, and changes no status code.
	Health  []Check
	Now     func() time.Time
	Log     *zap.Logger
	Tracers trace.TracerProvider
	Meter   metric.Meter
}
