package game_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/game"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

func TestReportsAreStoredAfterEveryTurn(t *testing.T) {
	s := newStandIn(t)
	s.until("the reports of turn 0 are stored", func(g galaxy.Game) bool { return g.Runtime.Reports == 0 })
	s.Fail(enginetest.Report, enginetest.Fault{Status: 503})
	s.force(1)
	s.turnMade(1)
	g := s.until("those of turn 1 too, in spite of a failure", func(g galaxy.Game) bool { return g.Runtime.Reports == 1 })
	s.Kill(s.id, galaxy.Container{ExitKnown: true, ExitCode: 1})
	for _, a := range s.accounts {
		r, err := ask(s.world, game.GetReport{User: a.ID, Turn: 1})
		require.NoError(t, err, "without the engine")
		require.Nil(t, r.Raw)
		body, err := s.st.Report(t.Context(), s.id, r.Epoch, 1, r.Race)
		require.NoError(t, err)
		require.JSONEq(t, `{"turn":1,"race":"`+r.Race+`"}`, string(body))
	}
	require.Equal(t, 1, g.Runtime.Turn)
}

func TestAReportThatIsNotStoredYetIsAskedFor(t *testing.T) {
	s := newStandIn(t)
	s.until("the reports of turn 0 are stored", func(g galaxy.Game) bool { return g.Runtime.Reports == 0 })
	hold := make(chan struct{})
	s.Fail(enginetest.Report, enginetest.Fault{Hold: hold}) // the one that is read for the store
	s.force(1)
	s.turnMade(1)
	require.Eventually(t, func() bool { return s.Calls(enginetest.Report) >= 3 }, 10*time.Second, time.Millisecond)
	r, err := ask(s.world, game.GetReport{User: s.accounts[0].ID, Turn: 1})
	require.NoError(t, err)
	require.NotNil(t, r.Raw)
	close(hold)
}

func TestReportsAreReadAfterACrashBetweenTurnAndReports(t *testing.T) {
	s := newStandIn(t)
	s.until("the reports of turn 0 are stored", func(g galaxy.Game) bool { return g.Runtime.Reports == 0 })
	hold := make(chan struct{})
	s.Fail(enginetest.Report, enginetest.Fault{Hold: hold})
	s.force(1)
	s.turnMade(1)
	s.restart()
	close(hold)
	s.until("the next start reads them", func(g galaxy.Game) bool { return g.Runtime.Reports == 1 })
}

// illegible has the reports of one race fail until it is read.
type illegible struct {
	engine.Client
	race string
	read atomic.Bool
}

func (i *illegible) Report(ctx context.Context, address, race string, turn int) (json.RawMessage, error) {
	if race == i.race && !i.read.Load() {
		return nil, &galaxy.EngineError{Kind: galaxy.EngineFailed, Status: 500, Message: "no report"}
	}
	return i.Client.Report(ctx, address, race, turn)
}

// TestAReportThatCannotBeReadIsNeverGivenUp: the others do not wait for it, whoever asks for it has the engine asked, and so does
// an engine that has come up anew.
func TestAReportThatCannotBeReadIsNeverGivenUp(t *testing.T) {
	s := newStandIn(t)
	s.until("the reports of turn 0 are stored", func(g galaxy.Game) bool { return g.Runtime.Reports == 0 })
	client := &illegible{Client: s.client, race: s.race(1)}
	s.client = client
	s.restart()
	s.open()
	s.force(1)
	s.turnMade(1)
	g := s.until("the others are stored", func(g galaxy.Game) bool { return g.Runtime.Reports == 1 })
	require.Equal(t, []int{1}, g.Runtime.Gaps)
	_, err := s.st.Report(t.Context(), s.id, 0, 1, s.race(0))
	require.NoError(t, err)
	ours := game.GetReport{User: s.accounts[1].ID, Turn: 1}
	r, err := ask(s.world, ours)
	require.NoError(t, err)
	require.Nil(t, r.Raw)
	require.True(t, r.MayLack)
	_, err = s.st.Report(t.Context(), s.id, 0, 1, client.race)
	require.True(t, galaxy.Is(err, galaxy.NotFound))
	ours.Engine = true
	_, err = ask(s.world, ours)
	require.Error(t, err)
	client.read.Store(true)
	r, err = ask(s.world, ours)
	require.NoError(t, err)
	require.NotEmpty(t, r.Raw, "the engine gives it")

	_, err = ask(s.world, game.Restart{By: admin})
	require.NoError(t, err)
	s.until("it is stored after all", func(g galaxy.Game) bool { return len(g.Runtime.Gaps) == 0 })
	_, err = s.st.Report(t.Context(), s.id, 0, 1, client.race)
	require.NoError(t, err)
}

// TestReportsThatCannotBeStoredAreNotReadAgain: they are kept until they can be, and would otherwise pile up.
func TestReportsThatCannotBeStoredAreNotReadAgain(t *testing.T) {
	s := newStandIn(t)
	s.until("the reports of turn 0 are stored", func(g galaxy.Game) bool { return g.Runtime.Reports == 0 })
	var refused atomic.Int32
	s.refuse.Store(new(func(c galaxy.GameChange) error {
		if len(c.Reports) > 0 {
			refused.Add(1)
			return galaxy.Errorf(galaxy.ServiceUnavailable, "the database is away")
		}
		return nil
	}))
	s.force(1)
	s.turnMade(1)
	require.Eventually(t, func() bool { return refused.Load() > 0 }, 10*time.Second, time.Millisecond)
	read := s.Calls(enginetest.Report)
	require.Eventually(t, func() bool { return refused.Load() > 5 }, 10*time.Second, time.Millisecond)
	require.Equal(t, read, s.Calls(enginetest.Report))
	s.refuse.Store(nil)
	s.until("they are stored", func(g galaxy.Game) bool { return g.Runtime.Reports == 1 })
}
