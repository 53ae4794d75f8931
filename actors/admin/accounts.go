package admin

import (
	"cmp"
	"context"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"golang.org/x/crypto/bcrypt"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// hashed is a password that was hashed for a command.
type hashed struct {
	asker *actor.PID
	ask   any // Create or ResetPassword
	hash  []byte
	err   error
}

func (a *gate) hash(c actor.Context, ask any, password string) {
	asker, cost := c.Sender(), cmp.Or(a.Cost, cost)
	a.enqueue(c, func(context.Context) any {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
		return hashed{asker, ask, hash, err}
	})
}

func (a *gate) onCreate(c actor.Context, m Create) {
	err := cmp.Or(galaxy.CheckAdminName(m.Username), galaxy.CheckAdminPassword(m.Password))
	if err == nil {
		err = a.load(c)
	}
	if err != nil {
		kit.Reply(c, nil, err)
		return
	}
	if earlier, again, err := a.repeats(m); again || err != nil {
		kit.Reply(c, earlier, err)
		return
	}
	a.hash(c, m, m.Password)
}

// repeats finds the account that the same request made before.
func (a *gate) repeats(m Create) (galaxy.AdminAccount, bool, error) {
	for _, o := range a.all {
		if o.CreatedBy == m.By.Actor() {
			if again, err := o.Idempotency.Repeats(m.Idempotency); again || err != nil {
				return o, again, err
			}
		}
	}
	if _, there := a.find(m.Username); there {
		return galaxy.AdminAccount{}, false, galaxy.Errorf(galaxy.Conflict, "there is an operator of this name already")
	}
	return galaxy.AdminAccount{}, false, nil
}

func (a *gate) onReset(c actor.Context, m ResetPassword) {
	err := galaxy.CheckAdminPassword(m.Password)
	if err == nil {
		_, err = a.known(c, m.Username)
	}
	if err != nil {
		kit.Reply(c, nil, err)
		return
	}
	a.hash(c, m, m.Password)
}

func (a *gate) known(c actor.Context, username string) (galaxy.AdminAccount, error) {
	if err := a.load(c); err != nil {
		return galaxy.AdminAccount{}, err
	}
	account, ok := a.find(username)
	if !ok {
		return account, errNobody
	}
	return account, nil
}

// onHashed finishes a command whose password is hashed. What it was decided on is looked at once more.
func (a *gate) onHashed(c actor.Context, m hashed) {
	defer a.ended(c)
	account, err := galaxy.AdminAccount{}, m.err
	if err == nil {
		account, err = a.withHash(c, m)
	}
	kit.ReplyTo(c, m.asker, account, err)
}

func (a *gate) withHash(c actor.Context, m hashed) (galaxy.AdminAccount, error) {
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	now := a.Now()
	if create, ok := m.ask.(Create); ok {
		if earlier, again, err := a.repeats(create); again || err != nil {
			return earlier, err
		}
		account := galaxy.AdminAccount{Username: create.Username, Version: 1, PasswordHash: m.hash, Enabled: true, CreatedAt: now, UpdatedAt: now,
			CreatedBy: create.By.Actor(), Idempotency: create.Idempotency}
		return a.adopt(account, a.Store.AddAdmin(ctx, account, account.Audit(create.By, "admin.create")))
	}
	reset, _ := m.ask.(ResetPassword)
	account, err := a.known(c, reset.Username)
	if err != nil {
		return account, err
	}
	account.PasswordHash, account.UpdatedAt = m.hash, now
	return a.update(ctx, account, account.Audit(reset.By, "admin.reset_password"))
}

func (a *gate) onSetEnabled(c actor.Context, m SetEnabled) (galaxy.AdminAccount, error) {
	account, err := a.known(c, m.Username)
	if err != nil || account.Enabled == m.Enabled {
		return account, err
	}
	next, action := account, "admin.enable"
	next.Enabled, next.UpdatedAt = true, a.Now()
	if !m.Enabled {
		action = "admin.disable"
		if next, err = account.Disable(a.all, a.Now()); err != nil {
			return account, err
		}
	}
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	audit := next.Audit(m.By, action)
	audit.Before, audit.After = map[string]any{"enabled": account.Enabled}, map[string]any{"enabled": next.Enabled}
	return a.update(ctx, next, audit)
}

// update stores a changed account. What was remembered of the operator is forgotten first: whatever becomes of the
// commit, the next request is checked anew.
func (a *gate) update(ctx context.Context, account galaxy.AdminAccount, audit galaxy.Audit) (galaxy.AdminAccount, error) {
	a.Known.drop(account.Username)
	err := a.Store.UpdateAdmin(ctx, account, audit)
	account.Version++
	return a.adopt(account, err)
}

// adopt takes into memory what was committed; when that is in doubt all accounts are read again.
func (a *gate) adopt(account galaxy.AdminAccount, err error) (galaxy.AdminAccount, error) {
	if err != nil {
		a.loaded = a.loaded && !galaxy.MemoryStale(err)
		return galaxy.AdminAccount{}, err
	}
	all := slices.DeleteFunc(slices.Clone(a.all), func(o galaxy.AdminAccount) bool { return o.Username == account.Username })
	a.all = append(all, account)
	slices.SortFunc(a.all, func(x, y galaxy.AdminAccount) int { return cmp.Compare(x.Username, y.Username) })
	return account, nil
}
