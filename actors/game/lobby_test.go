package game_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/store/storetest"
)

// TestARowChangedBehindTheActorsBack: the fence refuses, the game is read anew, and the answer is right.
func TestARowChangedBehindTheActorsBack(t *testing.T) {
	w := newWorld(t, 2)
	g := w.game()
	by := galaxy.By{Principal: galaxy.Admin("somebody else"), At: w.now()}
	edited, err := g.Edit(galaxy.GameEdit{Description: new("changed")}, by, time.Minute)
	require.NoError(t, err)
	storetest.Commit(t, w.st, edited)
	late, _ := storetest.SignIn(t, w.st, "late@example.com")
	a, err := ask(w, game.Apply{User: late.ID, Race: "Late"})
	require.NoError(t, err)
	require.Equal(t, "changed", w.game().Description)
	require.Equal(t, a.ID, w.game().Applications[0].ID)

	cancelled, err := w.game().Cancel("", by)
	require.NoError(t, err)
	storetest.Commit(t, w.st, cancelled)
	_, err = ask(w, game.Approve{By: admin, Application: a.ID})
	require.Equal(t, galaxy.Conflict, galaxy.CodeOf(err), "what is decided on is the row: the application was rejected")
	_, _, held := w.names.Holder(g.Members[0].RaceKey)
	require.False(t, held, "the names are read anew too")
}

func TestADecisionThatWasMadeIsAnsweredAgain(t *testing.T) {
	w := newWorld(t, 2)
	a, _ := storetest.SignIn(t, w.st, "a@example.com")
	key := galaxy.Idempotency{Key: "k", Digest: [32]byte{1}}
	first, err := ask(w, game.Apply{User: a.ID, Race: "Late", Idempotency: key})
	require.NoError(t, err)
	for range 2 {
		done, err := ask(w, game.Reject{By: admin, Application: first.ID})
		require.NoError(t, err)
		require.Equal(t, galaxy.ApplicationWasRejected, done.Status)
	}
	_, err = ask(w, game.Approve{By: admin, Application: first.ID})
	require.Equal(t, galaxy.Conflict, galaxy.CodeOf(err))
	again, err := ask(w, game.Apply{User: a.ID, Race: "Late", Idempotency: key})
	require.NoError(t, err)
	require.Equal(t, []any{first.ID, galaxy.ApplicationWasRejected}, []any{again.ID, again.Status}, "whatever became of it")
	fresh, err := ask(w, game.Apply{User: a.ID, Race: "Late"})
	require.NoError(t, err)
	_, err = ask(w, game.Withdraw{User: w.accounts[0].ID, Application: fresh.ID})
	require.Equal(t, galaxy.NotFound, galaxy.CodeOf(err), "nobody else's")
	for range 2 {
		_, err = ask(w, game.Withdraw{User: a.ID, Application: fresh.ID})
		require.NoError(t, err)
	}
}

// TestAnEnrolmentEndsByItself: enough players start the game, too few end it.
func TestAnEnrolmentEndsByItself(t *testing.T) {
	s := notStarted(t)
	ends := *s.game().EnrollmentEndsAt
	s.later(ends.Sub(s.now()) + time.Second)
	s.until("the game runs", func(g galaxy.Game) bool { return g.Status == galaxy.Running })

	lonely, accounts := storetest.Game(t, s.st, 1)
	kit.Tell(s.games.Ref(lonely.ID), game.Wake{})
	s.id = lonely.ID
	s.later(2 * time.Hour)
	g := s.until("the game is cancelled", func(g galaxy.Game) bool { return g.Status == galaxy.Cancelled })
	require.Equal(t, "enrollment_expired", g.Reason)
	held, err := s.st.NamesOf(t.Context(), accounts[0].ID)
	require.NoError(t, err)
	require.Empty(t, held)
}

// TestARaceIsBanishedBeforeTheNextTurn, and again until the engine has taken it.
func TestARaceIsBanishedBeforeTheNextTurn(t *testing.T) {
	s := newStandIn(t)
	g := s.game()
	s.Fail(enginetest.Banish, enginetest.Fault{Status: 500}, enginetest.Fault{Cut: true})
	_, err := ask(s.world, game.Remove{By: admin, Membership: g.Members[0].ID, Reason: "idle"})
	require.NoError(t, err)
	_, err = ask(s.world, game.ForceNextTurn{By: admin, Turn: 1})
	require.NoError(t, err)
	s.until("turn 1 is made", func(g galaxy.Game) bool { return g.Runtime.Turn == 1 })
	s.Change(s.id, func(e *enginetest.Game) { require.Equal(t, map[string]bool{g.Members[0].Race: true}, e.Banned) })
	require.Equal(t, 3, s.Calls(enginetest.Banish))
	_, err = ask(s.world, game.ForceNextTurn{By: admin, Turn: 2})
	require.NoError(t, err)
	s.until("turn 2 is made", func(g galaxy.Game) bool { return g.Runtime.Turn == 2 })
	require.Equal(t, 3, s.Calls(enginetest.Banish), "once is enough")
}

// TestAPausedGameGoesOnWhenItsEngineAnswers: one that was stopped, and one that cannot be started.
func TestAPausedGameGoesOnWhenItsEngineAnswers(t *testing.T) {
	s := newStandIn(t)
	_, err := ask(s.world, game.ForceStop{By: admin})
	require.NoError(t, err)
	s.until("the engine is stopped", func(g galaxy.Game) bool { return g.Runtime.Status == galaxy.RuntimeStopped })
	s.Refuse(true)
	_, err = ask(s.world, game.Resume{By: admin})
	require.NoError(t, err)
	g := s.until("that is given up", func(g galaxy.Game) bool { return g.Runtime.Op == nil })
	require.Equal(t, []any{galaxy.Paused, galaxy.RuntimeUnreachable}, []any{g.Status, g.Runtime.Status})
	s.Refuse(false)
	s.Away(true)
	_, err = ask(s.world, game.Resume{By: admin})
	require.NoError(t, err)
	g = s.until("the daemon is awaited", func(g galaxy.Game) bool { return g.Runtime.Why == galaxy.WhyDriverUnknown })
	require.Equal(t, galaxy.Paused, g.Status)
	s.Away(false)
	g = s.until("the game runs", func(g galaxy.Game) bool { return g.Status == galaxy.Running })
	require.NotNil(t, g.Runtime.Deadline)
}
