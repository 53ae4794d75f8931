package account

import (
	"context"
	"errors"

	"github.com/asynkron/protoactor-go/actor"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/session"
	"galaxy/backend/galaxy"
)

// onCommand decides and commits. The answer comes from the hub when sessions end with it.
func (a *player) onCommand(c actor.Context, m any) {
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	if err := a.living(c, ctx); err != nil {
		if _, repeated := m.(Delete); repeated && galaxy.Is(err, galaxy.NotFound) {
			err = nil
		}
		kit.Reply(c, kit.Done{}, err)
		return
	}
	if m, ok := m.(RevokeSessions); ok {
		a.onRevoke(c, ctx, m)
		return
	}
	var change galaxy.AccountChange
	var answer any
	err := kit.Decide(c, func() (err error) {
		change, answer, err = a.decide(m)
		return err
	})
	if err != nil {
		kit.Reply(c, nil, err)
		return
	}
	ended, err := a.commit(ctx, change)
	if s, ok := m.(Sanction); ok && errors.Is(err, galaxy.ErrRepeated) {
		answer, err = a.repeated(ctx, s)
	}
	if err != nil {
		kit.Reply(c, nil, err)
		return
	}
	if answer == nil {
		answer = a.show()
	}
	if change.Revoke == "" {
		kit.Reply(c, answer, nil)
		return
	}
	session.Ended(c, a.Sessions, a.Hub, session.Ending{User: a.id, Sessions: ended, Reason: change.Revoke, Then: answer})
	a.onLook(c)
}

// decide gives what a command changes, and its answer; nil is the account.
func (a *player) decide(m any) (change galaxy.AccountChange, answer any, err error) {
	account, at := *a.account, a.Now()
	by := func(by galaxy.By) galaxy.By {
		by.At = at
		return by
	}
	switch m := m.(type) {
	case UpdateProfile:
		if err = account.Match(m.Version); err == nil {
			change, err = account.UpdateProfile(m.DisplayName, by(m.By))
		}
	case UpdateSettings:
		if err = account.Match(m.Version); err == nil {
			change, err = account.UpdateSettings(m.Language, m.TimeZone, by(m.By))
		}
	case UpdatePreferences:
		change, err = account.UpdatePreferences(m.Off, by(m.By))
	case ReplaceEmail:
		change, err = account.ReplaceEmail(m.Email, account.Tell(galaxy.AuthEmailChanged, []byte("{}")), by(m.By))
	case SetTier:
		change, err = account.SetTier(m.Tier, m.EndsAt, by(m.By))
	case SetLimit:
		change, err = account.SetLimit(m.Name, m.Value, m.ExpiresAt, by(m.By))
	case Sanction:
		change, answer, err = answered(account.Sanction(m.Sanction, by(m.By)))
	case LiftSanction:
		change, answer, err = answered(account.LiftSanction(m.ID, m.Reason, by(m.By)))
	case Delete:
		change, answer = account.Delete(by(m.By)), kit.Done{}
	default:
		err = galaxy.Errorf(galaxy.Internal, "an account was sent %T", m)
	}
	return change, answer, err
}

func answered(change galaxy.AccountChange, s galaxy.Sanction, err error) (galaxy.AccountChange, any, error) {
	return change, s, err
}

// repeated gives the sanction that the same request made before and that was lifted since.
func (a *player) repeated(ctx context.Context, m Sanction) (any, error) {
	user, earlier, err := a.Store.SanctionByKey(ctx, m.By.Actor(), m.Sanction.Idempotency.Key)
	if err != nil {
		return nil, err
	}
	if _, err = earlier.Idempotency.Repeats(m.Sanction.Idempotency); err == nil && user != a.id {
		err = galaxy.Errorf(galaxy.Conflict, "this idempotency key was used for another player")
	}
	return earlier, err
}

func (a *player) onRevoke(c actor.Context, ctx context.Context, m RevokeSessions) {
	ended, err := a.Store.RevokeSessions(ctx, galaxy.Revocation{User: a.id, Keep: m.Keep, Reason: m.Reason, At: a.Now(), Audit: galaxy.Audit{
		By: m.By.Principal, Action: "user.sessions_revoke", Subject: "user:" + a.id.String(), RequestID: m.By.RequestID, After: map[string]any{"reason": m.Reason}}})
	if err != nil {
		kit.Reply(c, kit.Done{}, err)
		return
	}
	session.Ended(c, a.Sessions, a.Hub, session.Ending{User: a.id, Sessions: ended, Reason: m.Reason, Then: kit.Done{}})
}
