package kit_test

import (
	"context"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
)

type again struct{}

func TestNothingReachesAnActorThatEnds(t *testing.T) {
	sys := kittest.System(t)
	held, stopping := make(chan struct{}), make(chan struct{})
	child := sys.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(c actor.Context) {
			if _, ok := c.Message().(*actor.Stopping); ok {
				<-held
			}
		})
	})
	got := make(chan struct{}, 1)
	parent, err := sys.Spawn("parent", sys.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(c actor.Context) {
			switch c.Message().(type) {
			case *actor.Started:
				c.Spawn(child)
			case *actor.Stopping:
				close(stopping)
			case again:
				c.Spawn(child)
				got <- struct{}{}
			}
		})
	}), kittest.Never)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		ended <- sys.Stop(ctx, parent)
	}()
	<-stopping
	kit.Tell(parent, again{})
	select {
	case <-got:
		t.Error("it was given a message after Stopping")
	case <-time.After(300 * time.Millisecond):
	}
	close(held)
	require.NoError(t, <-ended)
}
