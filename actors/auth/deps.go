package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"galaxy/backend/galaxy"
)

// Config bounds challenges.
type Config struct {
	TTL             time.Duration `env:"BACKEND_AUTH_CHALLENGE_TTL" envDefault:"10m" help:"How long a mailed code is good."`
	MaxAttempts     int           `env:"BACKEND_AUTH_CHALLENGE_MAX_ATTEMPTS" envDefault:"5" help:"Wrong tries after which a code is dead."`
	Window          time.Duration `env:"BACKEND_AUTH_CHALLENGE_THROTTLE_WINDOW" envDefault:"60s" help:"Window over which an address's codes are counted."`
	WindowMax       int           `env:"BACKEND_AUTH_CHALLENGE_THROTTLE_MAX" envDefault:"3" help:"Live codes of one address within the window; beyond it the newest is handed out again and no mail is sent."`
	UserNames       int           `env:"BACKEND_AUTH_USERNAME_MAX_RETRIES" envDefault:"10" help:"Tries at a unique user name for a new account."`
	DailyCodes      int           `env:"BACKEND_AUTH_DAILY_CODES" envDefault:"10" help:"Codes mailed to one address in a day; further requests are answered alike and mail nothing. 0: no limit."`
	DailyFailures   int           `env:"BACKEND_AUTH_DAILY_FAILURES" envDefault:"20" help:"Wrong codes tried for one address in a day; then none of its codes is good. 0: no limit."`
	NetworkCodes    int           `env:"BACKEND_AUTH_NETWORK_CODES" envDefault:"100" help:"Codes mailed in an hour at the request of one network (IPv4 /24, IPv6 /48). 0: no limit."`
	NetworkFailures int           `env:"BACKEND_AUTH_NETWORK_FAILURES" envDefault:"100" help:"Wrong codes tried in an hour from one network; then none is good there. 0: no limit."`
	TotalCodes      int           `env:"BACKEND_AUTH_TOTAL_CODES" envDefault:"5000" help:"Codes mailed in an hour, all in all. 0: no limit."`
	SecretKey       string        `env:"BACKEND_SECRET_KEY" defaultHelp:"made at the first start and stored" help:"Key of code hashes and signed links, at least 32 characters."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	var problems []error
	if c.TTL < time.Second {
		problems = append(problems, errors.New("BACKEND_AUTH_CHALLENGE_TTL must be at least 1s"))
	}
	if c.MaxAttempts < 1 {
		problems = append(problems, errors.New("BACKEND_AUTH_CHALLENGE_MAX_ATTEMPTS must be at least 1"))
	}
	if c.Window < 0 {
		problems = append(problems, errors.New("BACKEND_AUTH_CHALLENGE_THROTTLE_WINDOW must not be negative"))
	}
	if c.WindowMax < 1 {
		problems = append(problems, errors.New("BACKEND_AUTH_CHALLENGE_THROTTLE_MAX must be at least 1"))
	}
	if c.UserNames < 1 {
		problems = append(problems, errors.New("BACKEND_AUTH_USERNAME_MAX_RETRIES must be at least 1"))
	}
	for _, limit := range []struct {
		name string
		n    int
	}{{"DAILY_CODES", c.DailyCodes}, {"DAILY_FAILURES", c.DailyFailures}, {"NETWORK_CODES", c.NetworkCodes}, {"NETWORK_FAILURES", c.NetworkFailures},
		{"TOTAL_CODES", c.TotalCodes}} {
		if limit.n < 0 {
			problems = append(problems, fmt.Errorf("BACKEND_AUTH_%s must not be negative", limit.name))
		}
	}
	if n := len(c.SecretKey); n > 0 && n < 32 {
		problems = append(problems, errors.New("BACKEND_SECRET_KEY must have at least 32 characters"))
	}
	return errors.Join(problems...)
}

// Store holds challenges, accounts and sessions.
type Store interface {
	Challenges(ctx context.Context, email string, since time.Time) ([]galaxy.Challenge, error)
	AddChallenge(ctx context.Context, n galaxy.NewChallenge) (blocked bool, err error)
	CountWrongTry(ctx context.Context, ch galaxy.Challenge) error
	SignIn(ctx context.Context, in galaxy.SignIn) (galaxy.Account, galaxy.Session, error)
	ChangeEmail(ctx context.Context, c galaxy.EmailChange) error
}

// Deps are what signing in needs.
type Deps struct {
	Config Config
	Store  Store
	// Key keys the hashes of codes.
	Key []byte
	// Born is told of each session that was made, after its commit, with its account and whether that is new.
	Born func(s galaxy.Session, a galaxy.Account, fresh bool)
	// Changed is told of a player whose address was changed, after the commit.
	Changed func(galaxy.UserID)
	// WakeMail tells the mail workers that a mail is queued.
	WakeMail func()
	// Country of an address; empty when it has none.
	Country func(netip.Addr) string
	Now     func() time.Time
	Log     *zap.Logger
	Meter   metric.Meter
}
