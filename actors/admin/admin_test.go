package admin_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/admin"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

const password = "a password that is long"

var root = galaxy.By{Principal: galaxy.Admin("root"), RequestID: "r"}

type office struct {
	*testing.T
	st    *store.Store
	known *admin.Known
	ref   kit.Ref

	mu    sync.Mutex
	ahead time.Duration
}

// open has root as its first operator.
func open(t *testing.T, cost int) *office {
	o := &office{T: t, st: storetest.Open(t)}
	o.known = admin.NewKnown([]byte("key"), o.now)
	d := admin.Deps{Store: o.st, Known: o.known, Now: o.now, Cost: cost}
	made, err := admin.Bootstrap(t.Context(), d, admin.Config{BootstrapUser: "root", BootstrapPassword: password})
	require.NoError(t, err)
	require.True(t, made)
	made, err = admin.Bootstrap(t.Context(), d, admin.Config{BootstrapUser: "root", BootstrapPassword: "other"})
	require.NoError(t, err)
	require.False(t, made, "an operator who is there keeps the password")
	o.ref, err = admin.Start(t.Context(), kittest.System(t), d, kittest.Never)
	require.NoError(t, err)
	return o
}

func (o *office) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return storetest.Now().Add(o.ahead)
}

func (o *office) later(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ahead += d
}

func (o *office) verify(user, password, source string) error {
	_, err := kit.Ask(o.Context(), o.ref, admin.Verify{Username: user, Password: password, Source: source})
	return err
}

func (o *office) create(name string) galaxy.AdminAccount {
	o.Helper()
	a, err := kit.Ask(o.Context(), o.ref, admin.Create{By: root, Username: name, Password: password})
	require.NoError(o, err)
	return a
}

func (o *office) enable(name string, yes bool) error {
	_, err := kit.Ask(o.Context(), o.ref, admin.SetEnabled{By: root, Username: name, Enabled: yes})
	return err
}

func TestCredentials(t *testing.T) {
	o := open(t, 4)
	before := o.st.Statements()
	for name, c := range map[string]struct {
		user, password string
		want           galaxy.Code
	}{
		"right":                       {"root", password, ""},
		"a wrong password":            {"root", "other", galaxy.Unauthorized},
		"an unknown operator":         {"toor", password, galaxy.Unauthorized},
		"nobody":                      {"", "", galaxy.Unauthorized},
		"a password that is no end":   {"root", strings.Repeat("x", 100), galaxy.Unauthorized},
		"both in the name of the one": {"root\x00" + password, "", galaxy.Unauthorized},
	} {
		err := o.verify(c.user, c.password, name)
		if c.want == "" {
			require.NoError(t, err, name)
		} else {
			require.Equal(t, c.want, galaxy.CodeOf(err), name)
		}
	}
	require.True(t, o.known.Has("root", password))
	require.False(t, o.known.Has("root", "other"))
	require.Equal(t, before, o.st.Statements(), "from the first sign-in on nothing is read")
	o.later(6 * time.Minute)
	require.False(t, o.known.Has("root", password), "remembered for minutes")
}

func TestAnythingThatChangesIsForgottenAtOnce(t *testing.T) {
	o := open(t, 4)
	o.create("ann")
	require.NoError(t, o.verify("ann", password, "a"))
	require.NoError(t, o.enable("ann", false))
	require.False(t, o.known.Has("ann", password))
	require.Equal(t, galaxy.Unauthorized, galaxy.CodeOf(o.verify("ann", password, "a")))
	require.NoError(t, o.enable("ann", true))
	require.NoError(t, o.verify("ann", password, "a"))
	_, err := kit.Ask(t.Context(), o.ref, admin.ResetPassword{By: root, Username: "ann", Password: "another long password"})
	require.NoError(t, err)
	require.False(t, o.known.Has("ann", password))
	require.Equal(t, galaxy.Unauthorized, galaxy.CodeOf(o.verify("ann", password, "b")))
	require.NoError(t, o.verify("ann", "another long password", "b"))
	lines, _, err := o.st.ListAudit(t.Context(), galaxy.AuditFilter{Subject: "admin:ann"}, galaxy.Page{Limit: 10})
	require.NoError(t, err)
	var actions []string
	for _, l := range lines {
		require.Equal(t, "admin:root", l.By.Actor())
		actions = append(actions, l.Action)
	}
	require.Equal(t, []string{"admin.reset_password", "admin.enable", "admin.disable", "admin.create"}, actions)
}

