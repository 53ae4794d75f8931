package admin

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"golang.org/x/crypto/bcrypt"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

const (
	cost    = 12
	waiting = 32 // hashings that wait; more are refused
	timeout = 20 * time.Second
)

// dummy is the hash, at the service's cost, of a password that nobody kept.
const dummy = "$2a$12$XiCa2feCpu4tv3cI0HSvdurNJ/CZMx8HI2K9kx1v.g2KGLhxPuh2."

var (
	errWrong    = galaxy.Errorf(galaxy.Unauthorized, "user name or password is wrong")
	errNobody   = galaxy.Errorf(galaxy.NotFound, "there is no such operator")
	errOverload = &galaxy.Error{Code: galaxy.TooManyRequests, Message: "too many sign-ins are being checked; try again shortly", RetryAfter: 2 * time.Second}
)

// gate checks credentials and keeps operators.
type gate struct {
	Deps
	nobody  []byte // what the password of an unknown operator is compared with
	slow    *slowdown
	all     []galaxy.AdminAccount // by user name
	loaded  bool
	queue   []pending
	running int
}

// Start starts the check, with all operators in memory.
func Start(ctx context.Context, sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (kit.Ref, error) {
	all, err := d.Store.AdminAccounts(ctx)
	if err != nil {
		return kit.Ref{}, fmt.Errorf("warm the operators: %w", err)
	}
	nobody := []byte(dummy)
	if d.Cost != 0 {
		if nobody, err = bcrypt.GenerateFromPassword([]byte("nobody"), d.Cost); err != nil {
			return kit.Ref{}, err
		}
	}
	slow, err := newSlowdown() // outlives a restart
	if err != nil {
		return kit.Ref{}, err
	}
	return sys.Spawn("admin", sys.Props(func() actor.Actor {
		a := &gate{Deps: d, nobody: nobody, slow: slow, all: all, loaded: all != nil}
		all = nil // a restarted one reads them again
		return a
	}, kit.Kind("admin")), strategy)
}

// Bootstrap makes the first operator, unless one of that name is there.
func Bootstrap(ctx context.Context, d Deps, c Config) (made bool, err error) {
	if c.BootstrapUser == "" {
		return false, nil
	}
	there, err := d.Store.AdminAccounts(ctx)
	if err != nil || slices.ContainsFunc(there, func(a galaxy.AdminAccount) bool { return a.Username == c.BootstrapUser }) {
		return false, err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(c.BootstrapPassword), cmp.Or(d.Cost, cost))
	if err != nil {
		return false, err
	}
	return d.Store.BootstrapAdmin(ctx, galaxy.AdminAccount{Username: c.BootstrapUser, PasswordHash: hash, Enabled: true, CreatedAt: d.Now()})
}

// Receive checks and remembers, and keeps accounts.
func (a *gate) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case Verify:
		a.onVerify(c, m)
	case compared:
		a.onCompared(c, m)
	case List:
		err := a.load(c)
		kit.Reply(c, slices.Clone(a.all), err)
	case Create:
		a.onCreate(c, m)
	case ResetPassword:
		a.onReset(c, m)
	case hashed:
		a.onHashed(c, m)
	case SetEnabled:
		account, err := a.onSetEnabled(c, m)
		kit.Reply(c, account, err)
	case *actor.Stopping, *actor.Restarting:
		for _, p := range a.queue {
			kit.ReplyTo(c, p.asker, nil, kit.ErrStopping)
		}
	}
}

func (a *gate) load(c actor.Context) error {
	if a.loaded {
		return nil
	}
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	all, err := a.Store.AdminAccounts(ctx)
	if err == nil {
		a.all, a.loaded = all, true
	}
	return err
}

func (a *gate) find(username string) (galaxy.AdminAccount, bool) {
	i := slices.IndexFunc(a.all, func(o galaxy.AdminAccount) bool { return o.Username == username })
	if i < 0 {
		return galaxy.AdminAccount{}, false
	}
	return a.all[i], true
}

// pending is somebody who waits for a hashing.
type pending struct {
	asker *actor.PID
	until time.Time // when the asker stops waiting
	work  func(context.Context) any
}

// parallel is how many hashings run at a time: they may take half of the machine at most.
var parallel = max(1, runtime.GOMAXPROCS(0)/2)

// enqueue hashes when there is room; work makes the message about it.
func (a *gate) enqueue(c actor.Context, work func(context.Context) any) {
	if len(a.queue) >= waiting {
		kit.Reply(c, kit.Done{}, errOverload)
		return
	}
	a.queue = append(a.queue, pending{c.Sender(), kit.DeadlineOf(c), work})
	a.next(c)
}

// next starts hashings, as many as may run.
func (a *gate) next(c actor.Context) {
	for a.running < parallel && len(a.queue) > 0 {
		p := a.queue[0]
		a.queue = a.queue[1:]
		if !p.until.IsZero() && time.Now().After(p.until) {
			continue
		}
		a.running++
		kit.Job(c, timeout, p.work, func(err error) any { return compared{asker: p.asker, err: err} })
	}
}

// ended notes that a hashing is over. A restarted actor gets the results of its predecessor's too.
func (a *gate) ended(c actor.Context) {
	a.running = max(a.running-1, 0)
	a.next(c)
}
