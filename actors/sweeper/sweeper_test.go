package sweeper_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/sweeper"
	"galaxy/backend/galaxy"
)

var live, due = galaxy.GameID{UUID: galaxy.NewID()}, galaxy.GameID{UUID: galaxy.NewID()}

// fake is a store that is away at first.
type fake struct{ away atomic.Int64 }

func (f *fake) LiveGames(context.Context) ([]galaxy.GameID, error) {
	if f.away.Add(-1) >= 0 {
		return nil, errors.New("away")
	}
	return []galaxy.GameID{live}, nil
}

func (f *fake) DueGames(_ context.Context, now time.Time, limit int) ([]galaxy.GameID, error) {
	if now.IsZero() || limit < 1 {
		return nil, errors.New("asked for nothing")
	}
	return []galaxy.GameID{due}, nil
}

func TestGamesAreWoken(t *testing.T) {
	sys, woken := kittest.System(t), make(chan galaxy.GameID, 100)
	store := &fake{}
	store.away.Store(3)
	ref, err := sweeper.Start(sys, sweeper.Deps{Store: store, Wake: func(id galaxy.GameID) { woken <- id }, Now: time.Now, Log: zap.NewNop(), Interval: time.Millisecond}, kittest.Never)
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, sys, ref) })
	require.Equal(t, live, <-woken, "first, once the store answers, those that were alive")
	require.Equal(t, due, <-woken)
	require.Equal(t, due, <-woken, "then those that are due, again and again")
}
