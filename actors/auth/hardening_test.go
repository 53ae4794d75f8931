package auth_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/auth"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
	"galaxy/backend/store/storetest"
)

// block forbids a player to sign in.
func (f *fixture) block(a galaxy.Account, kind galaxy.SanctionKind) {
	f.t.Helper()
	a, err := f.st.Account(f.t.Context(), a.ID)
	require.NoError(f.t, err)
	c, _, err := a.Sanction(galaxy.Sanction{ID: galaxy.SanctionID{UUID: galaxy.NewID()}, Kind: kind, ReasonCode: "abuse"}, galaxy.By{Principal: galaxy.Admin("root"), At: f.now()})
	require.NoError(f.t, err)
	_, _, err = f.st.CommitAccount(f.t.Context(), c)
	require.NoError(f.t, err)
}

func TestNothingTellsWhetherAnAddressIsKnownOrBlocked(t *testing.T) {
	f := start(t)
	storetest.SignIn(t, f.st, "known@example.com")
	for _, kind := range []galaxy.SanctionKind{galaxy.LoginBlock, galaxy.PermanentBlock} {
		blocked, _ := storetest.SignIn(t, f.st, string(kind)+"@example.com")
		f.block(blocked, kind)
	}
	f.codes()
	cost := map[string]int64{}
	for _, email := range []string{"unknown@example.com", "known@example.com", "login_block@example.com", "permanent_block@example.com"} {
		before := f.st.Statements()
		id := f.send(email)
		cost[email] = f.st.Statements() - before
		before = f.st.Statements()
		_, err := f.confirm(email, id, "x")
		require.Equal(t, auth.ErrNotConfirmed, err)
		cost[email] += 100 * (f.st.Statements() - before)
	}
	mailed := f.codes()
	for email, statements := range cost {
		require.Equal(t, cost["unknown@example.com"], statements, email)
	}
	require.Len(t, mailed["known@example.com"], 1)
	require.Empty(t, mailed["login_block@example.com"], "the delivery is recorded, and goes nowhere")
	require.Empty(t, mailed["permanent_block@example.com"])
}

func TestABlockAfterTheCodeWasMailed(t *testing.T) {
	f := start(t)
	a, _ := storetest.SignIn(t, f.st, "ann@example.com")
	f.codes()
	id := f.send("ann@example.com")
	code := f.codes()["ann@example.com"][0]
	f.block(a, galaxy.LoginBlock)
	_, err := f.confirm("ann@example.com", id, code)
	require.Equal(t, auth.ErrNotConfirmed, err)
	require.Empty(t, f.born)
}

func TestTheDailyLimitsOfAnAddress(t *testing.T) {
	f := start(t, func(c *auth.Config) { c.DailyCodes, c.DailyFailures = 3, 4 })
	for range 3 {
		f.send("ann@example.com")
		f.later(2 * time.Minute)
	}
	require.Len(t, f.codes()["ann@example.com"], 3)
	restart := func() {
		kittest.Stop(t, f.sys, f.auth.Root())
		f.begin()
	}
	restart()
	require.NotZero(t, f.send("ann@example.com"), "answered like a success")
	f.later(20 * time.Minute)
	require.NotZero(t, f.send("ann@example.com"))
	require.Empty(t, f.codes())
	f.send("bob@example.com")
	require.Len(t, f.codes()["bob@example.com"], 1, "another address is not concerned")
	f.later(24 * time.Hour)
	id := f.send("ann@example.com")
	code := f.codes()["ann@example.com"][0]
	for range 2 {
		_, err := f.confirm("ann@example.com", id, other(code))
		require.Equal(t, auth.ErrNotConfirmed, err)
	}
	id = f.send("ann@example.com")
	code = f.codes()["ann@example.com"][0]
	for range 2 {
		_, err := f.confirm("ann@example.com", id, other(code))
		require.Equal(t, auth.ErrNotConfirmed, err)
	}
	restart()
	_, err := f.confirm("ann@example.com", id, code)
	require.Equal(t, auth.ErrNotConfirmed, err, "four failures in a day: the right code is not good either")
}

