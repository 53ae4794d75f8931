package game

import (
	"context"
	"errors"

	"github.com/asynkron/protoactor-go/actor"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

func (t *table) onCreate(c actor.Context, ctx context.Context, m Create) (galaxy.Game, error) {
	if t.game != nil {
		return *t.game, galaxy.Errorf(galaxy.Conflict, "this game is there already")
	}
	if earlier, err := t.createdBefore(ctx, m); !galaxy.Is(err, galaxy.NotFound) {
		return earlier, err
	}
	if m.Spec.Race != "" {
		m.Spec.Seat = galaxy.MembershipID{UUID: galaxy.NewID()}
	}
	by := t.by(m.Principal, m.RequestID)
	var change galaxy.GameChange
	err := kit.Decide(c, func() (err error) {
		change, err = galaxy.NewGame(t.id, m.Visibility, m.Spec, m.Idempotency, by, t.Config.MinTurnInterval)
		return err
	})
	if err == nil && len(change.Memberships) > 0 {
		owner, _ := m.Principal.UserID()
		err = t.joins(&change, owner)
	}
	if err != nil {
		return galaxy.Game{}, err
	}
	err = t.commit(c, ctx, change)
	if errors.Is(err, galaxy.ErrRepeated) {
		return t.createdBefore(ctx, m)
	}
	return t.current(c, ctx, refusal(err))
}

// createdBefore gives the game that the same request has made; galaxy.NotFound when there is none.
func (t *table) createdBefore(ctx context.Context, m Create) (galaxy.Game, error) {
	if m.Idempotency.Key == "" {
		return galaxy.Game{}, galaxy.Errorf(galaxy.NotFound, "the request has no key")
	}
	earlier, err := t.Store.GameByKey(ctx, m.Principal, m.Idempotency.Key)
	if err == nil {
		_, err = earlier.Idempotency.Repeats(m.Idempotency)
	}
	return earlier, err
}

// current gives the game as it is now, unless what was asked for failed. What followed from that may have put it in doubt.
func (t *table) current(c actor.Context, ctx context.Context, err error) (galaxy.Game, error) {
	if err == nil {
		err = t.load(c, ctx)
	}
	if err != nil {
		return galaxy.Game{}, err
	}
	return *t.game, nil
}

func (t *table) onGet(c actor.Context, ctx context.Context, m Get) (galaxy.Game, error) {
	err := t.load(c, ctx)
	if err == nil {
		err = t.game.Show(m.To)
	}
	return t.current(c, ctx, err)
}

func (t *table) onEdit(c actor.Context, ctx context.Context, m Edit) (galaxy.Game, error) {
	return t.decide(c, ctx, func(g galaxy.Game) (galaxy.GameChange, error) {
		change, err := g.Edit(m.Edit, t.by(m.Principal, m.RequestID), t.Config.MinTurnInterval)
		if matched := g.Match(m.Version); err == nil && matched != nil {
			err = matched
		}
		return change, err
	})
}

// decide loads the game, decides, and commits.
func (t *table) decide(c actor.Context, ctx context.Context, rule func(galaxy.Game) (galaxy.GameChange, error)) (galaxy.Game, error) {
	_, err := do(t, c, ctx, func(g galaxy.Game) (galaxy.GameChange, struct{}, error) {
		change, err := rule(g)
		return change, struct{}{}, err
	}, nil)
	return t.current(c, ctx, err)
}

// onMove makes a move of the lobby's table.
func (t *table) onMove(c actor.Context, ctx context.Context, m any) (galaxy.Game, error) {
	return t.decide(c, ctx, func(g galaxy.Game) (galaxy.GameChange, error) {
		switch m := m.(type) {
		case Forget:
			lives := func(user galaxy.UserID) bool { _, ok := t.Rights(user); return ok }
			return g.Forget(m.User, lives, t.by(galaxy.System("accounts"), "")), nil
		case OpenEnrollment:
			return g.OpenEnrollment(m.EndsAt, t.by(m.Principal, m.RequestID))
		case ReadyToStart:
			return g.ReadyToStart(t.by(m.Principal, m.RequestID))
		case Begin:
			if m.Retry {
				return t.start(ctx, m.By, g.RetryStart)
			}
			return t.start(ctx, m.By, g.Start)
		case ForceStart:
			return t.start(ctx, m.By, g.ForceStart)
		case ForceStop:
			return g.ForceStop(t.by(m.Principal, m.RequestID))
		case Pause:
			return g.Pause(t.by(m.Principal, m.RequestID))
		case Resume:
			return t.resume(ctx, g, t.by(m.Principal, m.RequestID))
		case Restart:
			return g.Restart(t.by(m.Principal, m.RequestID))
		case Patch:
			return t.patch(ctx, g, m)
		case MoveDeadline:
			return g.MoveDeadline(m.Turn, m.At, t.by(m.Principal, m.RequestID))
		case Ready:
			return g.Ready(m.User, m.Turn, m.Ready, t.by(galaxy.User(m.User), m.RequestID))
		case Cancel:
			return g.Cancel(m.Reason, t.by(m.Principal, m.RequestID))
		case Transfer:
			return t.transfer(g, m)
		}
		panic("this is no move")
	})
}

// start decides on a start with the version that the game is to be pinned to. That there is none matters only to a game
// that could start.
func (t *table) start(ctx context.Context, m By, rule func(galaxy.EngineVersion, galaxy.By) (galaxy.GameChange, error)) (galaxy.GameChange, error) {
	version, missing, err := t.version(ctx)
	if err != nil {
		return galaxy.GameChange{}, err
	}
	change, err := rule(version, t.by(m.Principal, m.RequestID))
	if err == nil {
		err = missing
	}
	if err == nil && t.DiskLow() {
		err = errDiskLow
	}
	return change, err
}

var errDiskLow = galaxy.Errorf(galaxy.ServiceUnavailable, "there is too little disk space for another game; the operators have been told")

// resume resumes the game, on a later version if it was given one while it was stopped.
func (t *table) resume(ctx context.Context, g galaxy.Game, by galaxy.By) (galaxy.GameChange, error) {
	if g.Status != galaxy.Paused || !g.Relines() {
		return g.Resume(nil, by)
	}
	version, missing, err := t.version(ctx)
	if err != nil {
		return galaxy.GameChange{}, err
	}
	change, err := g.Resume(&version, by)
	if err == nil {
		err = missing
	}
	return change, err
}

func (t *table) patch(ctx context.Context, g galaxy.Game, m Patch) (galaxy.GameChange, error) {
	registry, err := t.Store.EngineVersions(ctx)
	if err != nil {
		return galaxy.GameChange{}, err
	}
	to, missing := galaxy.PickVersion(registry, m.Version)
	if missing != nil {
		to = galaxy.EngineVersion{Version: m.Version}
	}
	change, err := g.Patch(to, t.by(m.Principal, m.RequestID))
	if err == nil {
		err = missing
	}
	return change, err
}

// version picks the engine's version; missing says why there is none.
func (t *table) version(ctx context.Context) (version galaxy.EngineVersion, missing, err error) {
	registry, err := t.Store.EngineVersions(ctx)
	if err != nil {
		return version, nil, err
	}
	version, missing = galaxy.PickVersion(registry, t.game.TargetVersion)
	return version, missing, nil
}

// look does what has come due in the lobby: an automatic start, the end of an enrolment that has failed, expired invites.
func (t *table) look(c actor.Context, ctx context.Context) error {
	by := t.by(galaxy.System("lobby"), "")
	if !t.game.StartsBy(by.At) {
		return t.commit(c, ctx, t.game.Lapse(by))
	}
	if t.DiskLow() {
		return nil // it is looked at again
	}
	version, missing, err := t.version(ctx)
	if err != nil {
		return err
	}
	return t.commit(c, ctx, t.game.AutoStart(version, missing, by))
}

// onView shows a game to whoever is or was a member.
func (t *table) onView(c actor.Context, ctx context.Context, m View) (Viewed, error) {
	if err := t.load(c, ctx); err != nil {
		return Viewed{}, err
	}
	seat, err := t.game.HadSeat(m.User)
	if err != nil {
		return Viewed{}, err
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
