package game

import (
	"context"
	"errors"

	"github.com/asynkron/protoactor-go/actor"

	"galaxy/backend/galaxy"
)

// transfer decides on handing the game over, to somebody who may own it.
func (t *table) transfer(g galaxy.Game, m Transfer) (galaxy.GameChange, error) {
	by := t.by(m.Principal, m.RequestID)
	change, err := g.Transfer(m.To, by)
	if err != nil {
		return galaxy.GameChange{}, err
	}
	theirs, lives := t.Rights(m.To)
	if !lives {
		return galaxy.GameChange{}, galaxy.Errorf(galaxy.NotFound, "the player has no account any more")
	}
	return change, change.Own(m.To, theirs, by)
}

// onForget takes a player out of the game. Whether an heir owns too many games already only the transaction tells:
// then the next one inherits, or at last nobody, which is the operators.
func (t *table) onForget(c actor.Context, ctx context.Context, m Forget) (galaxy.Game, error) {
	refused := map[galaxy.UserID]bool{}
	for {
		var heir *galaxy.UserID
		g, err := t.decide(c, ctx, func(g galaxy.Game) (galaxy.GameChange, error) {
			change, err := t.forget(g, m.User, refused)
			heir = change.Heir
			return change, err
		})
		if heir == nil || !errors.Is(err, galaxy.ErrOwned) && !errors.Is(err, galaxy.ErrBlocked) {
			return g, err
		}
		refused[*heir] = true
	}
}

func (t *table) forget(g galaxy.Game, user galaxy.UserID, refused map[galaxy.UserID]bool) (galaxy.GameChange, error) {
	by := t.by(galaxy.System("accounts"), "")
	change := g.Forget(user, func(heir galaxy.UserID) bool {
		theirs, lives := t.Rights(heir)
		return lives && !refused[heir] && theirs.MayInherit(heir, by)
	}, by)
	if change.Heir == nil {
		return change, nil
	}
	theirs, _ := t.Rights(*change.Heir)
	return change, change.Own(*change.Heir, theirs, by)
}
