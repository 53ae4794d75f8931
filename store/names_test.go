package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

// seat is a change that gives a player a seat in a game under a name.
func seat(t *testing.T, g galaxy.Game, user galaxy.UserID, race string) galaxy.GameChange {
	t.Helper()
	by := galaxy.By{Principal: galaxy.Admin("root"), At: storetest.Now()}
	c, a, err := g.Apply(galaxy.ApplicationID{UUID: galaxy.NewID()}, user, race, galaxy.Idempotency{}, by)
	require.NoError(t, err)
	applied := c.Next
	c, _, err = applied.Approve(a.ID, galaxy.MembershipID{UUID: galaxy.NewID()}, by)
	require.NoError(t, err)
	return c
}

func leave(t *testing.T, g galaxy.Game, user galaxy.UserID) galaxy.GameChange {
	t.Helper()
	c, _, err := g.Leave(user, galaxy.By{Principal: galaxy.User(user), At: storetest.Now()})
	require.NoError(t, err)
	return c
}

func holder(t *testing.T, st *store.Store, race string) (galaxy.HeldName, bool) {
	t.Helper()
	key, err := galaxy.RaceKey(race)
	require.NoError(t, err)
	held, err := st.Names(t.Context(), key)
	require.NoError(t, err)
	if len(held) == 0 {
		return galaxy.HeldName{}, false
	}
	return held[0], true
}

func TestOfTwoPlayersOneGetsAName(t *testing.T) {
	st := storetest.Open(t)
	for round := range 20 {
		race := fmt.Sprintf("Round-%d", round)
		var won [2]error
		var wg sync.WaitGroup
		for i, spelled := range []string{race, "_" + race} {
			g, _ := storetest.Game(t, st, 0)
			a, _ := storetest.SignIn(t, st, fmt.Sprintf("p%d-%d@example.com", round, i))
			c := seat(t, g, a.ID, spelled)
			wg.Go(func() { _, won[i] = st.CommitGame(t.Context(), c) })
		}
		wg.Wait()
		require.True(t, (won[0] == nil) != (won[1] == nil), "%v, %v", won[0], won[1])
		require.True(t, galaxy.Is(errors.Join(won[0], won[1]), galaxy.NameTaken))
		held, ok := holder(t, st, race)
		require.True(t, ok)
		require.Len(t, held.Games, 1)
	}
}

// TestANameIsKeptWhileAGameReservesIt: one game lets go of a name while another takes it for the same player.
func TestANameIsKeptWhileAGameReservesIt(t *testing.T) {
	st := storetest.Open(t)
	a, _ := storetest.SignIn(t, st, "ann@example.com")
	for round := range 30 {
		race := fmt.Sprintf("Round-%d", round)
		one, _ := storetest.Game(t, st, 0)
		two, _ := storetest.Game(t, st, 0)
		one = storetest.Commit(t, st, seat(t, one, a.ID, race))
		going, coming := leave(t, one, a.ID), seat(t, two, a.ID, race)
		var errs [2]error
		var wg sync.WaitGroup
		wg.Go(func() { _, errs[0] = st.CommitGame(t.Context(), going) })
		wg.Go(func() { _, errs[1] = st.CommitGame(t.Context(), coming) })
		wg.Wait()
		require.NoError(t, errors.Join(errs[:]...))
		held, ok := holder(t, st, race)
		require.True(t, ok, "round %d", round)
		require.Equal(t, []galaxy.GameID{two.ID}, held.Games)
		two, err := st.Game(t.Context(), two.ID)
		require.NoError(t, err)
		storetest.Commit(t, st, leave(t, two, a.ID))
		_, ok = holder(t, st, race)
		require.False(t, ok, "nothing holds it any more")
	}
}

// won makes a name one that a player may register until a time.
func won(t *testing.T, st *store.Store, user galaxy.UserID, race string, expires time.Time) galaxy.HeldName {
	t.Helper()
	g, _ := storetest.Game(t, st, 0)
	g = storetest.Commit(t, st, seat(t, g, user, race))
	c := galaxy.GameChange{Next: g}
	c.Next.Members[0].HoldsName = false
	c.Memberships = c.Next.Members
	c.Names = []galaxy.NameChange{{Move: galaxy.NameWin, Key: g.Members[0].RaceKey, Name: race, User: user, Expires: &expires}}
	storetest.Commit(t, st, c)
	held, ok := holder(t, st, race)
	require.True(t, ok)
	require.Equal(t, galaxy.PendingName, held.Status)
	return held
}

