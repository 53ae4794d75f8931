package races

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

const (
	sweep        = "sweep"
	batch        = 500 // names released in one transaction
	sweepTimeout = 20 * time.Second
)

type registrar struct {
	Deps
	timers kit.Timers
}

// Start starts the directory's actor.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (kit.Ref, error) {
	return sys.Spawn("races", sys.Props(func() actor.Actor { return &registrar{Deps: d} }, kit.Kind("races")), strategy)
}

// Receive registers and sweeps.
func (r *registrar) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		r.timers.Start(c, sweep, 0)
	case Register:
		ctx, cancel := kit.WorkContext(c)
		defer cancel()
		v, err := r.register(c, ctx, m)
		kit.Reply(c, v, err)
	case kit.Tick:
		if r.timers.Fired(m) {
			r.sweep(kit.TraceContext(c))
			r.timers.Start(c, sweep, r.Config.Interval)
		}
	case *actor.Stopping, *actor.Restarting:
		r.timers.CancelAll()
	}
}

func (r *registrar) register(c actor.Context, ctx context.Context, m Register) (galaxy.HeldName, error) {
	var key string
	err := kit.Decide(c, func() (err error) {
		key, err = galaxy.RaceKey(m.Name)
		return err
	})
	if err != nil {
		return galaxy.HeldName{}, err
	}
	if m.Idempotency.Key != "" {
		earlier, err := r.Store.NameByKey(ctx, m.User, m.Idempotency.Key)
		if !galaxy.Is(err, galaxy.NotFound) {
			if err == nil {
				_, err = earlier.Idempotency.Repeats(m.Idempotency)
			}
			return earlier, err
		}
	}
	rights, ok := r.Rights(m.User)
	if !ok {
		return galaxy.HeldName{}, galaxy.Errorf(galaxy.NotFound, "the player has no account any more")
	}
	held, err := r.held(ctx, key)
	if err != nil {
		return galaxy.HeldName{}, err
	}
	change, err := held.Register(m.Idempotency, galaxy.By{Principal: galaxy.User(m.User), RequestID: m.RequestID, At: r.Now(), Rights: rights})
	if err != nil || len(change.Names) == 0 {
		return held, err
	}
	if err := r.commit(ctx, change); err != nil {
		return galaxy.HeldName{}, refusal(err)
	}
	return r.held(ctx, key)
}

// held gives how a key is held, by the store.
func (r *registrar) held(ctx context.Context, key string) (galaxy.HeldName, error) {
	found, err := r.Store.Names(ctx, key)
	if err == nil && len(found) == 0 {
		err = galaxy.Errorf(galaxy.NotFound, "you have not won this race name")
	}
	if err != nil {
		return galaxy.HeldName{}, err
	}
	return found[0], nil
}

// refusal gives the words for a registration that the store has refused.
func refusal(err error) error {
	switch {
	case errors.Is(err, galaxy.ErrNames):
		return galaxy.Errorf(galaxy.NameQuotaExceeded, "you have registered as many race names as your entitlement allows")
	case errors.Is(err, galaxy.ErrBlocked):
		return galaxy.Errorf(galaxy.NotFound, "the player has no account any more")
	case errors.Is(err, galaxy.ErrStale):
		return galaxy.Errorf(galaxy.Conflict, "the race name has changed hands meanwhile; look again")
	}
	return err
}

// commit stores a change and adopts it. When nobody knows what came of it, the keys are read anew.
func (r *registrar) commit(ctx context.Context, change galaxy.DirectoryChange) error {
	err := r.Store.CommitNames(ctx, change)
	switch {
	case err == nil:
		r.Names.Committed(change.Names)
		r.WakeNotify()
	case galaxy.MemoryStale(err):
		keys := make([]string, 0, len(change.Names))
		for _, n := range change.Names {
			keys = append(keys, n.Key)
		}
		if again := r.Names.Refresh(ctx, keys...); again != nil {
			r.Log.Warn("race names could not be read anew", zap.Error(again))
		}
	}
	return err
}

// sweep takes back the names whose time is over, batch by batch.
func (r *registrar) sweep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	for {
		due, err := r.Store.ExpiredNames(ctx, r.Now(), batch)
		if err == nil && len(due) > 0 {
			err = r.commit(ctx, galaxy.ExpireNames(due, r.Now()))
		}
		if err != nil {
			r.Log.Warn("race names whose time is over could not be released; it is tried again", zap.Error(err))
		}
		if err != nil || len(due) < batch {
			return
		}
	}
}
