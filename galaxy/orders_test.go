package galaxy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRevisionsThatAnEngineHasLostAreNeverTakenForItsOwn, whatever it counts to afterwards.
func TestRevisionsThatAnEngineHasLostAreNeverTakenForItsOwn(t *testing.T) {
	o := StoredOrders{}
	put := func(revision int64) int64 {
		o.EngineRevision = o.After(revision)
		return o.EngineRevision
	}
	require.EqualValues(t, 1, put(1))
	require.EqualValues(t, 2, put(2))
	o.Batches = append(o.Batches, StoredBatch{EngineRevision: o.After(3)})
	require.EqualValues(t, 3, o.Held())
	last := o.Held()
	for revision := range int64(6) { // it has begun anew
		now := put(revision + 1)
		require.Greater(t, now, last, "the order in which they came")
		require.Greater(t, now, int64(1_000_000))
		last = now
	}
}