func TestOperatorsThatCannotBeMade(t *testing.T) {
	o := open(t, 4)
	for name, m := range map[string]admin.Create{
		"no name":            {Password: password},
		"upper case":         {Username: "Ann", Password: password},
		"a colon":            {Username: "a:b", Password: password},
		"too long a name":    {Username: strings.Repeat("a", 65), Password: password},
		"short password":     {Username: "ann", Password: "elevenchars"},
		"over-long password": {Username: "ann", Password: strings.Repeat("ü", 37)},
	} {
		m.By = root
		_, err := kit.Ask(t.Context(), o.ref, m)
		require.Equal(t, galaxy.InvalidRequest, galaxy.CodeOf(err), name)
	}
	key := galaxy.Idempotency{Key: "k", Digest: [32]byte{1}}
	first, err := kit.Ask(t.Context(), o.ref, admin.Create{By: root, Username: "ann", Password: password, Idempotency: key})
	require.NoError(t, err)
	again, err := kit.Ask(t.Context(), o.ref, admin.Create{By: root, Username: "ann", Password: password, Idempotency: key})
	require.NoError(t, err)
	require.Equal(t, first, again)
	for _, m := range []admin.Create{{Username: "ann", Password: password}, {Username: "bob", Password: password, Idempotency: galaxy.Idempotency{Key: "k", Digest: [32]byte{2}}}} {
		m.By = root
		_, err = kit.Ask(t.Context(), o.ref, m)
		require.Equal(t, galaxy.Conflict, galaxy.CodeOf(err))
	}
	require.Equal(t, galaxy.NotFound, galaxy.CodeOf(o.enable("nobody", true)))
}

func TestTheLastEnabledOperatorStays(t *testing.T) {
	o := open(t, 4)
	require.Equal(t, galaxy.Conflict, galaxy.CodeOf(o.enable("root", false)))
	o.create("ann")
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, name := range []string{"root", "ann"} {
		wg.Go(func() { errs[i] = o.enable(name, false) })
	}
	wg.Wait()
	require.True(t, (errs[0] == nil) != (errs[1] == nil), "of two who shut each other out one stays: %v", errs)
	all, err := kit.Ask(t.Context(), o.ref, admin.List{})
	require.NoError(t, err)
	enabled := 0
	for _, a := range all {
		if a.Enabled {
			enabled++
			// Nor does the store let the last one go, whatever memory says.
			a.Enabled = false
			require.ErrorIs(t, o.st.UpdateAdmin(context.Background(), a, galaxy.Audit{By: root.Principal}), galaxy.ErrStale)
		}
	}
	require.Equal(t, 1, enabled)
}

func TestWhoeverIsWrongAgainAndAgainHasToWait(t *testing.T) {
	o := open(t, 4)
	wait := func(err error) time.Duration {
		var e *galaxy.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, galaxy.TooManyRequests, e.Code)
		return e.RetryAfter
	}
	for range 4 {
		require.Equal(t, galaxy.Unauthorized, galaxy.CodeOf(o.verify("root", "guess", "here")))
	}
	first := wait(o.verify("root", password, "here"))
	require.Positive(t, first)
	require.NoError(t, o.verify("root", password, "elsewhere"), "another source is not concerned")
	o.create("ann")
	require.NoError(t, o.verify("ann", password, "here"), "nor is another name")
	o.later(first)
	require.Equal(t, galaxy.Unauthorized, galaxy.CodeOf(o.verify("root", "guess", "here")))
	require.Greater(t, wait(o.verify("root", "guess", "here")), first, "longer each time")
	for n := range 30 {
		_ = o.verify("name"+string(rune('a'+n%26)), "guess", "there")
	}
	require.Positive(t, wait(o.verify("never-tried", "guess", "there")), "a source that tries many names")
	o.later(time.Hour)
	require.Equal(t, galaxy.Unauthorized, galaxy.CodeOf(o.verify("never-tried", "guess", "there")))
}

func TestAFloodOfWrongPasswordsIsRefused(t *testing.T) {
	o := open(t, 6)
	var mu sync.Mutex
	codes := map[galaxy.Code]int{}
	var wg sync.WaitGroup
	for n := range 200 {
		wg.Go(func() {
			err := o.verify("root", "guess", string(rune('a'+n)))
			mu.Lock()
			defer mu.Unlock()
			codes[galaxy.CodeOf(err)]++
		})
	}
	wg.Wait()
	require.Positive(t, codes[galaxy.TooManyRequests])
	require.Positive(t, codes[galaxy.Unauthorized])
	require.Equal(t, 200, codes[galaxy.TooManyRequests]+codes[galaxy.Unauthorized])
}
