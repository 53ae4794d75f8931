package engine

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheGateLetsTheOldestInFirst(t *testing.T) {
	g := newGate(1, 10)
	require.NoError(t, g.acquire(t.Context(), time.Time{}))
	now := time.Now()
	var mu sync.Mutex
	var order []int
	var wg sync.WaitGroup
	for i, since := range []time.Duration{3, 1, 2} {
		wg.Go(func() {
			require.NoError(t, g.doWhile(t.Context(), now.Add(since*time.Second), time.Hour, func() error {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
				return nil
			}))
		})
		require.Eventually(t, func() bool {
			g.mu.Lock()
			defer g.mu.Unlock()
			return len(g.waiting) == i+1
		}, time.Second, time.Millisecond)
	}
	g.release()
	wg.Wait()
	require.Equal(t, []int{1, 2, 0}, order)
	require.Equal(t, 1, g.free)
}

func TestWhoIsRefusedIsCalledWhenThereIsRoom(t *testing.T) {
	g := newGate(1, 0)
	require.NoError(t, g.acquire(t.Context(), time.Time{}))
	require.ErrorIs(t, g.acquire(t.Context(), time.Time{}), errFull)
	g.limit = 1
	called := make(chan string, 2)
	now := time.Now()
	g.later(now.Add(time.Second), func() { called <- "newer" })
	g.later(now, func() { called <- "older" })
	g.release()
	require.Equal(t, "older", <-called)
	require.Empty(t, called)
}

func TestWhoGivesUpWaitingTakesNoPlace(t *testing.T) {
	g := newGate(1, 10)
	require.NoError(t, g.acquire(t.Context(), time.Time{}))
	ctx, cancel := context.WithCancel(t.Context())
	gave := make(chan error)
	go func() { gave <- g.acquire(ctx, time.Time{}) }()
	require.Eventually(t, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.waiting) == 1
	}, time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-gave, context.Canceled)
	g.release()
	require.NoError(t, g.acquire(t.Context(), time.Time{}))
}

func TestWhoLooksAgainByItselfHoldsOnePlaceOutside(t *testing.T) {
	g := newGate(1, 0)
	require.NoError(t, g.acquire(t.Context(), time.Time{}))
	now := time.Now()
	called := make(chan string, 3)
	leave := g.later(now, func() { called <- "older, first" })
	leave()
	leave = g.later(now, func() { called <- "older, again" })
	g.later(now.Add(time.Second), func() { called <- "newer" })
	require.Len(t, g.outside, 2)
	leave()
	leave()
	require.Len(t, g.outside, 1)
	g.limit = 1
	g.release()
	require.Equal(t, "newer", <-called)
	leave()
	require.Empty(t, g.outside)
	require.Empty(t, called)
}

// TestWhatTakesLongCountsForAWhileOnly: engines that hang keep nobody else's work back.
func TestWhatTakesLongCountsForAWhileOnly(t *testing.T) {
	g := newGate(1, 10)
	hold, begun := make(chan struct{}), make(chan struct{})
	hung := make(chan error, 1)
	go func() {
		hung <- g.doWhile(t.Context(), time.Now(), 10*time.Millisecond, func() error {
			close(begun)
			<-hold
			return nil
		})
	}()
	<-begun
	require.NoError(t, g.doWhile(t.Context(), time.Now(), time.Hour, func() error { return nil }))
	close(hold)
	require.NoError(t, <-hung)
	require.Equal(t, 1, g.free, "a place is given back once")
}
