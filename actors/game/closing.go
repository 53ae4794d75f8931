package game

import (
	"github.com/asynkron/protoactor-go/actor"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// "The turn is closed" is final for a player. So it is said only once the claim of the turn is stored: until then the
// claim may still fail, or the deadline be moved, and the turn is open again. Orders that come, or are queued,
// meanwhile wait for the claim.

// returned is an order that the engine was not given, for its turn was about to be claimed. err is what the player is
// told when it is.
type returned struct {
	order
	err error
}

// closing reports whether an order for turn must wait for a claim that is about to be stored: the orders in flight
// are settled first, or the deadline has only just come. refusal is what the game's rules say of the order.
func (t *table) closing(c actor.Context, refusal error, turn int) bool {
	switch {
	case refusal != nil && !galaxy.Is(refusal, galaxy.TurnAlreadyClosed), turn != t.game.Runtime.Turn+1:
		return false
	case t.claimPending || t.forced != nil:
		return true
	case !t.game.Due(t.Now()) || t.timers.Running(retry):
		return false // a claim that has failed is tried again after a while, and whoever asks meanwhile is told to
	}
	kit.Tell(kit.Self(c), Wake{}) // the deadline's own tick is on its way; this one is for a clock that has jumped
	return true
}

// unclaimed gives a player's answer to a refusal: to try again, when the turn is closed by its time only.
func (t *table) unclaimed(refusal error, turn int) error {
	if !galaxy.Is(refusal, galaxy.TurnAlreadyClosed) || t.claimed(turn) {
		return refusal
	}
	return errUnclaimed(turn)
}

func errUnclaimed(turn int) error {
	return galaxy.Errorf(galaxy.ServiceUnavailable, "turn %d could not be closed yet; try again shortly", turn)
}

// claimed reports whether turn is closed for good.
func (t *table) claimed(turn int) bool {
	if t.game == nil {
		return false
	}
	r := t.game.Runtime
	return turn <= r.Turn || r.Op != nil && r.Op.Turn >= turn
}

// afterClaim answers the orders that the engine was not given, and looks again at those that have come meanwhile.
func (t *table) afterClaim(c actor.Context) {
	waiting := t.returned
	t.returned = nil
	for _, r := range waiting {
		err := r.err
		if !t.claimed(r.list.Turn) {
			err = errUnclaimed(r.list.Turn)
		}
		kit.ReplyTo(c, r.asker, nil, err)
	}
	t.stash.Release(c)
}

// refuseReturned answers the orders that wait for a claim which is given up.
func (t *table) refuseReturned(c actor.Context, err error) {
	for _, r := range t.returned {
		kit.ReplyTo(c, r.asker, nil, err)
	}
	t.returned = nil
}
