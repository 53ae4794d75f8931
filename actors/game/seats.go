package game

import (
	"context"
	"errors"

	"github.com/asynkron/protoactor-go/actor"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// do loads the game, decides on something that is part of it, and commits. When the row turns out to be another than was
// decided on, it is read and decided on anew. again gives what the same request has done before to a part that is no
// longer in memory; without it, and when nothing was, the refusal stands.
func do[R any](t *table, c actor.Context, ctx context.Context, rule func(galaxy.Game) (galaxy.GameChange, R, error), again func(error) (R, error)) (R, error) {
	v, err := once(t, c, ctx, rule)
	if errors.Is(err, galaxy.ErrStale) {
		v, err = once(t, c, ctx, rule)
	}
	if err != nil && again != nil && (errors.Is(err, galaxy.ErrRepeated) || !galaxy.MemoryStale(err)) {
		return again(err)
	}
	return v, err
}

func once[R any](t *table, c actor.Context, ctx context.Context, rule func(galaxy.Game) (galaxy.GameChange, R, error)) (R, error) {
	var none R
	if err := t.load(c, ctx); err != nil {
		return none, err
	}
	var change galaxy.GameChange
	var v R
	err := kit.Decide(c, func() (err error) {
		change, v, err = rule(*t.game)
		return err
	})
	if err == nil {
		err = refusal(t.commit(c, ctx, change))
	}
	if err != nil {
		return none, err
	}
	return v, nil
}

func (t *table) onApply(c actor.Context, ctx context.Context, m Apply) (galaxy.Application, error) {
	return do(t, c, ctx, func(g galaxy.Game) (galaxy.GameChange, galaxy.Application, error) {
		change, a, err := g.Apply(galaxy.ApplicationID{UUID: galaxy.NewID()}, m.User, m.Race, m.Idempotency, t.by(galaxy.User(m.User), m.RequestID))
		if err == nil && !change.Nothing() {
			err = t.nameFree(ctx, a.RaceKey, m.User)
		}
		if err == nil {
			err = t.joins(&change, m.User)
		}
		return change, a, err
	}, func(refusal error) (galaxy.Application, error) { return t.appliedBefore(ctx, m, refusal) })
}

// nameFree refuses a race name that another player holds. What memory says is looked up before it refuses somebody.
func (t *table) nameFree(ctx context.Context, key string, user galaxy.UserID) error {
	holder, _, held := t.Names.Holder(key)
	if !held || holder == user {
		return nil
	}
	if err := t.Names.Refresh(ctx, key); err != nil {
		return err
	}
	if holder, _, held = t.Names.Holder(key); held && holder != user {
		return galaxy.Errorf(galaxy.NameTaken, "this race name, or one that looks like it, belongs to another player")
	}
	return nil
}

// joins notes that a player joins by a change, if the player may.
func (t *table) joins(change *galaxy.GameChange, user galaxy.UserID) error {
	if change.Nothing() {
		return nil // the answer to a repeated request
	}
	now := t.Now()
	rights, ok := t.Rights(user)
	if !ok {
		return galaxy.Errorf(galaxy.NotFound, "the player has no account any more")
	}
	change.Joins = append(change.Joins, galaxy.Join{User: user, Seats: rights.Numbers(now).MaxActiveMemberships})
	return rights.Allows(galaxy.ActJoinGame, now)
}

// refusal gives the words for what the store has refused.
func refusal(err error) error {
	switch {
	case errors.Is(err, galaxy.ErrBlocked):
		return galaxy.Errorf(galaxy.Forbidden, "the player may not do that any more").Because(err)
	case errors.Is(err, galaxy.ErrSeats):
		return galaxy.Errorf(galaxy.EligibilityDenied, "the player has a seat in as many games as the entitlement allows")
	case errors.Is(err, galaxy.ErrOwned):
		return galaxy.Errorf(galaxy.EligibilityDenied,
			"the player owns as many private games as the entitlement allows").Because(err)
	}
	return err
}

// appliedBefore answers a repeated request with the application it made, whatever became of it; refusal otherwise.
func (t *table) appliedBefore(ctx context.Context, m Apply, refusal error) (galaxy.Application, error) {
	if m.Idempotency.Key == "" {
		return galaxy.Application{}, refusal
	}
	earlier, err := t.Store.ApplicationByKey(ctx, m.User, m.Idempotency.Key)
	return repeated(t, m.Idempotency, earlier, earlier.Idempotency, earlier.Game, err, refusal)
}

// repeated answers with what was made before by the same request, unless the key stood for something else.
func repeated[R any](t *table, idem galaxy.Idempotency, earlier R, its galaxy.Idempotency, game galaxy.GameID, err, refusal error) (R, error) {
	var none R
	if galaxy.Is(err, galaxy.NotFound) {
		return none, refusal
	}
	if err == nil {
		_, err = its.Repeats(idem)
	}
	if err == nil && game != t.id {
		err = galaxy.Errorf(galaxy.Conflict, "this idempotency key was used for another game")
	}
	if err != nil {
		return none, err
	}
	return earlier, nil
}

// onApplication decides on an application, or takes it back.
func (t *table) onApplication(c actor.Context, ctx context.Context, m any) (galaxy.Application, error) {
	var id galaxy.ApplicationID
	var by galaxy.By
	var wanted galaxy.ApplicationStatus
	a, err := do(t, c, ctx, func(g galaxy.Game) (change galaxy.GameChange, a galaxy.Application, err error) {
		switch m := m.(type) {
		case Approve:
			id, by, wanted = m.Application, t.by(m.Principal, m.RequestID), galaxy.ApplicationWasApproved
			if change, a, err = g.Approve(id, galaxy.MembershipID{UUID: galaxy.NewID()}, by); err == nil {
				err = t.joins(&change, a.User)
			}
		case Reject:
			id, by, wanted = m.Application, t.by(m.Principal, m.RequestID), galaxy.ApplicationWasRejected
			change, a, err = g.Reject(id, by)
		case Withdraw:
			id, by, wanted = m.Application, t.by(galaxy.User(m.User), m.RequestID), galaxy.ApplicationWasWithdrawn
			change, a, err = g.Withdraw(id, m.User, by)
		}
		return change, a, err
	}, nil)
	if !errors.Is(err, galaxy.ErrNoApplication) {
		return a, err
	}
	earlier, found := t.Store.Application(ctx, t.id, id)
	own, _ := by.UserID()
	if galaxy.Is(found, galaxy.NotFound) || found == nil && wanted == galaxy.ApplicationWasWithdrawn && earlier.User != own {
		return galaxy.Application{}, err
	}
	if found == nil && earlier.Status != wanted {
		found = galaxy.Errorf(galaxy.Conflict, "this application was %s already", earlier.Status)
	}
	return earlier, found
}

func (t *table) onInvite(c actor.Context, ctx context.Context, m Invite) (galaxy.Invite, error) {
	return do(t, c, ctx, func(g galaxy.Game) (galaxy.GameChange, galaxy.Invite, error) {
		by, expires := t.by(m.Principal, m.RequestID), m.ExpiresAt
		if expires.IsZero() {
			expires = by.At.Add(t.Config.InviteTTL)
		}
		change, i, err := g.Invite(galaxy.InviteID{UUID: galaxy.NewID()}, m.User, expires, m.Idempotency, by)
		if _, lives := t.Rights(m.User); err == nil && !lives {
			err = galaxy.Errorf(galaxy.NotFound, "there is no such player")
		}
		return change, i, err
	}, func(refusal error) (galaxy.Invite, error) {
		if m.Idempotency.Key == "" {
			return galaxy.Invite{}, refusal
		}
		earlier, err := t.Store.InviteByKey(ctx, m.Principal, m.Idempotency.Key)
		return repeated(t, m.Idempotency, earlier, earlier.Idempotency, earlier.Game, err, refusal)
	})
}

// onInvited answers an invite, or takes it back.
func (t *table) onInvited(c actor.Context, ctx context.Context, m any) (galaxy.Invite, error) {
	var id galaxy.InviteID
	var same func(galaxy.Invite) bool // as what is asked for, and asked by who may know
	i, err := do(t, c, ctx, func(g galaxy.Game) (change galaxy.GameChange, i galaxy.Invite, err error) {
		switch m := m.(type) {
		case Redeem:
			id, same = m.Invite, func(i galaxy.Invite) bool { return i.Status == galaxy.InviteRedeemed && i.Race == m.Race }
			if change, i, err = g.Redeem(id, m.User, galaxy.MembershipID{UUID: galaxy.NewID()}, m.Race, t.by(galaxy.User(m.User), m.RequestID)); err == nil {
				err = t.joins(&change, m.User)
			}
		case Decline:
			id, same = m.Invite, func(i galaxy.Invite) bool { return i.Status == galaxy.InviteDeclined }
			change, i, err = g.Decline(id, m.User, t.by(galaxy.User(m.User), m.RequestID))
		case Revoke:
			id, same = m.Invite, func(i galaxy.Invite) bool { return i.Status == galaxy.InviteRevoked }
			change, i, err = g.Revoke(id, t.by(m.Principal, m.RequestID))
		}
		return change, i, err
	}, nil)
	if !errors.Is(err, galaxy.ErrNoInvite) {
		return i, err
	}
	earlier, found := t.Store.Invite(ctx, t.id, id)
	if galaxy.Is(found, galaxy.NotFound) || found == nil && !mayAnswer(m, earlier) {
		return galaxy.Invite{}, err
	}
	if found == nil && !same(earlier) {
		found = galaxy.Errorf(galaxy.Conflict, "this invite was %s already", earlier.Status)
	}
	return earlier, found
}

// mayAnswer reports whether an invite is there for who asks: those of others are not.
func mayAnswer(m any, i galaxy.Invite) bool {
	switch m := m.(type) {
	case Redeem:
		return i.User == m.User
	case Decline:
		return i.User == m.User
	}
	return true
}

// onUnseat ends a membership.
func (t *table) onUnseat(c actor.Context, ctx context.Context, m any) (galaxy.Membership, error) {
	return do(t, c, ctx, func(g galaxy.Game) (galaxy.GameChange, galaxy.Membership, error) {
		switch m := m.(type) {
		case Remove:
			if m.Block {
				return g.Block(m.Membership, m.Reason, t.by(m.Principal, m.RequestID))
			}
			return g.Remove(m.Membership, m.Reason, t.by(m.Principal, m.RequestID))
		case Ban:
			return g.Ban(m.User, m.Reason, t.by(m.Principal, m.RequestID))
		case Leave:
			return g.Leave(m.User, t.by(galaxy.User(m.User), m.RequestID))
		}
		panic("this ends no membership")
	}, nil)
}
