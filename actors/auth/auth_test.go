package auth_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"

	"galaxy/backend/actors/auth"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

type fixture struct {
	t    *testing.T
	st   *store.Store
	sys  *kit.System
	auth *kit.Family[string]

	conf    auth.Config
	mu      sync.Mutex
	ahead   time.Duration
	born    []galaxy.Session
	changed []galaxy.UserID
}

func start(t *testing.T, limits ...func(*auth.Config)) *fixture {
	f := &fixture{t: t, st: storetest.Open(t), sys: kittest.System(t),
		conf: auth.Config{TTL: 10 * time.Minute, MaxAttempts: 3, Window: time.Minute, WindowMax: 2, UserNames: 3}}
	for _, limit := range limits {
		limit(&f.conf)
	}
	f.begin()
	return f
}

func (f *fixture) begin() {
	family, err := auth.Start(f.sys, auth.Deps{
		Config: f.conf,
		Store:  f.st, Log: zap.NewNop(), Meter: noop.Meter{}, Key: []byte("key"), WakeMail: func() {}, Country: func(netip.Addr) string { return "DE" }, Now: f.now,
		Born: func(s galaxy.Session, a galaxy.Account, fresh bool) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.born = append(f.born, s)
			require.Equal(f.t, s.User, a.ID)
			require.Equal(f.t, s.CreatedAt.Equal(a.CreatedAt), fresh)
		},
		Changed: func(id galaxy.UserID) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.changed = append(f.changed, id)
		}}, kittest.Never)
	require.NoError(f.t, err)
	f.auth = family
}

func (f *fixture) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return storetest.Now().Add(f.ahead)
}

func (f *fixture) later(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ahead += d
}

func (f *fixture) send(email string) galaxy.ChallengeID {
	f.t.Helper()
	id, err := kit.Ask(f.t.Context(), f.auth.Ref(email), auth.SendCode{})
	require.NoError(f.t, err)
	return id
}

// codes gives the codes mailed since the last call, by address, oldest first.
func (f *fixture) codes() map[string][]string {
	f.t.Helper()
	mails, err := f.st.ClaimDeliveries(f.t.Context(), f.now().Add(time.Second), 100, time.Hour)
	require.NoError(f.t, err)
	found := map[string][]string{}
	for _, m := range mails {
		var p struct{ Code, TTL string }
		require.NoError(f.t, json.Unmarshal(m.Payload, &p))
		require.Equal(f.t, "10 minutes", p.TTL)
		found[m.To] = append(found[m.To], p.Code)
	}
	return found
}

func (f *fixture) confirm(email string, id galaxy.ChallengeID, code string) (auth.SignedIn, error) {
	return kit.Ask(f.t.Context(), f.auth.Ref(email), auth.Confirm{Challenge: id, Code: code, TimeZone: "Europe/Berlin", Locale: "de"})
}

