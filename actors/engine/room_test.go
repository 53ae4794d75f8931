package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
)

// TestWhateverIsRefusedRoomIsCalledWhenThereIsOne: nothing waits for its next try by itself, which is hours away here.
func TestWhateverIsRefusedRoomIsCalledWhenThereIsSome(t *testing.T) {
	core, said := observer.New(zap.WarnLevel)
	r := newRig(t, func(r *rig) {
		r.deps.Log = zap.New(core)
		r.deps.Config.WorkerPool, r.deps.Config.JobQueue = 1, 1
		r.deps.Pace.Retry, r.deps.Pace.Probe = time.Hour, time.Hour
	})
	idle := func() kit.Ref { // drives a container that is only to be ended
		s := spec()
		r.played(&s, 3)
		s.Up = false
		return r.drive(s)
	}
	hold, held := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	r.stepIn(func(_ context.Context, what string) error {
		if what == "ensure" && first.CompareAndSwap(false, true) {
			close(held)
			<-hold
		}
		return nil
	}, nil)
	s := spec()
	r.drive(s)
	<-held // the only worker is taken
	// One of these waits inside, and the others are refused.
	for number := range int64(3) {
		kit.Tell(idle(), engine.Stop{Number: number + 1})
	}
	kit.Tell(idle(), engine.Remove{Number: 9})
	patched := spec()
	r.played(&patched, 3)
	patched.Patch = &engine.Patch{Number: 5, Label: "five", Turn: 3, Digest: "recorded", To: patched.Pin}
	r.drive(patched)
	require.Eventually(t, func() bool { return said.FilterMessageSnippet("tried again").Len() >= 4 }, eventually, tick)
	close(hold)
	var got []int64
	late := time.After(eventually)
	for len(got) < 5 {
		select {
		case fact := <-r.facts:
			switch m := fact.(type) {
			case engine.Stopped:
				got = append(got, m.Number)
			case engine.Removed:
				got = append(got, m.Number)
			case engine.Patched:
				got = append(got, m.Number)
			}
		case <-late:
			require.FailNow(t, "not all are done", "%v", got)
		}
	}
	require.ElementsMatch(t, []int64{1, 2, 3, 5, 9}, got)
}
