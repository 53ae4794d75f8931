package game_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// made is an engine of another make, which keeps the base of the contract alone.
func made(b enginetest.Base) option {
	return func(s *standIn, v *galaxy.EngineVersion) {
		v.ExpectedTurn = false
		s.Make(b)
	}
}

// TestAGameIsPlayedOnAnEngineOfAnotherMake from its start to its end, with all that befalls one.
func TestAGameIsPlayedOnAnEngineOfAnotherMake(t *testing.T) {
	for name, b := range map[string]enginetest.Base{
		"one":     {Init: 204, Stateless: true, Bare: true, Put: 204},
		"another": {Readback: 204, Command: 405, Put: 201, Says: enginetest.ErrorText, Headers: map[string]string{"Connection": "close"}},
		"a third": {Readback: 200, Unknown: 500, Says: enginetest.ErrorObject, Headers: map[string]string{"Content-Type": "text/plain"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t, made(b))
			_, err := s.batch(0, "one", peace)
			require.Equal(t, galaxy.Conflict, galaxy.CodeOf(err))
			require.ErrorContains(t, err, "send orders")
			_, err = s.order(0, 1, `[{"type":"quit"},{"type":"vote"}]`)
			require.Equal(t, galaxy.InvalidRequest, galaxy.CodeOf(err))
			require.ErrorContains(t, err, "quit must be the last command")
			done, err := s.order(0, 1, peace)
			require.NoError(t, err)
			require.Equal(t, []int{1, 0}, []int{done.Result.Accepted, done.Result.Rejected})

			s.later(25 * time.Hour)
			g := s.turnMade(1)
			require.Equal(t, galaxy.Running, g.Status)
			s.Change(s.id, func(e *enginetest.Game) { require.Len(t, e.Made[0][e.Races[0]].Commands, 1) })

			s.restart()
			s.open()
			require.Equal(t, 1, s.starts(), "it is adopted")
			var refused game.Ordered
			require.Eventually(t, func() bool {
				refused, err = s.order(1, 2, `[{"type":"refuse me"}]`)
				return err == nil
			}, 10*time.Second, 10*time.Millisecond, "%v", &err)
			require.Equal(t, !b.Bare, refused.Result.Rejected == 1)

			hold := make(chan struct{})
			s.Fail(enginetest.Turn, enginetest.Fault{Hold: hold})
			s.force(2)
			require.Eventually(t, func() bool { return s.Calls(enginetest.Turn) == 2 }, 10*time.Second, time.Millisecond)
			s.Kill(s.id, galaxy.Container{ExitKnown: true, ExitCode: 137})
			close(hold)
			kit.Tell(s.games.Ref(s.id), game.Seen{State: galaxy.ContainerExited})
			g = s.turnMade(2)
			require.Equal(t, 2, s.made(), "once")
			require.Empty(t, g.Runtime.Digest)

			_, err = ask(s.world, game.Pause{By: admin})
			require.NoError(t, err)
			_, err = ask(s.world, game.Resume{By: admin})
			require.NoError(t, err)
			s.open()
			_, err = ask(s.world, game.Remove{By: admin, Membership: s.game().Members[1].ID})
			require.NoError(t, err)
			s.until("it is banished", func(g galaxy.Game) bool { return g.Members[1].Banish == galaxy.BanishTaken })
			s.force(3)
			s.turnMade(3)
			require.Equal(t, 1, s.Calls(enginetest.Banish), "it is not sent again")
			s.until("the reports are read", func(g galaxy.Game) bool { return g.Runtime.Reports == 3 && len(g.Runtime.Gaps) == 0 })
			_, err = ask(s.world, game.Cancel{By: admin})
			require.NoError(t, err)
			s.until("it is over", func(g galaxy.Game) bool { return g.Status == galaxy.Cancelled && g.Runtime.Op == nil })
		})
	}
}