func other(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

func TestAPlayerSignsInAndComesBack(t *testing.T) {
	f := start(t)
	first := f.send("ann@example.com")
	in, err := f.confirm("ann@example.com", first, f.codes()["ann@example.com"][0])
	require.NoError(t, err)
	account, err := f.st.Account(t.Context(), in.User)
	require.NoError(t, err)
	require.Regexp(t, `^player-[a-z2-7]{8}$`, account.UserName)
	require.Equal(t, []string{"ann@example.com", "de", "Europe/Berlin", "DE", "free"},
		[]string{account.Email, account.Language, account.TimeZone, account.Country, string(account.Entitlement.Tier)})
	require.Len(t, f.born, 1)
	require.Equal(t, in.Session, f.born[0].ID)

	second := f.send("ann@example.com")
	again, err := f.confirm("ann@example.com", second, f.codes()["ann@example.com"][0])
	require.NoError(t, err)
	require.Equal(t, in.User, again.User)
	require.NotEqual(t, in.Session, again.Session)
}

func TestCodesThatAreNotGood(t *testing.T) {
	for name, try := range map[string]func(f *fixture, id galaxy.ChallengeID, code string) (auth.SignedIn, error){
		"wrong": func(f *fixture, id galaxy.ChallengeID, code string) (auth.SignedIn, error) {
			return f.confirm("ann@example.com", id, other(code))
		},
		"of nothing": func(f *fixture, _ galaxy.ChallengeID, code string) (auth.SignedIn, error) {
			return f.confirm("ann@example.com", galaxy.ChallengeID{UUID: galaxy.NewID()}, code)
		},
		"of another challenge": func(f *fixture, _ galaxy.ChallengeID, code string) (auth.SignedIn, error) {
			id := f.send("ann@example.com")
			if f.codes()["ann@example.com"][0] == code {
				return auth.SignedIn{}, auth.ErrNotConfirmed
			}
			return f.confirm("ann@example.com", id, code)
		},
		"of another address": func(f *fixture, id galaxy.ChallengeID, code string) (auth.SignedIn, error) {
			return f.confirm("bob@example.com", id, code)
		},
		"expired": func(f *fixture, id galaxy.ChallengeID, code string) (auth.SignedIn, error) {
			f.later(11 * time.Minute)
			return f.confirm("ann@example.com", id, code)
		},
		"spent": func(f *fixture, id galaxy.ChallengeID, code string) (auth.SignedIn, error) {
			_, err := f.confirm("ann@example.com", id, code)
			require.NoError(f.t, err)
			return f.confirm("ann@example.com", id, code)
		},
		"right, after too many wrong ones": func(f *fixture, id galaxy.ChallengeID, code string) (auth.SignedIn, error) {
			for range 3 {
				_, err := f.confirm("ann@example.com", id, other(code))
				require.ErrorIs(f.t, err, auth.ErrNotConfirmed)
			}
			return f.confirm("ann@example.com", id, code)
		},
		"right, after too many wrong ones before a restart": func(f *fixture, id galaxy.ChallengeID, code string) (auth.SignedIn, error) {
			for range 3 {
				_, err := f.confirm("ann@example.com", id, other(code))
				require.ErrorIs(f.t, err, auth.ErrNotConfirmed)
			}
			kittest.Stop(f.t, f.sys, f.auth.Root())
			f.begin()
			return f.confirm("ann@example.com", id, code)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			id := f.send("ann@example.com")
			_, err := try(f, id, f.codes()["ann@example.com"][0])
			require.ErrorIs(t, err, auth.ErrNotConfirmed)
		})
	}
}

func TestBadInputCostsNoTry(t *testing.T) {
	f := start(t)
	id := f.send("ann@example.com")
	code := f.codes()["ann@example.com"][0]
	for name, m := range map[string]auth.Confirm{
		"a time zone nobody knows": {TimeZone: "Mars/Olympus"},
		"the machine's own zone":   {TimeZone: "Local"},
		"no time zone":             {},
		"a locale that is none":    {TimeZone: "UTC", Locale: "!!"},
		"a device with a newline":  {TimeZone: "UTC", DeviceName: "a\nb"},
	} {
		m.Challenge, m.Code = id, code
		_, err := kit.Ask(t.Context(), f.auth.Ref("ann@example.com"), m)
		require.Equal(t, galaxy.InvalidRequest, galaxy.CodeOf(err), name)
	}
	_, err := f.confirm("ann@example.com", id, code)
	require.NoError(t, err)
}

func TestManyCodesInAMinuteBecomeOne(t *testing.T) {
	f := start(t)
	first, second := f.send("ann@example.com"), f.send("ann@example.com")
	require.NotEqual(t, first, second)
	require.Equal(t, second, f.send("ann@example.com"))
	require.Len(t, f.codes()["ann@example.com"], 2)
	f.later(2 * time.Minute)
	require.NotContains(t, []galaxy.ChallengeID{first, second}, f.send("ann@example.com"))
	require.Len(t, f.codes()["ann@example.com"], 1)
}

func TestOneCodeMakesOneSession(t *testing.T) {
	f := start(t)
	id := f.send("ann@example.com")
	code := f.codes()["ann@example.com"][0]
	var good sync.Map
	var wg sync.WaitGroup
	for n := range 50 {
		wg.Go(func() {
			if in, err := f.confirm("ann@example.com", id, code); err == nil {
				good.Store(fmt.Sprint(n), in)
			}
		})
	}
	wg.Wait()
	var n int
	good.Range(func(any, any) bool { n++; return true })
	require.Equal(t, 1, n)
}
