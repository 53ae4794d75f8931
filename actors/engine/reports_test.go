package engine_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

func TestAReportThatCannotBeReadKeepsNoOtherBack(t *testing.T) {
	r, s := newRig(t), spec()
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	r.Fail(enginetest.Report, enginetest.Fault{Status: http.StatusInternalServerError, Code: "broken"})
	kit.Tell(ref, engine.FetchReports{Turn: 3, Races: []string{"A", "B"}})
	got := next[engine.Fetched](r)
	require.NoError(t, got.Err)
	require.Len(t, got.Missing, 1)
	require.Len(t, got.Reports, 1)
	require.ElementsMatch(t, []string{"A", "B"}, []string{got.Missing[0], got.Reports[0].Race})
	var e *galaxy.EngineError
	require.ErrorAs(t, got.Cause, &e)
	require.Equal(t, "broken", e.Code)
	kit.Tell(ref, engine.FetchReports{Turn: 3, Races: []string{"A", "B"}})
	got = next[engine.Fetched](r)
	require.NoError(t, got.Cause)
	require.Empty(t, got.Missing)
	require.Len(t, got.Reports, 2)
}

func TestReportsOfAnEngineThatIsGoneAreNotMissing(t *testing.T) {
	r, s := newRig(t), spec()
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	kit.Tell(ref, engine.Stop{Number: 1})
	next[engine.Stopped](r)
	kit.Tell(ref, engine.FetchReports{Turn: 3, Races: []string{"A", "B"}})
	got := next[engine.Fetched](r)
	require.Error(t, got.Err)
	require.Empty(t, got.Missing)
}

func TestAFetchThatWaitsForOtherGamesKeepsNoPlayerWaiting(t *testing.T) {
	r := newRig(t)
	hold := make(chan struct{})
	up := func() kit.Ref {
		s := spec()
		r.played(&s, 3)
		ref := r.drive(s)
		next[engine.Up](r)
		return ref
	}
	const others, readers = 4, 4
	for range others + readers {
		r.Fail(enginetest.Report, enginetest.Fault{Hold: hold})
	}
	for range others {
		kit.Tell(up(), engine.FetchReports{Turn: 3, Races: []string{"A"}})
	}
	require.Eventually(t, func() bool { return r.Calls(enginetest.Report) == others }, eventually, tick)
	ref := up()
	kit.Tell(ref, engine.FetchReports{Turn: 3, Races: []string{"A"}})
	for id := range readers {
		kit.Tell(ref, engine.Report{ID: uint64(id), Race: "A", Turn: 3})
	}
	require.Eventually(t, func() bool { return r.Calls(enginetest.Report) == others+readers }, eventually/4, tick, "players wait for what has not begun")
	close(hold)
	for range others + 1 {
		require.NoError(t, next[engine.Fetched](r).Err)
	}
}

func TestAnEngineIsGivenFourReadsAtATime(t *testing.T) {
	r, s := newRig(t), spec()
	s.Races = []string{"A", "B", "C", "D"}
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	hold := make(chan struct{})
	for range 8 {
		r.Fail(enginetest.Report, enginetest.Fault{Hold: hold})
	}
	for id := range 2 {
		kit.Tell(ref, engine.Report{ID: uint64(id), Race: "A", Turn: 3})
	}
	kit.Tell(ref, engine.FetchReports{Turn: 3, Races: s.Races})
	for id := range 2 {
		kit.Tell(ref, engine.Report{ID: uint64(2 + id), Race: "A", Turn: 3})
	}
	require.Eventually(t, func() bool { return r.Calls(enginetest.Report) == 4 }, eventually, tick)
	require.Never(t, func() bool { return r.Calls(enginetest.Report) > 4 }, 100*time.Millisecond, tick)
	close(hold)
	require.Len(t, next[engine.Fetched](r).Reports, 4)
	require.Eventually(t, func() bool { return r.Calls(enginetest.Report) == 8 }, eventually, tick)
}
