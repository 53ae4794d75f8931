package account

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

const (
	// again is the timer of a step that failed.
	again       = "again"
	stepTimeout = time.Minute
)

var retries = kit.Backoff{Min: time.Second, Max: time.Minute}

// onLook does what is due without anybody asking.
func (a *player) onLook(c actor.Context) {
	ctx := kit.TraceContext(c)
	if err := a.load(ctx); err != nil {
		if galaxy.Is(err, galaxy.NotFound) {
			kit.Passivate(c)
		}
		return // the sweeper comes again
	}
	a.idle.Use(c)
	if a.account.Deletion != galaxy.NotDeleted {
		a.step(c)
		return
	}
	if _, err := a.commit(ctx, a.account.ExpireTier(galaxy.By{Principal: galaxy.System("accounts"), At: a.Now()})); err != nil {
		a.Log.Warn("that a tier has ended could not be stored; it is tried again", zap.Stringer("user_id", a.id), zap.Error(err))
	}
}

// step does the next step of the deletion, outside the mailbox.
func (a *player) step(c actor.Context) {
	if a.cancel != nil {
		return
	}
	step := a.account.Deletion
	a.cancel = kit.Job(c, stepTimeout, func(ctx context.Context) any { return stepped{step, a.erase(ctx, step)} },
		func(err error) any { return stepped{step, err} })
}

// erase runs outside the mailbox, and touches nothing of the actor that changes.
func (a *player) erase(ctx context.Context, step galaxy.DeletionStep) error {
	switch step {
	case galaxy.DeleteLobby:
		return a.LeaveGames(ctx, a.id)
	case galaxy.DeleteMails:
		return a.Store.EraseMails(ctx, a.id, a.Now())
	case galaxy.DeleteTraces:
		if err := a.Store.EraseTraces(ctx, a.id); err != nil {
			return err
		}
		return a.NamesReleased(ctx, a.id)
	default:
		return nil // the identity goes with the commit itself
	}
}

// onStepped records a step that is done, and goes on with the next.
func (a *player) onStepped(c actor.Context, m stepped) {
	a.cancel = nil
	ctx := kit.TraceContext(c)
	err := m.err
	if err == nil {
		err = a.load(ctx)
	}
	if err == nil && a.account.Deletion == m.step {
		_, err = a.commit(ctx, a.account.Proceed(a.Now()))
	}
	if err != nil {
		a.failed++
		a.Log.Warn("a step of an account's deletion failed; it is tried again", zap.Stringer("user_id", a.id), zap.String("step", string(m.step)), zap.Error(err))
		a.timers.Start(c, again, retries.Wait(a.failed))
		return
	}
	a.failed = 0
	if a.account.Deletion == galaxy.DeletionDone {
		a.Log.Info("an account is deleted", zap.Stringer("user_id", a.id))
		kit.Passivate(c)
		return
	}
	a.step(c)
}
