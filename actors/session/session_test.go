package session_test

import (
	"context"
	"maps"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/push"
	"galaxy/backend/actors/session"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	pushv1 "galaxy/backend/proto/push/v1"
	"galaxy/backend/store"
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
	seen []map[galaxy.SessionID]time.Time
}

func (s *touches) TouchSessions(_ context.Context, seen map[galaxy.SessionID]time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, maps.Clone(seen))
	return nil
}

func (s *touches) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

func TestUseIsStoredNowAndThenForManyAtOnce(t *testing.T) {
	st, sys := &touches{}, kittest.System(t)
	seen, err := session.StartSeen(sys, st, zap.NewNop(), 50*time.Millisecond, kittest.Never)
	require.NoError(t, err)
	family, err := session.Start(sys, session.Deps{Store: st, Seen: seen, Now: time.Now, Log: zap.NewNop(), Debounce: 20 * time.Millisecond, Idle: 100 * time.Millisecond}, kittest.Never)
	require.NoError(t, err)
	ids := make([]galaxy.SessionID, 50)
	for i := range ids {
		ids[i] = galaxy.SessionID{UUID: galaxy.NewID()}
	}
	for range 100 {
		for _, id := range ids {
			kit.Tell(family.Ref(id), session.Used{Session: id})
		}
	}
	require.Eventually(t, func() bool { return family.Live() == 0 && st.count() > 0 }, 10*time.Second, time.Millisecond, "idleness ends the actors")
	kittest.Stop(t, sys, seen)
	require.Less(t, st.count(), 20)
	all := map[galaxy.SessionID]bool{}
	for _, batch := range st.seen {
		for id := range batch {
			all[id] = true
		}
	}
	require.Len(t, all, len(ids))
}

func TestAStopStoresTheLastUse(t *testing.T) {
	st, sys := &touches{}, kittest.System(t)
	seen, err := session.StartSeen(sys, st, zap.NewNop(), time.Hour, kittest.Never)
	require.NoError(t, err)
	family, err := session.Start(sys, session.Deps{Store: st, Seen: seen, Now: time.Now, Log: zap.NewNop()}, kittest.Never)
	require.NoError(t, err)
	id := galaxy.SessionID{UUID: galaxy.NewID()}
	kit.Tell(family.Ref(id), session.Used{Session: id})
	last := time.Now()
	kit.Tell(family.Ref(id), session.Used{Session: id})
	kittest.Stop(t, sys, family.Root(), seen)
	require.Equal(t, 1, st.count())
	require.False(t, st.seen[0][id].Before(last), "the debounce keeps the last use back, not away")
}

// lived is the sessions' family on a real store, with its hub.
type lived struct {
	*testing.T
	st     *store.Store
	table  *session.Table
	family *kit.Family[galaxy.SessionID]
	hubs   kit.Ref
}

func live(t *testing.T) *lived {
	l := &lived{T: t, st: storetest.Open(t)}
	sys := kittest.System(t)
	var err error
	l.table, err = session.Warm(t.Context(), l.st)
	require.NoError(t, err)
	l.hubs, err = push.Start(sys, push.Deps{Config: push.Config{TTL: time.Minute, RingEvents: 100, RingBytes: 1 << 20, Queue: 100}, Boot: 1, Now: time.Now, Log: zap.NewNop(), Meter: noop.Meter{}}, kittest.Never)
	require.NoError(t, err)
	l.family, err = session.Start(sys, session.Deps{Store: l.st, Table: l.table, Hub: l.hubs, Now: storetest.Now, Log: zap.NewNop()}, kittest.Never)
	require.NoError(t, err)
	return l
}

func (l *lived) signIn(email string) (galaxy.Account, galaxy.Session) {
	a, s := storetest.SignIn(l.T, l.st, email)
	l.table.Add(s)
	return a, s
}

func (l *lived) revoke(s galaxy.Session, user galaxy.UserID) error {
	_, err := kit.Ask(l.Context(), l.family.Ref(s.ID), session.Revoke{By: galaxy.By{Principal: galaxy.User(user)}, User: user, Reason: galaxy.RevokedByUser})
	return err
}

func TestARevocationIsAnsweredWhenGatewaysAreTold(t *testing.T) {
	l := live(t)
	account, one := l.signIn("ann@example.com")
	_, other := l.signIn("ann@example.com")
	sub, err := kit.Ask(t.Context(), l.hubs, push.Subscribe{Client: "g"})
	require.NoError(t, err)
	for range 2 { // the second time it is told once more
		require.NoError(t, l.revoke(one, account.ID))
		frames, err := sub.Take(t.Context())
		require.NoError(t, err)
		require.Len(t, frames, 1)
		var e pushv1.PushEvent
		require.NoError(t, proto.Unmarshal(frames[0].Encoded, &e))
		require.Equal(t, []string{one.ID.String(), account.ID.String(), "user"}, []string{e.GetSessionInvalidation().GetDeviceSessionId(),
			e.GetSessionInvalidation().GetUserId(), e.GetSessionInvalidation().GetReason()})
	}
	_, _, ok := l.table.Find(one.ID)
	require.False(t, ok)
	_, _, ok = l.table.Find(other.ID)
	require.True(t, ok)
	l.table.Add(one)
	_, _, ok = l.table.Find(one.ID)
	require.False(t, ok, "a birth that is heard of late revives nothing")
	stored, err := l.st.Session(t.Context(), one.ID)
	require.NoError(t, err)
	require.NotNil(t, stored.RevokedAt)
	require.Equal(t, galaxy.RevokedByUser, stored.RevokeReason)
}

func TestRevokingAgainstLookingUp(t *testing.T) {
	l := live(t)
	account, one := l.signIn("ann@example.com")
	answered := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-answered:
					if _, _, ok := l.table.Find(one.ID); ok {
						t.Error("found after the revocation was answered")
					}
					return
				default:
					l.table.Find(one.ID)
				}
			}
		})
	}
	require.NoError(t, l.revoke(one, account.ID))
	close(answered)
	wg.Wait()
}

func TestADeviceIsNamed(t *testing.T) {
	l := live(t)
	account, one := l.signIn("ann@example.com")
	stranger, _ := l.signIn("bob@example.com")
	rename := func(user galaxy.UserID, name string) (galaxy.Session, error) {
		return kit.Ask(t.Context(), l.family.Ref(one.ID), session.Rename{By: galaxy.By{Principal: galaxy.User(user)}, User: user, Name: name})
	}
	named, err := rename(account.ID, "Ann's phone")
	require.NoError(t, err)
	require.Equal(t, "Ann's phone", named.DeviceName)
	_, err = rename(account.ID, "a\nb")
	require.True(t, galaxy.Is(err, galaxy.InvalidRequest))
	_, err = rename(stranger.ID, "mine")
	require.True(t, galaxy.Is(err, galaxy.NotFound))
	require.NoError(t, l.revoke(one, account.ID))
	_, err = rename(account.ID, "late")
	require.True(t, galaxy.Is(err, galaxy.NotFound))
}
