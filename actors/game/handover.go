package game

import "galaxy/backend/galaxy"

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
