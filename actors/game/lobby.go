package game

import (
	"context"
	"errors"

	"github.com/asynkron/protoactor-go/actor"

	"galaxy/backend/galaxy"
)

func (t *table) onCreate(c actor.Context, ctx context.Context, m Create) (galaxy.Game, error) {
	if t.game != nil {
		return *t.game, galaxy.Errorf(galaxy.Conflict, "this game is there already")
	}
	change, err := galaxy.NewGame(t.id, m.Visibility, m.Spec, m.Idempotency, t.by(m.Principal, m.RequestID), t.Config.MinTurnInterval)
	if err != nil {
		return galaxy.Game{}, err
	}
	err = t.commit(c, ctx, change)
	if errors.Is(err, galaxy.ErrRepeated) {
		earlier, err := t.Store.GameByKey(ctx, m.Principal, m.Idempotency.Key)
		if err == nil {
			_, err = earlier.Idempotency.Repeats(m.Idempotency)
		}
		return earlier, err
	}
	return t.current(err)
}

// current gives the game as it is now, unless what was asked for failed.
func (t *table) current(err error) (galaxy.Game, error) {
	if err != nil {
		return galaxy.Game{}, err
	}
	return *t.game, nil
}

func (t *table) onGet(c actor.Context, ctx context.Context) (galaxy.Game, error) {
	return t.current(t.load(c, ctx))
}

// decide loads the game, decides, and commits.
func (t *table) decide(c actor.Context, ctx context.Context, rule func(galaxy.Game) (galaxy.GameChange, error)) (galaxy.Game, error) {
	if err := t.load(c, ctx); err != nil {
		return galaxy.Game{}, err
	}
	change, err := rule(*t.game)
	if err != nil {
		return galaxy.Game{}, err
	}
	return t.current(t.commit(c, ctx, change))
}

func (t *table) onOpenEnrollment(c actor.Context, ctx context.Context, m OpenEnrollment) (galaxy.Game, error) {
	return t.decide(c, ctx, func(g galaxy.Game) (galaxy.GameChange, error) {
		return g.OpenEnrollment(m.EndsAt, t.by(m.Principal, m.RequestID))
	})
}

func (t *table) onForget(c actor.Context, ctx context.Context, m Forget) (galaxy.Game, error) {
	return t.decide(c, ctx, func(g galaxy.Game) (galaxy.GameChange, error) {
		return g.Forget(m.User, t.by(galaxy.System("accounts"), "")), nil
	})
}

func (t *table) onReadyToStart(c actor.Context, ctx context.Context, m ReadyToStart) (galaxy.Game, error) {
	return t.decide(c, ctx, func(g galaxy.Game) (galaxy.GameChange, error) {
		return g.ReadyToStart(t.by(m.Principal, m.RequestID))
	})
}

func (t *table) onForceStart(c actor.Context, ctx context.Context, m ForceStart) (galaxy.Game, error) {
	return t.decide(c, ctx, func(g galaxy.Game) (galaxy.GameChange, error) {
		registry, err := t.Store.EngineVersions(ctx)
		if err != nil {
			return galaxy.GameChange{}, err
		}
		version, err := galaxy.PickVersion(registry, g.TargetVersion)
		if err != nil {
			return galaxy.GameChange{}, err
		}
		return g.ForceStart(version, t.by(m.Principal, m.RequestID))
	})
}

func (t *table) onForceStop(c actor.Context, ctx context.Context, m ForceStop) (galaxy.Game, error) {
	return t.decide(c, ctx, func(g galaxy.Game) (galaxy.GameChange, error) {
		return g.ForceStop(t.by(m.Principal, m.RequestID))
	})
}

func (t *table) onApply(c actor.Context, ctx context.Context, m Apply) (galaxy.Application, error) {
	if err := t.load(c, ctx); err != nil {
		return galaxy.Application{}, err
	}
	change, a, err := t.game.Apply(galaxy.ApplicationID{UUID: galaxy.NewID()}, m.User, m.Race, m.Idempotency, t.by(galaxy.User(m.User), m.RequestID))
	if err == nil {
		err = t.joins(&change, m.User)
	}
	if err != nil {
		return t.appliedBefore(ctx, m, err)
	}
	err = t.commit(c, ctx, change)
	if errors.Is(err, galaxy.ErrRepeated) {
		return t.appliedBefore(ctx, m, err)
	}
	return a, refusal(err)
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

// refusal gives the words for a join that the store has refused.
func refusal(err error) error {
	switch {
	case errors.Is(err, galaxy.ErrBlocked):
		return galaxy.Errorf(galaxy.Forbidden, "the player may not %s any more", galaxy.ActJoinGame)
	case errors.Is(err, galaxy.ErrSeats):
		return galaxy.Errorf(galaxy.EligibilityDenied, "the player has a seat in as many games as the entitlement allows")
	}
	return err
}

// appliedBefore answers a repeated request with the application it made, whatever became of it; refusal otherwise.
func (t *table) appliedBefore(ctx context.Context, m Apply, refusal error) (galaxy.Application, error) {
	if m.Idempotency.Key == "" {
		return galaxy.Application{}, refusal
	}
	earlier, err := t.Store.ApplicationByKey(ctx, m.User, m.Idempotency.Key)
	if galaxy.Is(err, galaxy.NotFound) {
		return galaxy.Application{}, refusal
	}
	if err == nil {
		_, err = earlier.Idempotency.Repeats(m.Idempotency)
	}
	if err == nil && earlier.Game != t.id {
		err = galaxy.Errorf(galaxy.Conflict, "this idempotency key was used for another game")
	}
	return earlier, err
}

func (t *table) onApprove(c actor.Context, ctx context.Context, m Approve) (galaxy.Application, error) {
	if err := t.load(c, ctx); err != nil {
		return galaxy.Application{}, err
	}
	change, a, err := t.game.Approve(m.Application, galaxy.MembershipID{UUID: galaxy.NewID()}, t.by(m.Principal, m.RequestID))
	if err == nil {
		err = t.joins(&change, a.User)
	}
	if err != nil {
		return galaxy.Application{}, err
	}
	return a, refusal(t.commit(c, ctx, change))
}

// onView shows a game to whoever is or was a member.
func (t *table) onView(c actor.Context, ctx context.Context, m View) (Viewed, error) {
	if err := t.load(c, ctx); err != nil {
		return Viewed{}, err
	}
	seat, ok := t.game.SeatOf(m.User)
	if !ok {
		return Viewed{}, galaxy.Errorf(galaxy.Forbidden, "you hold no seat in this game")
	}
	r := t.game.Runtime
	if t.players == nil && r.Turn != galaxy.NoTurn {
		players, err := t.Store.PlayerStats(ctx, t.id, r.Epoch, r.Turn)
		if err != nil {
			return Viewed{}, err
		}
		t.players = players
	}
	return Viewed{Game: *t.game, Seat: seat, Players: t.players}, nil
}
