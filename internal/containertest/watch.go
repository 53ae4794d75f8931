package containertest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

// Heard is what a driver's Watch has told.
type Heard struct {
	mu     sync.Mutex
	events []galaxy.ContainerEvent
}

// Tell takes an event.
func (h *Heard) Tell(e galaxy.ContainerEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// Of gives what was told of a game, in order.
func (h *Heard) Of(game galaxy.GameID) []galaxy.ContainerEvent {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.events), func(e galaxy.ContainerEvent) bool { return e.Game != game })
}

// Kinds gives what was told of a game, in order, without its details.
func (h *Heard) Kinds(game galaxy.GameID) []galaxy.ContainerEventKind {
	var out []galaxy.ContainerEventKind
	for _, e := range h.Of(game) {
		out = append(out, e.Kind)
	}
	return out
}

// watch follows an engine through starts, ends and its removal. Before, another game's engine comes and goes until it is
// told of: then the watch is known to be under way.
func (c oneCase) watch() {
	ctx, cancel := context.WithCancel(c.Context())
	heard, ended := &Heard{}, make(chan error, 1)
	go func() { ended <- c.d.Watch(ctx, heard.Tell) }()
	other := newCase(c.T, c.d, c.images)
	require.Eventually(c, func() bool {
		_, err := c.d.Ensure(ctx, other.one())
		if err == nil {
			err = c.d.Stop(ctx, other.game, 5*time.Second)
		}
		return err == nil && len(heard.Of(other.game)) > 0
	}, time.Minute, 50*time.Millisecond, "nothing is told")

	before := time.Now().Add(-time.Second)
	c.ensure(c.one())
	require.NoError(c, c.d.Stop(ctx, c.game, 5*time.Second))
	c.ensure(c.two()) // replaces it
	require.NoError(c, c.d.Stop(ctx, c.game, 5*time.Second))
	require.NoError(c, c.d.Remove(ctx, c.game))
	want := []galaxy.ContainerEventKind{galaxy.ContainerStarted, galaxy.ContainerDied, galaxy.ContainerStarted, galaxy.ContainerDied, galaxy.ContainerDestroyed}
	require.EventuallyWithT(c, func(t *assert.CollectT) {
		kinds := heard.Kinds(c.game)
		if len(kinds) == len(want)+1 && kinds[2] == galaxy.ContainerDestroyed {
			kinds = slices.Delete(kinds, 2, 3) // a driver that removes what it replaces says so
		}
		require.Equal(t, want, kinds)
	}, 20*time.Second, 10*time.Millisecond)
	for _, e := range heard.Of(c.game) {
		require.WithinRange(c, e.At, before, time.Now().Add(time.Second))
		require.Zero(c, e.ExitCode)
		require.Equal(c, e.Kind == galaxy.ContainerDied, e.ExitKnown)
	}
	cancel()
	require.NoError(c, <-ended, "a watch that is called off has not failed")
}