func TestTheLimitsOfANetwork(t *testing.T) {
	f := start(t, func(c *auth.Config) { c.NetworkCodes, c.NetworkFailures, c.TotalCodes = 2, 2, 5 })
	ask := func(n int, source string) galaxy.ChallengeID {
		id, err := kit.Ask(t.Context(), f.auth.Ref(fmt.Sprintf("p%d@example.com", n)), auth.SendCode{Source: netip.MustParseAddr(source)})
		require.NoError(t, err)
		return id
	}
	for n, source := range []string{"192.0.2.1", "192.0.2.99", "192.0.2.200", "2001:db8:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1", "198.51.100.1", "203.0.113.1"} {
		require.NotZero(t, ask(n, source))
	}
	mailed := f.codes()
	for n, want := range []int{1, 1, 0, 1, 1, 0, 1, 0} {
		require.Len(t, mailed[fmt.Sprintf("p%d@example.com", n)], want, n)
	}
	f.later(time.Hour)
	id := ask(8, "192.0.2.3")
	code := f.codes()["p8@example.com"][0]
	try := func(code, source string) error {
		_, err := kit.Ask(t.Context(), f.auth.Ref("p8@example.com"), auth.Confirm{Challenge: id, Code: code, TimeZone: "UTC", Source: netip.MustParseAddr(source)})
		return err
	}
	require.Error(t, try(other(code), "192.0.2.3"))
	require.Error(t, try(other(code), "192.0.2.4"))
	require.Equal(t, auth.ErrNotConfirmed, try(code, "192.0.2.5"), "the network has failed too often")
	require.NoError(t, try(code, "198.51.100.7"))
}

func TestConcurrentFirstSignInsOfOneAddress(t *testing.T) {
	f := start(t, func(c *auth.Config) { c.WindowMax = 1000 })
	const n = 200
	ids := make([]galaxy.ChallengeID, n)
	for i := range ids {
		ids[i] = f.send("new@example.com")
	}
	codes := f.codes()["new@example.com"]
	for len(codes) < n {
		codes = append(codes, f.codes()["new@example.com"]...)
	}
	// Mails are claimed in the order of their making.
	var mu sync.Mutex
	users := map[galaxy.UserID]int{}
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			in, err := f.confirm("new@example.com", ids[i], codes[i])
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			users[in.User]++
		})
	}
	wg.Wait()
	require.Len(t, users, 1)
	for _, sessions := range users {
		require.Equal(t, n, sessions)
	}
}

func TestAnAddressIsChangedByACodeSentToIt(t *testing.T) {
	f := start(t)
	ann, _ := storetest.SignIn(t, f.st, "ann@example.com")
	bob, _ := storetest.SignIn(t, f.st, "bob@example.com")
	f.codes()
	ask := func(email string) (galaxy.ChallengeID, string) {
		id, err := kit.Ask(t.Context(), f.auth.Ref(email), auth.SendCode{User: &ann.ID})
		require.NoError(t, err)
		codes := f.codes()[email]
		require.Len(t, codes, 1)
		return id, codes[0]
	}
	confirm := func(email string, user galaxy.UserID, id galaxy.ChallengeID, code string) error {
		_, err := kit.Ask(t.Context(), f.auth.Ref(email), auth.ConfirmEmail{By: galaxy.By{Principal: galaxy.User(user)}, User: user, Challenge: id, Code: code})
		return err
	}
	id, code := ask("anna@example.com")
	require.Equal(t, auth.ErrNotConfirmed, confirm("anna@example.com", ann.ID, id, other(code)))
	require.Equal(t, auth.ErrNotConfirmed, confirm("anna@example.com", bob.ID, id, code), "somebody else's challenge")
	_, err := f.confirm("anna@example.com", id, code)
	require.Equal(t, auth.ErrNotConfirmed, err, "it signs nobody in")
	require.NoError(t, confirm("anna@example.com", ann.ID, id, code))
	require.Equal(t, auth.ErrNotConfirmed, confirm("anna@example.com", ann.ID, id, code), "once")
	require.Equal(t, []galaxy.UserID{ann.ID}, f.changed)
	now, err := f.st.Account(t.Context(), ann.ID)
	require.NoError(t, err)
	require.Equal(t, "anna@example.com", now.Email)
	require.Greater(t, now.Version, ann.Version)
	told, err := f.st.ClaimDeliveries(t.Context(), f.now().Add(time.Minute), 10, time.Hour)
	require.NoError(t, err)
	require.Len(t, told, 1)
	require.Equal(t, []string{"ann@example.com", "auth.email_changed"}, []string{told[0].To, told[0].Template})

	id, code = ask("bob@example.com")
	require.True(t, galaxy.Is(confirm("bob@example.com", ann.ID, id, code), galaxy.Conflict), "an address that another account has")

	id, code = ask("annika@example.com")
	f.block(now, galaxy.ProfileUpdateBlock)
	require.True(t, galaxy.Is(confirm("annika@example.com", ann.ID, id, code), galaxy.Forbidden))
}
