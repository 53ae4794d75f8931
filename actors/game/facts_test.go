package game_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

var errAway = galaxy.Errorf(galaxy.ServiceUnavailable, "the database is away")

// TestWhatCannotBeStoredHoldsTheGame: trying again would not help, and everything after it would wait for ever.
func TestWhatCannotBeStoredHoldsTheGame(t *testing.T) {
	s := newStandIn(t)
	s.open()
	s.refuse.Store(new(func(c galaxy.GameChange) error {
		if c.Turn != nil {
			return fmt.Errorf("%w: it is too large", galaxy.ErrRefused)
		}
		return nil
	}))
	s.force(1)
	g := s.until("the game is held", func(g galaxy.Game) bool { return g.Status == galaxy.Paused })
	require.Equal(t, galaxy.WhyMismatch, g.Runtime.Why)
	require.Contains(t, g.Runtime.WhyText, "cannot be stored")
	s.refuse.Store(nil)
	_, err := ask(s.world, game.Resume{By: admin})
	require.NoError(t, err)
	s.until("the turn that was made is adopted", func(g galaxy.Game) bool { return g.Status == galaxy.Running && g.Runtime.Turn == 1 })
	require.Equal(t, 1, s.made())
}

// TestTheCopyOfAPatchIsKeptUntilThePatchIsStored: a service that dies before goes back to it.
func TestTheCopyOfAPatchIsKeptUntilThePatchIsStored(t *testing.T) {
	s := newStandIn(t)
	s.register("1.0.1")
	s.open()
	var refused atomic.Int32
	s.refuse.Store(new(func(c galaxy.GameChange) error {
		if c.Next.Runtime.EngineVersion == "1.0.1" {
			refused.Add(1)
			return errAway
		}
		return nil
	}))
	_, err := ask(s.world, game.Patch{By: admin, Version: "1.0.1"})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return refused.Load() > 3 }, 30*time.Second, time.Millisecond)
	require.Equal(t, 1, s.Copies(s.id))
	s.refuse.Store(nil)
	s.until("the patch is stored", func(g galaxy.Game) bool { return g.Runtime.EngineVersion == "1.0.1" })
	require.Eventually(t, func() bool { return s.Copies(s.id) == 0 }, 30*time.Second, time.Millisecond)
}

// TestAnOutageIsHeardOfBeforeADueTurnIsClaimed, whatever else is decided first.
func TestAnOutageIsHeardOfBeforeADueTurnIsClaimed(t *testing.T) {
	s := newStandIn(t)
	g := s.open()
	due := *g.Runtime.Deadline
	s.mu.Lock()
	s.ahead = time.Until(due) + 10*time.Minute
	s.outages = []galaxy.Outage{{From: due.Add(-time.Hour), To: due.Add(9 * time.Minute)}}
	s.mu.Unlock()
	_, err := ask(s.world, game.Edit{By: admin, Edit: galaxy.GameEdit{Description: new("something else is decided")}})
	require.NoError(t, err)
	g = s.game()
	require.Zero(t, g.Runtime.Turn)
	require.Nil(t, g.Runtime.Op)
	require.True(t, g.Runtime.Deadline.After(due.Add(10*time.Minute)), "there is time for orders again")
}

// TestAStartThatTakesTooLongWaitsForTheStoreQuietly: what cannot be stored is tried again after a while, and not as fast as it goes.
func TestAStartThatTakesTooLongWaitsForTheStoreQuietly(t *testing.T) {
	s := notStarted(t)
	hold := make(chan struct{})
	defer close(hold)
	s.Fail(enginetest.Init, enginetest.Fault{Hold: hold})
	_, err := ask(s.world, game.ForceStart{By: admin})
	require.NoError(t, err)
	var refused atomic.Int32
	s.refuse.Store(new(func(c galaxy.GameChange) error {
		if c.Next.Status == galaxy.StartFailed {
			refused.Add(1)
			return errAway
		}
		return nil
	}))
	s.later(10 * time.Minute)
	require.Eventually(t, func() bool { return refused.Load() > 0 }, 30*time.Second, time.Millisecond)
	before := refused.Load()
	for range 1000 {
		s.game()
	}
	require.Less(t, refused.Load()-before, int32(100), "it tries again with every message")
	s.refuse.Store(nil)
	s.until("the start has failed", func(g galaxy.Game) bool { return g.Status == galaxy.StartFailed })
}

// TestADecisionThatIsFollowedByOneInDoubtIsAnswered: what was asked for is stored, whatever became of the turn that was due then.
func TestADecisionThatIsFollowedByOneInDoubtIsAnswered(t *testing.T) {
	s := newStandIn(t)
	g := s.open()
	var doubted atomic.Bool
	s.refuse.Store(new(func(c galaxy.GameChange) error {
		if op := c.Next.Runtime.Op; op != nil && op.Kind == galaxy.OpTurn && !doubted.Swap(true) {
			return galaxy.ErrOutcomeUnknown
		}
		return nil
	}))
	s.mu.Lock()
	s.ahead = time.Until(*g.Runtime.Deadline) + time.Second
	s.mu.Unlock()
	edited, err := ask(s.world, game.Edit{By: admin, Edit: galaxy.GameEdit{Description: new("decided at the deadline")}})
	require.NoError(t, err)
	require.Equal(t, "decided at the deadline", edited.Description)
	require.True(t, doubted.Load())
	s.turnMade(1)
	require.Equal(t, 1, s.made())
}
