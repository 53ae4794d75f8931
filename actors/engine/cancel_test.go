package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// patient is a client whose calls for a turn go on until they are cancelled.
type patient struct {
	engine.Client
	called, cancelled chan struct{}
}

func (p *patient) Turn(ctx context.Context, _ string, _ galaxy.GameID, _ *int) (galaxy.EngineStatus, error) {
	close(p.called)
	<-ctx.Done()
	close(p.cancelled)
	return galaxy.EngineStatus{}, ctx.Err()
}

func TestALongCallIsCancelledHoweverManyOthersCameAfterIt(t *testing.T) {
	p := &patient{called: make(chan struct{}), cancelled: make(chan struct{})}
	r, s := newRig(t, func(r *rig) { p.Client, r.deps.Client = r.deps.Client, p }), spec()
	r.played(&s, 3)
	ref := r.drive(s)
	next[engine.Up](r)
	tellTurn(ref)
	<-p.called
	for id := range uint64(40) {
		kit.Tell(ref, engine.Report{ID: id, Race: "A", Turn: 3})
		require.Equal(t, id, next[engine.ReportRead](r).ID)
	}
	kit.Tell(ref, engine.Stop{Number: 2})
	next[engine.Stopped](r)
	select {
	case <-p.cancelled:
	case <-time.After(eventually):
		require.FailNow(t, "the call goes on")
	}
}
