package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

var errLacks = fmt.Errorf("%w: socket: too many open files", galaxy.ErrShortage)

// exhausted is a client of engines that has no descriptors left while it lasts.
type exhausted struct {
	engine.Client
	lasts atomic.Bool
	asked atomic.Int64
}

func (e *exhausted) lacks() error {
	e.asked.Add(1)
	if e.lasts.Load() {
		return &galaxy.EngineError{Kind: galaxy.EngineUnreachable, Message: "no connection to the engine", Cause: errLacks}
	}
	return nil
}

func (e *exhausted) Healthz(ctx context.Context, address string) error {
	if err := e.lacks(); err != nil {
		return err
	}
	return e.Client.Healthz(ctx, address)
}

func (e *exhausted) Status(ctx context.Context, address string) (galaxy.EngineStatus, error) {
	if err := e.lacks(); err != nil {
		return galaxy.EngineStatus{}, err
	}
	return e.Client.Status(ctx, address)
}

func (e *exhausted) Turn(ctx context.Context, address string, game galaxy.GameID, expected *int) (galaxy.EngineStatus, error) {
	if err := e.lacks(); err != nil {
		return galaxy.EngineStatus{}, err
	}
	return e.Client.Turn(ctx, address, game, expected)
}

func (e *exhausted) Report(ctx context.Context, address, race string, turn int) (json.RawMessage, error) {
	return e.Client.Report(ctx, address, race, turn)
}

// without gives a rig whose client can be without descriptors.
func without(t *testing.T) (*rig, *exhausted) {
	e := &exhausted{}
	return newRig(t, func(r *rig) {
		e.Client = r.deps.Client
		r.deps.Client = e
	}), e
}

func TestAnEngineThatCannotBeAskedIsNotDead(t *testing.T) {
	r, e := without(t)
	s := spec()
	r.played(&s, 3)
	r.drive(s)
	next[engine.Up](r)
	e.lasts.Store(true)
	require.Contains(t, next[engine.Unknown](r).Cause, "too many open files")
	from := e.asked.Load()
	require.Eventually(t, func() bool { return e.asked.Load() > from+12 }, eventually, tick, "more often than an engine may miss")
	e.lasts.Store(false)
	require.Equal(t, 3, next[engine.Up](r).Status.Turn)
	require.Equal(t, []string{"ensure", "ensure"}[:len(r.changes())], r.changes(), "nothing was stopped")
	require.Equal(t, 1, r.starts(s.Game))
}

func TestAnEngineIsNotJudgedBeforeItCanBeAsked(t *testing.T) {
	r, e := without(t)
	s := spec()
	r.played(&s, 3)
	e.lasts.Store(true)
	r.drive(s)
	for range 10 { // more often than an engine may fail
		next[engine.Unknown](r)
	}
	e.lasts.Store(false)
	require.Equal(t, 3, next[engine.Up](r).Status.Turn)
	require.NotContains(t, r.changes(), "stop")
	require.Equal(t, 1, r.starts(s.Game))
}

func TestATurnWaitsForWhatWeLack(t *testing.T) {
	r, e := without(t)
	s := spec()
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	e.lasts.Store(true)
	tellTurn(ref)
	from := e.asked.Load()
	require.Eventually(t, func() bool { return e.asked.Load() > from+12 }, eventually, tick)
	e.lasts.Store(false)
	require.Equal(t, 4, next[engine.TurnMade](r).Status.Turn)
	require.Equal(t, 1, r.Calls(enginetest.Turn))
	require.NotContains(t, r.changes(), "stop")
}

// TestWhatSaysNothingOfAGameIsTriedAgain: none of these is a refusal, a loss or a death.
func TestWhatSaysNothingOfAGameIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		told func(*rig) string
	}{
		"we lack descriptors":       {errLacks, func(r *rig) string { return next[engine.Unknown](r).Cause }},
		"the daemon is another one": {fmt.Errorf("%w: too old", galaxy.ErrDriverUnusable), func(r *rig) string { return next[engine.Unknown](r).Cause }},
		"the daemon is away":        {galaxy.ErrDriverUnknown, func(r *rig) string { next[engine.Unknown](r); return "" }},
		"the registry is away":      {fmt.Errorf("%w: no such host", galaxy.ErrRegistry), func(r *rig) string { return next[engine.ImageAwaited](r).Cause }},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newRig(t), spec()
			var passed atomic.Bool
			r.stepIn(func(_ context.Context, what string) error {
				if what == "ensure" && !passed.Load() {
					return c.err
				}
				return nil
			}, nil)
			r.drive(s)
			for range 7 {
				if told := c.told(r); c.err.Error() != galaxy.ErrDriverUnknown.Error() {
					require.Equal(t, c.err.Error(), told, "operators read what it is")
				}
			}
			passed.Store(true)
			for {
				switch fact := (<-r.facts).(type) {
				case engine.Refused, engine.Lost, engine.Down:
					require.FailNow(t, "a verdict", "%T", fact)
				case engine.Up:
					return
				}
			}
		})
	}
}
