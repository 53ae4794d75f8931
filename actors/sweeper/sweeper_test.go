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

var live, due, lapsed = galaxy.GameID{UUID: galaxy.NewID()}, galaxy.GameID{UUID: galaxy.NewID()}, galaxy.GameID{UUID: galaxy.NewID()}

// fake is a store that is away at first.
type fake struct {
	away, batches atomic.Int64
	purges        chan string
}

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

func (f *fake) LapsedGames(_ context.Context, now time.Time, limit int) ([]galaxy.GameID, error) {
	if now.IsZero() || limit < 1 {
		return nil, errors.New("asked for nothing")
	}
	return []galaxy.GameID{lapsed}, nil
}

func (f *fake) PurgeNameHistory(_ context.Context, before time.Time, _ int) (int, error) {
	f.purges <- time.Since(before).Round(time.Hour).String()
	return 0, nil
}

func (f *fake) DeletingUsers(context.Context, int) ([]galaxy.UserID, error) {
	return []galaxy.UserID{deleting}, nil
}

func (f *fake) ExpiredUsers(context.Context, time.Time, int) ([]galaxy.UserID, error) {
	return []galaxy.UserID{expired}, nil
}

func (f *fake) PurgeChallenges(_ context.Context, before time.Time, n int) (int, error) {
	f.purges <- time.Since(before).Round(time.Hour).String()
	return 0, nil
}

// PurgeSessions has one full batch, and then a part of one.
func (f *fake) PurgeSessions(_ context.Context, before time.Time, n int) (int, error) {
	f.purges <- time.Since(before).Round(time.Hour).String()
	return n - int(f.batches.Add(1)) + 1, nil
}

func (f *fake) PurgeReports(_ context.Context, before time.Time, n int) (int, error) {
	f.purges <- time.Since(before).Round(time.Hour).String()
	return 0, nil
}

func (f *fake) KeepAudit(_ context.Context, now, before time.Time) (int, error) {
	f.purges <- now.Sub(before).String()
	return 1, errors.New("busy")
}

var deleting, expired = galaxy.UserID{UUID: galaxy.NewID()}, galaxy.UserID{UUID: galaxy.NewID()}

func TestAccountsAreWokenAndWhatIsOldIsPurged(t *testing.T) {
	sys, woken := kittest.System(t), make(chan galaxy.UserID, 100)
	store := &fake{purges: make(chan string, 100)}
	ref, err := sweeper.Start(sys, sweeper.Deps{Store: store, Config: sweeper.Config{AuditRetention: 900 * time.Hour, ReportRetention: 55 * time.Hour}, SessionRetention: 100 * time.Hour, NameRetention: 77 * time.Hour,
		WakeGame: func(galaxy.GameID) {}, WakeUser: func(id galaxy.UserID) { woken <- id }, Now: time.Now, Log: zap.NewNop(), Interval: time.Hour, Purge: time.Millisecond}, kittest.Never)
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, sys, ref) })
	require.Equal(t, deleting, <-woken)
	require.Equal(t, expired, <-woken)
	for _, want := range []string{"900h0m0s", "48h0m0s", "100h0m0s", "100h0m0s", "77h0m0s", "55h0m0s"} {
		require.Equal(t, want, <-store.purges, "batch after batch, and on after one that failed")
	}
}

func TestGamesAreWoken(t *testing.T) {
	sys, woken, lapsing := kittest.System(t), make(chan galaxy.GameID, 100), make(chan galaxy.GameID, 100)
	wake := func(id galaxy.GameID) {
		if id == lapsed {
			lapsing <- id
		} else {
			woken <- id
		}
	}
	store := &fake{purges: make(chan string, 100)}
	store.away.Store(3)
	ref, err := sweeper.Start(sys, sweeper.Deps{Lobby: time.Millisecond, Store: store, WakeGame: wake, WakeUser: func(galaxy.UserID) {}, Now: time.Now, Log: zap.NewNop(), Interval: time.Millisecond}, kittest.Never)
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, sys, ref) })
	require.Equal(t, live, <-woken, "first, once the store answers, those that were alive")
	require.Equal(t, due, <-woken)
	require.Equal(t, due, <-woken, "then those that are due, again and again")
	<-lapsing
	<-lapsing
}
