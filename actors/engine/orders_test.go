package engine_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

var noCommands = []json.RawMessage{json.RawMessage(`{"commandId":"c","type":"noop"}`)}

func list(id uint64, race string) engine.PutOrders {
	return engine.PutOrders{ID: id, Race: race, Turn: 4, Commands: noCommands}
}

// atAList gives an engine that is at a list of A until hold is closed.
func atAList(t *testing.T) (r *rig, ref kit.Ref, hold chan struct{}) {
	r, s := newRig(t), spec()
	r.played(&s, 3)
	ref = r.drive(s)
	next[engine.Up](r)
	hold = make(chan struct{})
	r.Fail(enginetest.Put, enginetest.Fault{Hold: hold})
	kit.Tell(ref, list(1, "A"))
	require.Eventually(t, func() bool { return r.Calls(enginetest.Put) == 1 }, eventually, tick)
	return r, ref, hold
}

// TestOrdersThatTheEngineWasNotGivenDoNotKeepItsTurn: those that it was given are waited for.
func TestOrdersThatTheEngineWasNotGivenDoNotKeepItsTurn(t *testing.T) {
	r, ref, hold := atAList(t)
	kit.Tell(ref, list(2, "B"))
	kit.Tell(ref, engine.PutBatch{ID: 3, Race: "B", Turn: 4, Batch: "b", Commands: noCommands})
	kit.Tell(ref, engine.Banish{Race: "B"})
	kit.Tell(ref, engine.CloseOrders{})
	for id := uint64(2); id <= 3; id++ {
		refused := next[engine.OrdersPut](r)
		require.Equal(t, id, refused.ID)
		require.True(t, galaxy.Is(refused.Err, galaxy.TurnAlreadyClosed))
	}
	close(hold)
	given := next[engine.OrdersPut](r)
	require.Equal(t, uint64(1), given.ID)
	require.NoError(t, given.Err)
	require.True(t, next[engine.Banished](r).Known, "other writes go on")
	require.Equal(t, 1, r.Calls(enginetest.Put))
	require.Zero(t, r.Calls(enginetest.Command))
}

func TestOrdersThatNobodyWaitsForAreNotGivenToTheEngine(t *testing.T) {
	r, ref, hold := atAList(t)
	gone, here := list(2, "B"), list(3, "B")
	gone.Until, here.Until = time.Now(), time.Now().Add(time.Hour)
	kit.Tell(ref, gone)
	kit.Tell(ref, here)
	close(hold)
	require.NoError(t, next[engine.OrdersPut](r).Err)
	late := next[engine.OrdersPut](r)
	require.Equal(t, uint64(2), late.ID)
	require.True(t, galaxy.Is(late.Err, galaxy.Timeout))
	require.NoError(t, next[engine.OrdersPut](r).Err)
	require.Equal(t, 2, r.Calls(enginetest.Put))
}

// TestAnEngineNeedNotTellItsOrders: what stands in its status says as much.
func TestAnEngineNeedNotTellItsOrders(t *testing.T) {
	for _, lacks := range []int{http.StatusNotFound, http.StatusMethodNotAllowed} {
		r, s := newRig(t), spec()
		r.played(&s, 3)
		ref := r.drive(s)
		next[engine.Up](r)
		kit.Tell(ref, list(1, "A"))
		require.Equal(t, int64(1), next[engine.OrdersPut](r).Result.Revision)
		r.Fail(enginetest.Put, enginetest.Fault{Cut: true, After: true})
		r.Fail(enginetest.Get, enginetest.Fault{Status: lacks})
		kit.Tell(ref, list(2, "A"))
		put := next[engine.OrdersPut](r)
		require.NoError(t, put.Err, lacks)
		require.Equal(t, int64(3), put.Result.Revision, "it was put upon the one whose answer was lost")
	}
}

// TestABanishThatTheEngineHasLostIsSentBeforeTheTurn: nobody may have noticed yet.
func TestABanishThatTheEngineHasLostIsSentBeforeTheTurn(t *testing.T) {
	r, s := newRig(t), spec()
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	kit.Tell(ref, engine.MakeTurn{Number: 1, Attempt: 1, Recorded: 3, Digest: "recorded", Out: []string{"B", "C"}})
	made := next[engine.TurnMade](r).Status
	require.Equal(t, 4, made.Turn)
	require.Equal(t, 1, r.Calls(enginetest.Banish), "C is not shown, so that nothing is lost")
	kit.Tell(ref, engine.MakeTurn{Number: 2, Attempt: 1, Recorded: 4, Digest: made.Digest, Out: []string{"B"}})
	require.Equal(t, 5, next[engine.TurnMade](r).Status.Turn)
	require.Equal(t, 1, r.Calls(enginetest.Banish), "it has it")
}