func TestTheLastNameThatMayBeRegistered(t *testing.T) {
	st := storetest.Open(t)
	a, _ := storetest.SignIn(t, st, "ann@example.com") // one name
	var changes []galaxy.DirectoryChange
	for _, race := range []string{"Alpha", "Beta", "Gamma"} {
		c, err := won(t, st, a.ID, race, storetest.Now().Add(time.Hour)).Register(galaxy.Idempotency{}, galaxy.By{Principal: galaxy.User(a.ID), At: storetest.Now(), Rights: a.Rights})
		require.NoError(t, err)
		changes = append(changes, c)
	}
	errs := make([]error, len(changes))
	var wg sync.WaitGroup
	for i, c := range changes {
		wg.Go(func() { errs[i] = st.CommitNames(t.Context(), c) })
	}
	wg.Wait()
	registered := 0
	for i, err := range errs {
		if err == nil {
			registered++
			require.ErrorIs(t, st.CommitNames(t.Context(), changes[i]), galaxy.ErrNames)
		} else {
			require.ErrorIs(t, err, galaxy.ErrNames)
		}
	}
	require.Equal(t, 1, registered)
}

func TestNamesExpireOnce(t *testing.T) {
	st := storetest.Open(t)
	a, _ := storetest.SignIn(t, st, "ann@example.com")
	ends := storetest.Now().Add(time.Hour)
	won(t, st, a.ID, "Alpha", ends)
	both := won(t, st, a.ID, "Beta", ends)
	again, _ := storetest.Game(t, st, 0)
	storetest.Commit(t, st, seat(t, again, a.ID, "Beta"))
	late := ends.Add(time.Second)
	none, err := st.ExpiredNames(t.Context(), ends.Add(-time.Second), 10)
	require.NoError(t, err)
	require.Empty(t, none)
	due, err := st.ExpiredNames(t.Context(), late, 10)
	require.NoError(t, err)
	require.Len(t, due, 2)
	require.NoError(t, st.CommitNames(t.Context(), galaxy.ExpireNames(due, late)))
	require.ErrorIs(t, st.CommitNames(t.Context(), galaxy.ExpireNames(due, late)), galaxy.ErrStale)
	_, ok := holder(t, st, "Alpha")
	require.False(t, ok)
	held, ok := holder(t, st, "Beta")
	require.True(t, ok, "a game still reserves it")
	require.Equal(t, []any{galaxy.ReservedName, []galaxy.GameID{again.ID}}, []any{held.Status, held.Games})
	history, _, err := st.NameHistory(t.Context(), both.Key, galaxy.Page{Limit: 10})
	require.NoError(t, err)
	var moves []galaxy.NameMove
	for _, e := range history {
		moves = append(moves, e.Move)
	}
	require.Equal(t, []galaxy.NameMove{galaxy.NameExpire, galaxy.NameReserve, galaxy.NameWin, galaxy.NameReserve}, moves)
}

func TestAWonNameOfADeletedPlayerIsReleased(t *testing.T) {
	st := storetest.Open(t)
	a, _ := storetest.SignIn(t, st, "ann@example.com")
	g, _ := storetest.Game(t, st, 0)
	g = storetest.Commit(t, st, seat(t, g, a.ID, "Alpha"))
	_, _, err := st.CommitAccount(t.Context(), a.Delete(galaxy.By{Principal: galaxy.User(a.ID), At: storetest.Now()}))
	require.NoError(t, err)
	require.NoError(t, st.EraseTraces(t.Context(), a.ID))
	held, ok := holder(t, st, "Alpha")
	require.True(t, ok, "while the game lives")
	require.Equal(t, galaxy.ReservedName, held.Status)
	expires := storetest.Now().Add(time.Hour)
	c := galaxy.GameChange{Next: g, Names: []galaxy.NameChange{{Move: galaxy.NameWin, Key: g.Members[0].RaceKey, Name: "Alpha", User: a.ID, Expires: &expires}}}
	storetest.Commit(t, st, c)
	_, ok = holder(t, st, "Alpha")
	require.False(t, ok)
}

func TestThePrivateGamesThatAPlayerMayOwn(t *testing.T) {
	st := storetest.Open(t)
	a, _ := storetest.SignIn(t, st, "ann@example.com")
	by := galaxy.By{Principal: galaxy.User(a.ID), At: storetest.Now(), Rights: galaxy.Rights{Entitlement: galaxy.EntitlementOf(galaxy.TierMonthly, "test", storetest.Now(), nil)}}
	errs := make([]error, 6)
	var wg sync.WaitGroup
	for i := range errs {
		c, err := galaxy.NewGame(galaxy.GameID{UUID: galaxy.NewID()}, galaxy.Private, galaxy.GameSpec{Name: "Sirius", MinPlayers: 2, MaxPlayers: 4,
			Schedule: galaxy.Schedule{Cron: "0 21 * * *"}}, galaxy.Idempotency{}, by, time.Minute)
		require.NoError(t, err)
		wg.Go(func() { _, errs[i] = st.CommitGame(t.Context(), c) })
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else {
			require.ErrorIs(t, err, galaxy.ErrOwned)
		}
	}
	require.Equal(t, 3, made)
}
