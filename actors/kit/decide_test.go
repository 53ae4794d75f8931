package kit_test

import (
	"errors"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
)

// rule is a command whose decision may panic.
type rule struct {
	kit.Returns[int]
	panics any
	fails  error
}

// decider counts what it was asked.
type decider struct{ asked int }

func (d *decider) Receive(c actor.Context) {
	m, ok := c.Message().(rule)
	if !ok {
		return
	}
	d.asked++
	err := kit.Decide(c, func() error {
		if m.panics != nil {
			panic(m.panics)
		}
		return m.fails
	})
	kit.Reply(c, d.asked, err)
}

// TestARuleThatPanicsTakesNoActorDown: who asked is told, and memory is what it was.
func TestARuleThatPanicsTakesNoActorDown(t *testing.T) {
	sys := kittest.System(t)
	ref, err := sys.Spawn("decider", sys.Props(func() actor.Actor { return &decider{} }), kittest.Never)
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, sys, ref) })
	for _, panics := range []any{"slice bounds out of range", errors.New("no")} {
		_, err = kit.Ask(t.Context(), ref, rule{panics: panics})
		require.ErrorIs(t, err, kit.ErrPanicked)
		require.Equal(t, galaxy.Internal, galaxy.CodeOf(err))
		var told *galaxy.Error
		require.ErrorAs(t, err, &told)
		require.NotContains(t, told.Message, "slice")
	}
	_, err = kit.Ask(t.Context(), ref, rule{fails: galaxy.Errorf(galaxy.Conflict, "no")})
	require.Equal(t, galaxy.Conflict, galaxy.CodeOf(err))
	asked, err := kit.Ask(t.Context(), ref, rule{})
	require.NoError(t, err)
	require.Equal(t, 4, asked, "it was never restarted")
}
