package session_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/session"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

func TestTheTableIsWarmedByOneQuery(t *testing.T) {
	st := storetest.Open(t)
	account, one := storetest.SignIn(t, st, "ann@example.com")
	before := st.Statements()
	table, err := session.Warm(t.Context(), st)
	require.NoError(t, err)
	require.EqualValues(t, 1, st.Statements()-before)
	user, key, ok := table.Find(one.ID)
	require.True(t, ok)
	require.Equal(t, account.ID, user)
	require.Equal(t, one.Key, key)
	_, _, ok = table.Find(galaxy.SessionID{UUID: galaxy.NewID()})
	require.False(t, ok)
	require.EqualValues(t, 1, st.Statements()-before, "a look-up costs no statement")
}

// touches counts what is stored.
type touches struct {
	session.Store
	mu   sync.Mutex
	seen []time.Time
}

func (s *touches) TouchSession(_ context.Context, _ galaxy.SessionID, seen time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, seen)
	return nil
}

func (s *touches) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

func TestUseIsStoredNowAndThen(t *testing.T) {
	st, sys := &touches{}, kittest.System(t)
	family, err := session.Start(sys, session.Deps{Store: st, Now: time.Now, Log: zap.NewNop(), Debounce: 20 * time.Millisecond, Idle: 100 * time.Millisecond}, kittest.Never)
	require.NoError(t, err)
	id := galaxy.SessionID{UUID: galaxy.NewID()}
	for range 100 {
		kit.Tell(family.Ref(id), session.Used{Session: id})
	}
	require.Eventually(t, func() bool { return family.Live() == 0 && st.count() > 0 }, 10*time.Second, time.Millisecond, "idleness ends the actor")
	require.Less(t, st.count(), 20)
}

func TestAStopStoresTheLastUse(t *testing.T) {
	st, sys := &touches{}, kittest.System(t)
	family, err := session.Start(sys, session.Deps{Store: st, Now: time.Now, Log: zap.NewNop()}, kittest.Never)
	require.NoError(t, err)
	id := galaxy.SessionID{UUID: galaxy.NewID()}
	kit.Tell(family.Ref(id), session.Used{Session: id})
	kittest.Stop(t, sys, family.Root())
	require.Equal(t, 1, st.count())
}
