package reconciler

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/galaxy"
)

const (
	clearTimeout = 10 * time.Minute
	// clearAfter is how long a start goes first: what was left behind is in nobody's way.
	clearAfter = 5 * time.Second
	// clearAgain is how often it is looked for anew: a game that is cancelled in a patch leaves its copy too.
	clearAgain = 24 * time.Hour
)

// States are the copies of games' states.
type States interface {
	// StateCopies gives what stands beside the games' states.
	StateCopies(ctx context.Context) ([]galaxy.StateCopy, error)
	DropState(ctx context.Context, game galaxy.GameID, label string) error
}

// Copies knows what is recorded of the copies of games, of those that there are.
type Copies interface {
	CopyRecords(ctx context.Context, ids []galaxy.GameID) (map[galaxy.GameID]galaxy.CopyRecord, error)
}

var errNotServing = errors.New("this backend does not serve the database right now")

// clear removes the copies that patches have left behind: of those that were over before their copy was dropped.
func (r *reconciler) clear(c actor.Context) {
	if r.States == nil {
		return
	}
	r.clearing = begin(c, r.shared, clearTimeout, r.Deps.clear)
}

// clear runs outside of the mailbox. The copies are listed before the rows are read: the operation of a copy that is
// listed was committed before that, so that one which is not open any more is over. Each is removed only while this
// backend serves, for else another may have put the database to other use. A copy of no game of this database is
// somebody else's, and left alone.
func (d Deps) clear(ctx context.Context) (out cleared, err error) {
	found, err := d.States.StateCopies(ctx)
	if err != nil || len(found) == 0 {
		return out, err
	}
	ids := make([]galaxy.GameID, len(found))
	for i, f := range found {
		ids[i] = f.Game
	}
	recorded, err := d.Copies.CopyRecords(ctx, ids)
	if err != nil {
		return out, err
	}
	for _, f := range found {
		switch record, known := recorded[f.Game]; {
		case !known || !record.Leaves(f.Label):
			continue
		case !d.Serving():
			return out, errNotServing
		}
		err := d.States.DropState(ctx, f.Game, f.Label)
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		if err != nil {
			d.Log.Warn("a copy that a patch has left behind could not be removed", zap.Stringer("game_id", f.Game),
				zap.String("label", f.Label), zap.Error(err))
			continue
		}
		d.Log.Info("a copy that a patch has left behind was removed", zap.Stringer("game_id", f.Game),
			zap.String("label", f.Label))
		out.removed++
	}
	return out, nil
}

func (r *reconciler) onCleared(c actor.Context, m done[cleared]) {
	if !r.clearing.over(m.number) {
		return
	}
	if m.err != nil {
		r.Log.Warn("what patches have left behind could not be removed yet; it is tried again", zap.Error(m.err))
		r.timers.Start(c, clearing, r.Config.Interval)
		return
	}
	r.timers.Start(c, clearing, clearAgain)
}
