package engine_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/engineapi"
	"galaxy/backend/internal/enginetest"
)

func TestATurnWhoseBanishIsRefusedFailsAtOnceAndSaysWhy(t *testing.T) {
	r, s := newRig(t), spec()
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	r.Fail(enginetest.Banish, enginetest.Fault{}, enginetest.Fault{Status: http.StatusConflict, Code: "not_now"})
	kit.Tell(ref, engine.MakeTurn{Number: 1, Attempt: 1, Recorded: 3, Digest: "recorded", Banish: []string{"A", "B"}})
	require.Equal(t, engine.Banished{Race: "A", Known: true}, next[engine.Banished](r), "what it has taken is told all the same")
	cause := next[engine.TurnFailed](r).Cause
	for _, said := range []string{`"B"`, "409", "not_now"} {
		require.Contains(t, cause, said)
	}
	require.Equal(t, 2, r.Calls(enginetest.Banish))
	require.Zero(t, r.Calls(enginetest.Turn))
}

func TestABanishThatMayPassLaterIsTriedAgainBeforeTheTurn(t *testing.T) {
	for name, fault := range map[string]enginetest.Fault{
		"a server error":            {Status: http.StatusServiceUnavailable},
		"the connection is cut":     {Cut: true},
		"another turn is made":      {Status: http.StatusConflict, Code: engineapi.CodeTurnInProgress},
		"it does not know the race": {Status: http.StatusNotFound, Code: engineapi.CodeRaceUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t), spec()
			r.played(&s, 3)
			ref := r.drive(s)
			next[engine.Up](r)
			r.Fail(enginetest.Banish, fault)
			kit.Tell(ref, engine.MakeTurn{Number: 1, Attempt: 1, Recorded: 3, Digest: "recorded", Banish: []string{"A"}})
			require.Equal(t, 4, next[engine.TurnMade](r).Status.Turn)
		})
	}
}
