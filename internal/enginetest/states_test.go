package enginetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
)

func TestWhatIsHeldIsCopiedAndPutBack(t *testing.T) {
	e, id := New(t), galaxy.GameID{UUID: galaxy.NewID()}
	ctx := t.Context()
	require.ErrorIs(t, e.CopyState(ctx, id, "a"), galaxy.ErrStateMissing)
	require.ErrorIs(t, e.RestoreState(ctx, id, "a"), galaxy.ErrNoCopy)
	turn := func() (n int) {
		e.Change(id, func(g *Game) { n = g.Turn })
		return n
	}
	e.Change(id, func(g *Game) { g.Holds, g.Turn = id, 3 })
	require.NoError(t, e.CopyState(ctx, id, "a"))
	e.Change(id, func(g *Game) { g.Advance() })
	require.NoError(t, e.CopyState(ctx, id, "a"), "a copy that is there is kept")
	require.NoError(t, e.RestoreState(ctx, id, "a"))
	require.Equal(t, 3, turn())
	e.Change(id, func(g *Game) { g.Advance() })
	require.NoError(t, e.RestoreState(ctx, id, "a"), "it was done")
	require.Equal(t, 4, turn())
	require.Equal(t, 1, e.Copies(id))
	require.NoError(t, e.DropState(ctx, id, "a"))
	require.Zero(t, e.Copies(id))
	require.ErrorIs(t, e.RestoreState(ctx, id, "a"), galaxy.ErrNoCopy)

	e.Space(7)
	free, err := e.FreeSpace(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 7, free)
}

func TestWhatHappensIsToldUntilTheDaemonIsAway(t *testing.T) {
	e, id := New(t), galaxy.GameID{UUID: galaxy.NewID()}
	heard, ended := &containertest.Heard{}, make(chan error, 1)
	go func() { ended <- e.Watch(t.Context(), heard.Tell) }()
	require.Eventually(t, func() bool { return e.Watched() == 1 }, 10*time.Second, time.Millisecond)
	_, err := e.Ensure(t.Context(), galaxy.ContainerSpec{Game: id})
	require.NoError(t, err)
	e.Kill(id, galaxy.Container{ExitKnown: true, ExitCode: 137, OOMKilled: true})
	require.NoError(t, e.SetAside(t.Context(), id, time.Second))
	e.Away(true)
	require.ErrorIs(t, <-ended, galaxy.ErrDriverUnknown)
	require.Equal(t, []galaxy.ContainerEventKind{galaxy.ContainerStarted, galaxy.ContainerOOM, galaxy.ContainerDied, galaxy.ContainerDestroyed}, heard.Kinds(id))
	require.Equal(t, 137, heard.Of(id)[2].ExitCode)
	require.ErrorIs(t, e.Watch(t.Context(), heard.Tell), galaxy.ErrDriverUnknown)
}
