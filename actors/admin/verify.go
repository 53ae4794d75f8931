package admin

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"golang.org/x/crypto/bcrypt"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// compared is the result of a comparison.
type compared struct {
	asker *actor.PID
	ask   Verify
	seen  int64 // version of the operator that was compared with
	err   error
}

func (a *gate) onVerify(c actor.Context, m Verify) {
	if a.Known.Has(m.Username, m.Password) {
		kit.Reply(c, kit.Done{}, nil)
		return
	}
	if left := a.slow.wait(m.Source, m.Username, a.Now()); left > 0 {
		kit.Reply(c, kit.Done{}, &galaxy.Error{Code: galaxy.TooManyRequests, Message: "too many wrong sign-ins; wait before the next one", RetryAfter: left.Round(time.Second) + time.Second})
		return
	}
	if err := a.load(c); err != nil {
		kit.Reply(c, kit.Done{}, err)
		return
	}
	account, known := a.find(m.Username)
	hash := account.PasswordHash
	if !known {
		hash = a.nobody
	}
	asker := c.Sender()
	a.enqueue(c, func(context.Context) any {
		r := compared{asker: asker, ask: m, seen: account.Version}
		// It takes as long for an unknown operator, and for one who is shut out.
		password := m.Password
		if len(password) > galaxy.MaxAdminPassword {
			password, known = "", false
		}
		if bcrypt.CompareHashAndPassword(hash, []byte(password)) != nil || !known || !account.Enabled {
			r.err = errWrong
		}
		return r
	})
}

func (a *gate) onCompared(c actor.Context, m compared) {
	defer a.ended(c)
	if m.err == nil {
		// What the operator was compared with may have changed meanwhile.
		if account, ok := a.find(m.ask.Username); !ok || !account.Enabled || account.Version != m.seen {
			m.err = errWrong
		}
	}
	switch {
	case m.err == nil:
		a.Known.add(m.ask.Username, m.ask.Password)
		a.slow.succeeded(m.ask.Source, m.ask.Username)
	case errors.Is(m.err, errWrong):
		a.slow.failed(m.ask.Source, m.ask.Username, a.Now())
	}
	kit.ReplyTo(c, m.asker, kit.Done{}, m.err)
}
