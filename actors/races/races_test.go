package races_test

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/races"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// lossy loses the answer to the next commit of names.
type lossy struct {
	races.Store
	lose atomic.Bool
	read func() // called once names were read
}

func (l *lossy) Names(ctx context.Context, keys ...string) ([]galaxy.HeldName, error) {
	found, err := l.Store.Names(ctx, keys...)
	if l.read != nil {
		l.read()
	}
	return found, err
}

func (l *lossy) CommitNames(ctx context.Context, c galaxy.DirectoryChange) error {
	err := l.Store.CommitNames(ctx, c)
	if err == nil && l.lose.Swap(false) {
		return errors.Join(galaxy.Errorf(galaxy.ServiceUnavailable, "the database does not answer"), galaxy.ErrOutcomeUnknown)
	}
	return err
}

type world struct {
	*testing.T
	store *lossy
	names *races.Names
	ref   kit.Ref
	user  galaxy.Account
	ahead atomic.Int64
	told  atomic.Int64
}

func begin(t *testing.T) (*world, func(race string) string) {
	st := storetest.Open(t)
	w := &world{T: t, store: &lossy{Store: st}}
	w.user, _ = storetest.SignIn(t, st, "ann@example.com")
	var err error
	w.names, err = races.Warm(t.Context(), w.store)
	require.NoError(t, err)
	sys := kittest.System(t)
	w.ref, err = races.Start(sys, races.Deps{Config: races.Config{Interval: 5 * time.Millisecond}, Store: w.store, Names: w.names,
		Rights: func(id galaxy.UserID) (galaxy.Rights, bool) { return w.user.Rights, id == w.user.ID }, WakeNotify: func() { w.told.Add(1) },
		Now: func() time.Time { return storetest.Now().Add(time.Duration(w.ahead.Load())) }, Log: zap.NewNop()}, kittest.Never)
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, sys, w.ref) })
	// A won name, as a game's end leaves it.
	return w, func(race string) string {
		g, _ := storetest.Game(t, st, 0)
		key, err := galaxy.RaceKey(race)
		require.NoError(t, err)
		c := galaxy.GameChange{Next: g, Names: []galaxy.NameChange{{Move: galaxy.NameReserve, Key: key, Name: race, User: w.user.ID}}}
		g = storetest.Commit(t, st, c)
		w.names.Committed(c.Names)
		c = galaxy.GameChange{Next: g, Names: []galaxy.NameChange{{Move: galaxy.NameWin, Key: key, Name: race, User: w.user.ID, Expires: new(storetest.Now().Add(time.Hour))}}}
		storetest.Commit(t, st, c)
		w.names.Committed(c.Names)
		w.is(key, galaxy.PendingName)
		return key
	}
}

// is asserts how memory has a key.
func (w *world) is(key string, want galaxy.NameStatus) {
	w.Helper()
	user, status, held := w.names.Holder(key)
	require.Equal(w, want != "", held)
	if held {
		require.Equal(w, []any{w.user.ID, want}, []any{user, status})
	}
}

func (w *world) register(race, key string) (galaxy.HeldName, error) {
	return kit.Ask(w.Context(), w.ref, races.Register{User: w.user.ID, Name: race, Idempotency: galaxy.Idempotency{Key: key}})
}

func TestANameIsRegisteredOnce(t *testing.T) {
	w, win := begin(t)
	alpha := win("Alpha")
	win("Beta")
	w.store.lose.Store(true)
	_, err := w.register("alpha", "k")
	require.Equal(t, galaxy.ServiceUnavailable, galaxy.CodeOf(err), "nobody knows")
	w.is(alpha, galaxy.RegisteredName) // but memory has looked
	for range 2 {
		held, err := w.register("alpha", "k")
		require.NoError(t, err)
		require.Equal(t, galaxy.RegisteredName, held.Status)
	}
	_, err = w.register("Beta", "k2")
	require.Equal(t, galaxy.NameQuotaExceeded, galaxy.CodeOf(err), "a free account has one")
	for race, want := range map[string]galaxy.Code{"Gamma": galaxy.NotFound, "two words": galaxy.InvalidRequest} {
		_, err = w.register(race, "k3")
		require.Equal(t, want, galaxy.CodeOf(err), race)
	}
	_, err = kit.Ask(t.Context(), w.ref, races.Register{User: galaxy.UserID{UUID: galaxy.NewID()}, Name: "Alpha"})
	require.Equal(t, galaxy.NotFound, galaxy.CodeOf(err))
}

func TestNamesThatAreNotRegisteredAreTakenBack(t *testing.T) {
	w, win := begin(t)
	alpha, beta := win("Alpha"), win("Beta")
	_, err := w.register("Beta", "")
	require.NoError(t, err)
	w.store.lose.Store(true)
	w.ahead.Store(int64(2 * time.Hour))
	require.Eventually(t, func() bool { _, _, held := w.names.Holder(alpha); return !held }, 10*time.Second, time.Millisecond)
	w.is(beta, galaxy.RegisteredName)
	found, err := w.store.Names(t.Context(), alpha)
	require.NoError(t, err)
	require.Empty(t, found)
}

// TestWhatIsHeardInAnotherOrder: commits of different games are heard of as they come.
func TestWhatIsHeardInAnotherOrder(t *testing.T) {
	w, _ := begin(t)
	me, other := w.user.ID, galaxy.UserID{UUID: galaxy.NewID()}
	change := func(move galaxy.NameMove, user galaxy.UserID) []galaxy.NameChange {
		return []galaxy.NameChange{{Move: move, Key: "x", Name: "X", User: user}}
	}
	w.names.Committed(change(galaxy.NameReserve, me))
	w.names.Committed(change(galaxy.NameReserve, me)) // in a second game
	w.names.Committed(change(galaxy.NameRelease, me))
	w.is("x", galaxy.ReservedName)
	w.names.Committed(change(galaxy.NameReserve, other)) // released and taken, but heard of the other way round
	w.names.Committed(change(galaxy.NameRelease, me))
	user, _, held := w.names.Holder("x")
	require.True(t, held)
	require.Equal(t, other, user)
	w.names.Committed(change(galaxy.NameRelease, other))
	w.is("x", "")
	w.names.Committed(change(galaxy.NameReserve, me))
	require.NoError(t, w.names.RefreshOf(t.Context(), me))
	w.is("x", "") // the store knows nothing of it
}

// TestAKeyThatChangesWhileItIsRead: what was read before a commit does not undo what was heard of it.
func TestAKeyThatChangesWhileItIsRead(t *testing.T) {
	st := storetest.Open(t)
	store := &lossy{Store: st}
	names, err := races.Warm(t.Context(), store)
	require.NoError(t, err)
	g, accounts := storetest.Game(t, st, 1)
	key := g.Members[0].RaceKey
	reads := 0
	store.read = func() {
		if reads++; reads == 1 {
			by := galaxy.By{Principal: galaxy.User(accounts[0].ID), At: storetest.Now()}
			c, _, err := g.Leave(accounts[0].ID, by)
			require.NoError(t, err)
			storetest.Commit(t, st, c)
			names.Committed(c.Names)
		}
	}
	require.NoError(t, names.Refresh(t.Context(), key))
	_, _, held := names.Holder(key)
	require.False(t, held)
	require.Equal(t, 2, reads)
}
