package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/storetest"
)

// TestNothingIsDueForAGameThatHasNoEngineAnyMore: woken every half minute, it would never leave memory.
func TestNothingIsDueForAGameThatHasNoEngineAnyMore(t *testing.T) {
	st := storetest.Open(t)
	by := galaxy.By{Principal: galaxy.Admin("root"), At: storetest.Now()}
	due := func() []galaxy.GameID {
		ids, err := st.DueGames(t.Context(), by.At, 10)
		require.NoError(t, err)
		return ids
	}
	running := func() galaxy.Game {
		g, _ := storetest.Game(t, st, 2)
		c, err := g.ForceStart(galaxy.EngineVersion{Version: "1.0.0", ImageRef: "engine:1", ExpectedTurn: true}, by)
		require.NoError(t, err)
		g = storetest.Commit(t, st, c)
		status := galaxy.EngineStatus{Game: g.ID, Digest: "d0"}
		for _, m := range g.Members {
			status.Players = append(status.Players, galaxy.EnginePlayer{Race: m.Race})
		}
		return storetest.Commit(t, st, g.EngineUp(status, by))
	}

	g := running()
	removed, _, err := g.Remove(g.Members[1].ID, "", by)
	require.NoError(t, err)
	g = storetest.Commit(t, st, removed)
	require.Equal(t, []galaxy.GameID{g.ID}, due(), "its reports are read, and a race is banished")
	cancelled, err := g.Cancel("", by)
	require.NoError(t, err)
	g = storetest.Commit(t, st, cancelled)
	require.Equal(t, []galaxy.GameID{g.ID}, due(), "its engine is stopped")
	storetest.Commit(t, st, g.Stopped(g.Runtime.Op.Number, by))
	require.Empty(t, due())

	g = running()
	c, err := g.ClaimTurn(galaxy.CauseForced, by)
	require.NoError(t, err)
	g = storetest.Commit(t, st, c)
	g = storetest.Commit(t, st, g.TurnMade(g.Runtime.Op.Number, 1, galaxy.EngineStatus{Game: g.ID, Turn: 1, Digest: "d1", Finished: true}, by))
	require.Equal(t, []galaxy.GameID{g.ID}, due(), "the reports of the last turn are read")
	storetest.Commit(t, st, g.Lost("its state is gone", by))
	require.Empty(t, due(), "nothing is tried until an operator does")
}

// TestAGapInTheReports outlives the process, and keeps the container of a finished game.
func TestAGapInTheReports(t *testing.T) {
	st := storetest.Open(t)
	by := galaxy.By{Principal: galaxy.Admin("root"), At: storetest.Now()}
	ids := func(find func(context.Context, time.Time, int) ([]galaxy.GameID, error)) []galaxy.GameID {
		found, err := find(t.Context(), by.At.Add(time.Second), 10)
		require.NoError(t, err)
		return found
	}
	g, _ := storetest.Game(t, st, 2)
	c, err := g.ForceStart(galaxy.EngineVersion{Version: "1.0.0", ImageRef: "engine:1", ExpectedTurn: true}, by)
	require.NoError(t, err)
	g = storetest.Commit(t, st, c)
	status := galaxy.EngineStatus{Game: g.ID, Digest: "d0"}
	for _, m := range g.Members {
		status.Players = append(status.Players, galaxy.EnginePlayer{Race: m.Race})
	}
	g = storetest.Commit(t, st, g.EngineUp(status, by))
	g = storetest.Commit(t, st, g.ReportsIncomplete(0, nil, []string{g.Members[0].Race}, "500", by))
	g, err = st.Game(t.Context(), g.ID)
	require.NoError(t, err)
	require.Equal(t, []int{0}, g.Runtime.Gaps)
	require.Empty(t, ids(st.DueGames), "a game that runs sees to it by itself")

	status.Finished = true
	g = storetest.Commit(t, st, g.EngineUp(status, by))
	require.Equal(t, galaxy.Finished, g.Status)
	require.Equal(t, []galaxy.GameID{g.ID}, ids(st.DueGames))
	require.Empty(t, ids(st.EndedGames), "its container is kept")
	g = storetest.Commit(t, st, g.ReportsFetched(0, nil, by))
	require.Empty(t, g.Runtime.Gaps)
	require.Empty(t, ids(st.DueGames))
	require.Equal(t, []galaxy.GameID{g.ID}, ids(st.EndedGames))
}
