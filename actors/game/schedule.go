package game

import (
	"context"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/galaxy"
)

// mend asks a schedule again that has given no tick. While it gives none the game is read again, for somebody may have
// set the row right by hand; the sweep wakes such a game twice a minute, so that costs little.
func (t *table) mend(c actor.Context, ctx context.Context) error {
	by := t.by(galaxy.System("schedule"), "")
	if change := t.game.Mend(by); !change.Nothing() {
		return t.commit(c, ctx, change)
	}
	if t.game.Runtime.Broken == nil {
		return nil
	}
	found, err := t.Store.Game(ctx, t.id)
	if err != nil {
		return err
	}
	if found.Version != t.game.Version {
		t.invalidate(c, galaxy.GameChange{Next: *t.game})
		return nil
	}
	if found.Schedule == t.game.Schedule {
		return nil
	}
	mended := *t.game
	mended.Schedule = found.Schedule
	t.game = &mended
	return t.commit(c, ctx, t.game.Mend(by))
}

// logSchedule logs that a schedule has begun, or ceased, to be broken.
func (t *table) logSchedule(next galaxy.Game) {
	var was *galaxy.ScheduleBreak
	if t.game != nil {
		was = t.game.Runtime.Broken
	}
	is := next.Runtime.Broken
	switch {
	case is != nil && (was == nil || was.Cause != is.Cause):
		t.log().Warn("the schedule gives no deadline; orders stay open", zap.Time("since", is.Since), zap.String("cause",
			is.Words()))
	case is == nil && was != nil:
		t.log().Info("the schedule is no longer broken", zap.Timep("deadline", next.Runtime.Deadline))
	}
}
