package account_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"

	"galaxy/backend/actors/account"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/push"
	"galaxy/backend/actors/session"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

var root = galaxy.By{Principal: galaxy.Admin("root"), RequestID: "r"}

// home is the accounts' family on a real store.
type home struct {
	*testing.T
	dsn      string
	st       *store.Store
	sys      *kit.System
	rights   *account.Rights
	sessions *session.Table
	hub      kit.Ref
	family   *kit.Family[galaxy.UserID]
	leave    func(context.Context, galaxy.UserID) error

	mu    sync.Mutex
	ahead time.Duration
}

func open(t *testing.T) *home {
	dsn := pgtest.Database(t, storetest.Migrate)
	st, _ := storetest.OpenLeased(t, dsn)
	h := &home{T: t, dsn: dsn, st: st, leave: func(context.Context, galaxy.UserID) error { return nil }}
	h.begin()
	return h
}

// begin starts the family as a process that was just started would.
func (h *home) begin() { h.beginOn(h.st) }

func (h *home) beginOn(st account.Store) {
	h.sys = kittest.System(h)
	var err error
	h.rights, err = account.Warm(h.Context(), h.st)
	require.NoError(h, err)
	h.sessions, err = session.Warm(h.Context(), h.st)
	require.NoError(h, err)
	h.hub, err = push.Start(h.sys, push.Deps{Config: push.Config{TTL: time.Minute, RingEvents: 1000, RingBytes: 1 << 20, Queue: 1000}, Boot: 1, Now: time.Now, Log: zap.NewNop(), Meter: noop.Meter{}}, kittest.Never)
	require.NoError(h, err)
	h.family, err = account.Start(h.sys, account.Deps{Store: st, Rights: h.rights, Sessions: h.sessions, Hub: h.hub, WakeMail: func() {}, NamesReleased: func(context.Context, galaxy.UserID) error { return nil }, Now: h.now, Log: zap.NewNop(),
		Idle: 50 * time.Millisecond, LeaveGames: func(ctx context.Context, id galaxy.UserID) error { return h.leave(ctx, id) }}, kittest.Never)
	require.NoError(h, err)
}

func (h *home) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return storetest.Now().Add(h.ahead)
}

func (h *home) later(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ahead += d
}

func (h *home) signIn(email string) (galaxy.Account, galaxy.Session) {
	h.Helper()
	a, s := storetest.SignIn(h.T, h.st, email)
	h.rights.Add(a)
	h.sessions.Add(s)
	return a, s
}

func ask[R any](h *home, id galaxy.UserID, m kit.Command[R]) (R, error) {
	return kit.Ask(h.Context(), h.family.Ref(id), m)
}

func must[R any](h *home, id galaxy.UserID, m kit.Command[R]) R {
	h.Helper()
	r, err := ask(h, id, m)
	require.NoError(h, err)
	return r
}

func TestAnAccountIsReadOnce(t *testing.T) {
	h := open(t)
	want, _ := h.signIn("ann@example.com")
	got := must(h, want.ID, account.Get{})
	require.Equal(t, want, *got)
	before := h.st.Statements()
	require.Same(t, got, must(h, want.ID, account.Get{}))
	require.Equal(t, before, h.st.Statements())
	require.Eventually(t, func() bool { return h.family.Live() == 0 }, 10*time.Second, time.Millisecond)
}

func TestAnUnknownPlayerIsNotFoundAndStaysNowhere(t *testing.T) {
	h := open(t)
	_, err := ask(h, galaxy.UserID{UUID: galaxy.NewID()}, account.Get{})
	require.Equal(t, galaxy.NotFound, galaxy.CodeOf(err))
	require.Eventually(t, func() bool { return h.family.Live() == 0 }, 10*time.Second, time.Millisecond)
}

