package game_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// closesWith has every claim of a turn fail with err; nil lets them succeed again. It counts the claims that were
// tried.
func (s *standIn) closesWith(err error) (tried *atomic.Int32) {
	tried = &atomic.Int32{}
	s.refuse.Store(new(func(c galaxy.GameChange) error {
		if op := c.Next.Runtime.Op; op != nil && op.Kind == galaxy.OpTurn {
			tried.Add(1)
			return err
		}
		return nil
	}))
	return tried
}

// answer is what became of an order.
type answered struct{ err error }

// ordering gives an order without waiting for its answer.
func (s *standIn) ordering(player, turn int, list string) chan answered {
	out := make(chan answered, 1)
	go func() {
		_, err := s.order(player, turn, list)
		out <- answered{err}
	}()
	return out
}

func (s *standIn) answer(of chan answered) error {
	s.t.Helper()
	select {
	case a := <-of:
		return a.err
	case <-time.After(20 * time.Second):
		require.FailNow(s.t, "an order was not answered")
		return nil
	}
}

// queued gives an order that is in flight until hold is closed, and two that wait behind it.
func (s *standIn) queued() (flying, behind, same chan answered, hold chan struct{}) {
	hold = make(chan struct{})
	s.Fail(enginetest.Put, enginetest.Fault{Hold: hold})
	calls := s.Calls(enginetest.Put)
	flying = s.ordering(0, 1, named("flying"))
	require.Eventually(s.t, func() bool { return s.Calls(enginetest.Put) == calls+1 }, 20*time.Second, time.Millisecond)
	return flying, s.ordering(1, 1, named("behind")), s.ordering(0, 1, named("same")), hold
}

// TestOrdersAreNotRefusedForGoodByAClaimThatFails: a client takes turn_already_closed as final, and the turn is still
// open.
func TestOrdersAreNotRefusedForGoodByAClaimThatFails(t *testing.T) {
	for name, fails := range map[string]error{
		"the store is away":             errAway,
		"the outcome is unknown":        galaxy.ErrOutcomeUnknown,
		"the lease is lost":             galaxy.ErrLeaseLost,
		"the game was another's change": galaxy.ErrStale,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			flying, behind, same, hold := s.queued()
			tried := s.closesWith(fails)
			forced := make(chan error, 1)
			go func() {
				_, err := ask(s.world, game.ForceNextTurn{By: admin, Turn: 1})
				forced <- err
			}()
			late := s.ordering(1, 1, named("late")) // comes before or after the operator's
			close(hold)
			require.Error(t, <-forced)
			require.Positive(t, tried.Load())
			require.NoError(t, s.answer(flying))
			for _, of := range []chan answered{behind, same, late} {
				if err := s.answer(of); err != nil {
					require.Equal(t, galaxy.ServiceUnavailable, galaxy.CodeOf(err), "%v", err)
				}
			}
			s.refuse.Store(nil)
			require.Eventually(t, func() bool {
				_, err := s.order(1, 1, named("again"))
				return err == nil
			}, 20*time.Second, 5*time.Millisecond, "the turn is open")
			s.force(1)
			_, err := s.order(1, 1, named("too late"))
			require.Equal(t, galaxy.TurnAlreadyClosed, galaxy.CodeOf(err), "the claim is stored")
			s.turnMade(1)
		})
	}
}

func TestOrdersThatWaitForAClaimAreRefusedForGoodOnceItIsStored(t *testing.T) {
	s := newStandIn(t)
	flying, behind, same, hold := s.queued()
	forced := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := ask(s.world, game.ForceNextTurn{By: admin, Turn: 1})
			forced <- err
		}()
	}
	require.Equal(t, galaxy.Conflict, galaxy.CodeOf(<-forced), "the other one has come, and waits")
	late := s.ordering(1, 1, named("late"))
	close(hold)
	require.NoError(t, <-forced)
	require.NoError(t, s.answer(flying))
	for _, of := range []chan answered{behind, same, late} {
		if err := s.answer(of); err != nil {
			require.Equal(t, galaxy.TurnAlreadyClosed, galaxy.CodeOf(err), "%v", err)
		}
	}
	s.turnMade(1)
}

// TestADeadlineWhoseClaimFailsClosesNothingForGood: a pause, or an outage, may still move it.
func TestADeadlineWhoseClaimFailsClosesNothingForGood(t *testing.T) {
	s := newStandIn(t)
	flying, behind, same, hold := s.queued()
	tried := s.closesWith(errAway)
	s.later(25 * time.Hour)
	close(hold)
	require.NoError(t, s.answer(flying))
	require.Eventually(t, func() bool { return tried.Load() > 1 }, 20*time.Second, time.Millisecond)
	for _, of := range []chan answered{behind, same} {
		if err := s.answer(of); err != nil {
			require.Equal(t, galaxy.ServiceUnavailable, galaxy.CodeOf(err), "%v", err)
		}
	}
	_, err := s.order(1, 1, named("after the deadline"))
	require.Equal(t, galaxy.ServiceUnavailable, galaxy.CodeOf(err))
	_, err = ask(s.world, game.Pause{By: admin})
	require.NoError(t, err)
	s.refuse.Store(nil)
	_, err = ask(s.world, game.Resume{By: admin})
	require.NoError(t, err)
	s.open()
	_, err = s.order(1, 1, named("open again"))
	require.NoError(t, err)
}

// TestADeadlineThatFindsTheEngineAwayClosesNothingForGood: there is time for orders once it is back.
func TestADeadlineThatFindsTheEngineAwayClosesNothingForGood(t *testing.T) {
	s := newStandIn(t)
	s.Away(true)
	s.Kill(s.id, galaxy.Container{ExitKnown: true, ExitCode: 1})
	s.waits(galaxy.WhyDriverUnknown)
	s.later(25 * time.Hour)
	_, err := s.order(0, 1, peace)
	require.Equal(t, galaxy.ServiceUnavailable, galaxy.CodeOf(err))
	s.Away(false)
	s.open()
	require.Eventually(t, func() bool {
		_, err := s.order(0, 1, peace)
		return err == nil
	}, 20*time.Second, 5*time.Millisecond)
}
