package admin

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/asynkron/protoactor-go/actor"
	"golang.org/x/crypto/bcrypt"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

const (
	cost        = 12
	maxPassword = 72              // bcrypt's own bound
	remembered  = 5 * time.Minute // a verified pair
	parallel    = 2               // comparisons at a time
	waiting     = 32              // more are refused
	timeout     = 20 * time.Second
)

// dummy is the hash, at the service's cost, of a password that nobody kept.
const dummy = "$2a$12$XiCa2feCpu4tv3cI0HSvdurNJ/CZMx8HI2K9kx1v.g2KGLhxPuh2."

var errWrong = galaxy.Errorf(galaxy.Unauthorized, "user name or password is wrong")

// gate checks credentials.
type gate struct {
	Deps
	nobody  []byte // what the password of an unknown operator is compared with
	known   map[[sha256.Size]byte]time.Time
	queue   []pending
	running int
}

// pending is somebody who waits for a comparison.
type pending struct {
	asker *actor.PID
	until time.Time // when the asker stops waiting
	ask   Verify
}

// compared is the result of a comparison.
type compared struct {
	asker *actor.PID
	pair  [sha256.Size]byte
	err   error
}

// Start starts the check.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (kit.Ref, error) {
	nobody := []byte(dummy)
	if d.Cost != 0 {
		var err error
		if nobody, err = bcrypt.GenerateFromPassword([]byte("nobody"), d.Cost); err != nil {
			return kit.Ref{}, err
		}
	}
	return sys.Spawn("admin", sys.Props(func() actor.Actor {
		return &gate{Deps: d, nobody: nobody, known: map[[sha256.Size]byte]time.Time{}}
	}), strategy)
}

// Bootstrap makes the first operator, unless one of that name is there.
func Bootstrap(ctx context.Context, d Deps, c Config) (made bool, err error) {
	if c.BootstrapUser == "" {
		return false, nil
	}
	if _, err := d.Store.AdminAccount(ctx, c.BootstrapUser); !galaxy.Is(err, galaxy.NotFound) {
		return false, err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(c.BootstrapPassword), cmp.Or(d.Cost, cost))
	if err != nil {
		return false, err
	}
	return d.Store.BootstrapAdmin(ctx, galaxy.AdminAccount{Username: c.BootstrapUser, PasswordHash: hash, Enabled: true, CreatedAt: d.Now()})
}

// Receive checks and remembers.
func (a *gate) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case Verify:
		a.onVerify(c, m)
	case compared:
		a.onCompared(c, m)
	case *actor.Stopping, *actor.Restarting:
		for _, p := range a.queue {
			kit.ReplyTo(c, p.asker, nil, kit.ErrStopping)
		}
	}
}

func (a *gate) onVerify(c actor.Context, m Verify) {
	pair := a.pair(m)
	if until, ok := a.known[pair]; ok && a.Now().Before(until) {
		kit.Reply(c, kit.Done{}, nil)
		return
	}
	switch {
	case len(m.Password) > maxPassword:
		kit.Reply(c, kit.Done{}, errWrong)
	case len(a.queue) >= waiting:
		kit.Reply(c, kit.Done{}, &galaxy.Error{Code: galaxy.TooManyRequests, Message: "too many sign-ins are being checked; try again shortly", RetryAfter: 2 * time.Second})
	default:
		a.queue = append(a.queue, pending{c.Sender(), kit.DeadlineOf(c), m})
		a.next(c)
	}
}

// next starts comparisons, as many as may run.
func (a *gate) next(c actor.Context) {
	for a.running < parallel && len(a.queue) > 0 {
		p := a.queue[0]
		a.queue = a.queue[1:]
		if !p.until.IsZero() && time.Now().After(p.until) {
			continue
		}
		a.running++
		pair := a.pair(p.ask)
		kit.Job(c, timeout, func(ctx context.Context) any { return compared{p.asker, pair, a.compare(ctx, p.ask)} },
			func(err error) any { return compared{p.asker, pair, err} })
	}
}

// compare runs outside the mailbox. It takes as long for an unknown operator as for a known one.
func (a *gate) compare(ctx context.Context, m Verify) error {
	account, err := a.find(ctx, m.Username)
	unknown := galaxy.Is(err, galaxy.NotFound)
	if err != nil && !unknown {
		return err
	}
	hash := account.PasswordHash
	if unknown {
		hash = a.nobody
	}
	if bcrypt.CompareHashAndPassword(hash, []byte(m.Password)) != nil || unknown || !account.Enabled {
		return errWrong
	}
	return nil
}

// find looks an operator up. No operator has a name that Postgres cannot hold.
func (a *gate) find(ctx context.Context, username string) (galaxy.AdminAccount, error) {
	if !utf8.ValidString(username) || strings.ContainsRune(username, 0) {
		return galaxy.AdminAccount{}, galaxy.Errorf(galaxy.NotFound, "there is no such operator")
	}
	return a.Store.AdminAccount(ctx, username)
}

func (a *gate) onCompared(c actor.Context, m compared) {
	// A restarted check gets the results of its predecessor's jobs too.
	a.running = max(a.running-1, 0)
	if m.err == nil {
		now := a.Now()
		for pair, until := range a.known {
			if now.After(until) {
				delete(a.known, pair)
			}
		}
		a.known[m.pair] = now.Add(remembered)
	}
	kit.ReplyTo(c, m.asker, kit.Done{}, m.err)
	a.next(c)
}

// pair is the keyed hash of credentials.
func (a *gate) pair(m Verify) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, a.Key)
	_, _ = h.Write([]byte(m.Username))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(m.Password))
	copy(sum[:], h.Sum(nil))
	return sum
}