func TestRightsAreKnownFromTheStart(t *testing.T) {
	h := open(t)
	ann, _ := h.signIn("ann@example.com")
	ends := h.now().Add(time.Hour)
	must(h, ann.ID, account.SetTier{By: root, Tier: galaxy.TierYearly, EndsAt: &ends})
	seven := 7
	must(h, ann.ID, account.SetLimit{By: root, Name: galaxy.LimitMemberships, Value: &seven})
	must(h, ann.ID, account.Sanction{By: root, Sanction: galaxy.Sanction{ID: galaxy.SanctionID{UUID: galaxy.NewID()}, Kind: galaxy.DiplomailBlock, ReasonCode: "spam"}})
	h.begin()
	before := h.st.Statements()
	rights, ok := h.rights.Of(ann.ID)
	require.True(t, ok)
	require.Equal(t, galaxy.TierYearly, rights.Entitlement.Tier)
	require.Equal(t, galaxy.Numbers{MaxRegisteredRaceNames: 6, MaxOwnedPrivateGames: 10, MaxActiveMemberships: 7}, rights.Numbers(h.now()))
	require.Error(t, rights.Allows(galaxy.ActDiplomail, h.now()))
	require.NoError(t, rights.Allows(galaxy.ActJoinGame, h.now()))
	require.Equal(t, before, h.st.Statements(), "from the first look-up on nothing is read")
	h.later(2 * time.Hour)
	require.Equal(t, 7, rights.Numbers(h.now()).MaxActiveMemberships, "what an operator has set outlives the tier")
	require.Equal(t, 1, rights.Numbers(h.now()).MaxRegisteredRaceNames)
}

func TestATierThatHasEndedIsFreeAtOnceAndStoredBySweeping(t *testing.T) {
	h := open(t)
	ann, _ := h.signIn("ann@example.com")
	ends := h.now().Add(time.Hour)
	must(h, ann.ID, account.SetTier{By: root, Tier: galaxy.TierMonthly, EndsAt: &ends})
	require.True(t, must(h, ann.ID, account.Get{}).Entitlement.Paid)
	h.later(2 * time.Hour)
	require.False(t, must(h, ann.ID, account.Get{}).Entitlement.Paid)
	due, err := h.st.ExpiredUsers(t.Context(), h.now(), 10)
	require.NoError(t, err)
	require.Equal(t, []galaxy.UserID{ann.ID}, due)
	kit.Tell(h.family.Ref(ann.ID), account.Look{})
	require.Equal(t, galaxy.TierFree, must(h, ann.ID, account.Get{}).Entitlement.Tier)
	stored, err := h.st.Account(t.Context(), ann.ID)
	require.NoError(t, err)
	require.Equal(t, galaxy.TierFree, stored.Entitlement.Tier)
	history, err := h.st.UserHistory(t.Context(), ann.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"admin", "expiry"}, []string{history.Tiers[0].Source, history.Tiers[1].Source})
}

func TestASanctionEndsSessionsAndIsLifted(t *testing.T) {
	h := open(t)
	ann, one := h.signIn("ann@example.com")
	_, two := h.signIn("ann@example.com")
	_, others := h.signIn("bob@example.com")
	sub, err := kit.Ask(t.Context(), h.hub, push.Subscribe{Client: "g"})
	require.NoError(t, err)
	key := galaxy.Idempotency{Key: "k", Digest: [32]byte{1}}
	set := account.Sanction{By: root, Sanction: galaxy.Sanction{ID: galaxy.SanctionID{UUID: galaxy.NewID()}, Kind: galaxy.LoginBlock, ReasonCode: "abuse", Note: "three at night", Idempotency: key}}
	s := must(h, ann.ID, set)
	require.Equal(t, "admin:root", s.AppliedBy)
	frames, err := sub.Take(t.Context())
	require.NoError(t, err)
	require.Len(t, frames, 2, "told before it was answered")
	for _, id := range []galaxy.SessionID{one.ID, two.ID} {
		_, _, ok := h.sessions.Find(id)
		require.False(t, ok)
	}
	_, _, ok := h.sessions.Find(others.ID)
	require.True(t, ok)
	again := set
	again.Sanction.ID = galaxy.SanctionID{UUID: galaxy.NewID()}
	require.Equal(t, s.ID, must(h, ann.ID, again).ID, "a repeated request sets no second one")
	again.Sanction.Idempotency = galaxy.Idempotency{}
	_, err = ask(h, ann.ID, again)
	require.Equal(t, galaxy.Conflict, galaxy.CodeOf(err))
	lifted := must(h, ann.ID, account.LiftSanction{By: root, ID: s.ID, Reason: "a mistake"})
	require.NotNil(t, lifted.LiftedAt)
	_, err = ask(h, ann.ID, account.LiftSanction{By: root, ID: s.ID, Reason: "again"})
	require.Equal(t, galaxy.NotFound, galaxy.CodeOf(err))
	set.Sanction.ID = galaxy.SanctionID{UUID: galaxy.NewID()}
	require.Equal(t, s.ID, must(h, ann.ID, set).ID, "nor does one after it was lifted")
	rights, _ := h.rights.Of(ann.ID)
	require.NoError(t, rights.Allows(galaxy.ActSignIn, h.now()))
	history, err := h.st.UserHistory(t.Context(), ann.ID)
	require.NoError(t, err)
	require.Len(t, history.Sanctions, 1)
	require.Equal(t, "a mistake", history.Sanctions[0].LiftReason)
}

