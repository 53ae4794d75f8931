package engine_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// recorded is what an engine says that has made no turn since turn 3.
func recorded(id galaxy.GameID) enginetest.Fault {
	return enginetest.Fault{Status: http.StatusOK, Body: fmt.Sprintf(`{"gameId":%q,"currentTurn":3,"stateDigest":"recorded","engineStatus":"running"}`, id)}
}

// tellTurn has the turn after turn 3 made.
func tellTurn(to kit.Ref) {
	kit.Tell(to, engine.MakeTurn{Number: 1, Attempt: 1, Recorded: 3, Digest: "recorded"})
}

// TestAnEngineThatSaysThatItHasMadeNoTurnIsAskedAgainWithoutHaste: an attempt that ends at once is followed by the next at once.
func TestAnEngineThatSaysThatItHasMadeNoTurnIsAskedAgainWithoutHaste(t *testing.T) {
	r, s := newRig(t), spec()
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	r.Fail(enginetest.Turn, recorded(s.Game), recorded(s.Game))
	from := time.Now()
	tellTurn(ref)
	require.Equal(t, 4, next[engine.TurnMade](r).Status.Turn)
	require.Equal(t, 3, r.Calls(enginetest.Turn))
	require.GreaterOrEqual(t, time.Since(from), 2*r.deps.Pace.Settle)
}

func TestAnEngineThatNeverMakesTheTurnIsGivenUp(t *testing.T) {
	r, s := newRig(t, func(r *rig) { r.deps.Config.GenerationLimit = 200 * time.Millisecond }), spec()
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	for range 1000 {
		r.Fail(enginetest.Turn, recorded(s.Game))
	}
	tellTurn(ref)
	require.Contains(t, next[engine.TurnFailed](r).Cause, "longer than")
}