// TestAGameThatItsEngineDoesNotTakeFailsToStartAtOnce, in the engine's words.
func TestAGameThatItsEngineDoesNotTakeFailsToStartAtOnce(t *testing.T) {
	s := notStarted(t, made(enginetest.Base{Least: 10}))
	began := time.Now()
	_, err := ask(s.world, game.ForceStart{By: admin})
	require.NoError(t, err)
	g := s.until("the start has failed", func(g galaxy.Game) bool { return g.Status == galaxy.StartFailed && g.Runtime.Op == nil })
	require.Less(t, time.Since(began), 30*time.Second)
	require.Equal(t, "its engine does not take this game", g.Reason)
	require.Contains(t, g.Runtime.WhyText, "too few races: 2 of at least 10")
	require.Contains(t, g.Runtime.Failure.Cause, "status 400")
	require.Equal(t, []int{1, 1}, []int{s.Calls(enginetest.Init), s.starts()})
	e := g.Explain(galaxy.Moment{Now: s.now()})
	require.NotContains(t, strings.Join([]string{e.Players.Text, e.Players.Next}, " "), "too few")

	s.Make(enginetest.Base{Least: 2})
	_, err = ask(s.world, game.ReadyToStart{By: admin})
	require.NoError(t, err)
	s.start()
}

// TestABatchThatMayBeDoneIsNeverSentAgain, also when its player asks for it again.
func TestABatchThatMayBeDoneIsNeverSentAgain(t *testing.T) {
	for name, c := range map[string]struct {
		fault enginetest.Fault
		dies  bool
		code  galaxy.Code
	}{
		"the connection is cut": {enginetest.Fault{Cut: true, After: true}, false, galaxy.Timeout},
		"the engine fails":      {enginetest.Fault{Status: 500, Body: "oh", After: true}, false, galaxy.ServiceUnavailable},
		"the engine dies of it": {enginetest.Fault{}, true, galaxy.ServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t, made(enginetest.Base{Command: 200}))
			if c.dies {
				hold := make(chan struct{})
				t.Cleanup(func() { close(hold) })
				c.fault.Hold = hold
			}
			s.Fail(enginetest.Command, c.fault)
			first := make(chan error, 1)
			go func() {
				_, err := s.batch(0, "one", peace)
				first <- err
			}()
			if c.dies {
				require.Eventually(t, func() bool { return s.Calls(enginetest.Command) == 1 }, 10*time.Second, time.Millisecond)
				s.Change(s.id, func(g *enginetest.Game) { g.Ran = append(g.Ran, peace) })
				s.Kill(s.id, galaxy.Container{ExitKnown: true, ExitCode: 1})
				kit.Tell(s.games.Ref(s.id), game.Seen{State: galaxy.ContainerExited})
			}
			require.Equal(t, c.code, galaxy.CodeOf(<-first))
			s.until("it is up", func(g galaxy.Game) bool {
				return g.Runtime.Why == galaxy.WhyDeadline && s.starts() == 1 || s.starts() == 2
			})
			s.open()
			var err error
			require.Eventually(t, func() bool {
				_, err = s.batch(0, "one", peace)
				return galaxy.CodeOf(err) == galaxy.Conflict
			}, 10*time.Second, 10*time.Millisecond, "%v", &err)
			held, err := ask(s.world, game.GetOrders{User: s.accounts[0].ID})
			require.NoError(t, err)
			require.Len(t, held.Batches, 1)
			require.True(t, held.Batches[0].Result.Lost)
			s.restart()
			require.Eventually(t, func() bool {
				_, err = s.batch(0, "one", peace)
				return galaxy.CodeOf(err) == galaxy.Conflict
			}, 10*time.Second, 10*time.Millisecond, "it is stored: %v", &err)
			two, err := s.batch(0, "two", peace)
			require.NoError(t, err)
			again, err := s.batch(0, "two", peace)
			require.NoError(t, err)
			require.Equal(t, two, again)
			s.force(1)
			s.turnMade(1)
			s.Change(s.id, func(g *enginetest.Game) { require.Len(t, g.Ran, 2) })
		})
	}
}

// TestNumbersThatAnEngineDoesNotShowAreNotZero.
func TestNumbersThatAnEngineDoesNotShowAreNotZero(t *testing.T) {
	s := newStandIn(t, made(enginetest.Base{}))
	s.force(1)
	s.turnMade(1)
	s.restart()
	s.open()
	seen, err := ask(s.world, game.View{User: s.accounts[0].ID})
	require.NoError(t, err)
	require.Len(t, seen.Players, 2)
	for _, p := range seen.Players {
		require.True(t, p.Lacks.Has(galaxy.LacksPlanets|galaxy.LacksVotes|galaxy.LacksExtinct))
	}
}