func TestASignInBesideABlock(t *testing.T) {
	h := open(t)
	for range 10 {
		ann, _ := h.signIn("ann" + galaxy.NewID().String() + "@example.com")
		in := storetest.NewSignIn(storetest.AddChallenge(t, h.st, ann.Email))
		var wg sync.WaitGroup
		wg.Go(func() {
			_, s, err := h.st.SignIn(context.Background(), in)
			if err == nil {
				h.sessions.Add(s)
			} else if !errors.Is(err, galaxy.ErrBlocked) {
				t.Error(err)
			}
		})
		wg.Go(func() {
			_, err := kit.Ask(context.Background(), h.family.Ref(ann.ID), account.Sanction{By: root, Sanction: galaxy.Sanction{ID: galaxy.SanctionID{UUID: galaxy.NewID()}, Kind: galaxy.PermanentBlock, ReasonCode: "abuse"}})
			if err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		live, _, err := h.st.ListSessions(t.Context(), ann.ID, true, galaxy.Page{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, live, "no session is born beside a block")
		_, _, ok := h.sessions.Find(in.Session.ID)
		require.False(t, ok)
	}
}

func TestEditsOfAnOlderVersionAreRefused(t *testing.T) {
	h := open(t)
	ann, _ := h.signIn("ann@example.com")
	by := galaxy.By{Principal: galaxy.User(ann.ID)}
	named := must(h, ann.ID, account.UpdateProfile{By: by, Version: ann.Version, DisplayName: "Ann"})
	require.Equal(t, "Ann", named.DisplayName)
	_, err := ask(h, ann.ID, account.UpdateProfile{By: by, Version: ann.Version, DisplayName: "Anna"})
	require.ErrorIs(t, err, galaxy.ErrVersion)
	zone := "Europe/Berlin"
	must(h, ann.ID, account.UpdateSettings{By: by, Version: named.Version, TimeZone: &zone})
	off := must(h, ann.ID, account.UpdatePreferences{By: by, Off: []galaxy.Kind{galaxy.ApplicationApproved}})
	require.False(t, off.Wants(galaxy.ApplicationApproved))
	h.begin()
	got := must(h, ann.ID, account.Get{})
	require.Equal(t, []any{"Ann", zone, off.EmailOff, off.Version}, []any{got.DisplayName, got.TimeZone, got.EmailOff, got.Version})
}

func TestAnotherWriterIsNoticed(t *testing.T) {
	h := open(t)
	ann, _ := h.signIn("ann@example.com")
	by := galaxy.By{Principal: galaxy.User(ann.ID), At: h.now()}
	must(h, ann.ID, account.Get{})
	c, err := ann.UpdateProfile("by another", by)
	require.NoError(t, err)
	_, _, err = h.st.CommitAccount(t.Context(), c)
	require.NoError(t, err)
	_, err = ask(h, ann.ID, account.UpdateProfile{By: by, DisplayName: "by the actor"})
	require.ErrorIs(t, err, galaxy.ErrStale)
	require.Equal(t, "by another", must(h, ann.ID, account.Get{}).DisplayName, "the next message reads it anew")
	kit.Tell(h.family.Ref(ann.ID), account.Changed{})
	require.Equal(t, "by another", must(h, ann.ID, account.Get{}).DisplayName)
}
