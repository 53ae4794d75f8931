package game_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/store/storetest"
)

// change commits a decision about an account.
func (w *world) change(id galaxy.UserID, decide func(galaxy.Account, galaxy.By) galaxy.AccountChange) {
	w.t.Helper()
	a, err := w.st.Account(w.t.Context(), id)
	require.NoError(w.t, err)
	_, _, err = w.st.CommitAccount(w.t.Context(), decide(a, galaxy.By{Principal: galaxy.Admin("root"), At: w.now()}))
	require.NoError(w.t, err)
}

func (w *world) blockJoining(id galaxy.UserID) {
	w.change(id, func(a galaxy.Account, by galaxy.By) galaxy.AccountChange {
		c, _, err := a.Sanction(galaxy.Sanction{ID: galaxy.SanctionID{UUID: galaxy.NewID()}, Kind: galaxy.GameJoinBlock, ReasonCode: "abuse"}, by)
		require.NoError(w.t, err)
		return c
	})
}

func TestWhoMayNotJoin(t *testing.T) {
	w := newWorld(t, 0)
	n := 0
	player := func() galaxy.UserID {
		n++
		a, _ := storetest.SignIn(t, w.st, fmt.Sprintf("new%d@example.com", n))
		return a.ID
	}
	apply := func(user galaxy.UserID) (galaxy.Application, error) {
		return ask(w, game.Apply{User: user, Race: "Race-" + user.String()[28:]})
	}
	blocked := player()
	w.blockJoining(blocked)
	_, err := apply(blocked)
	require.Equal(t, galaxy.Forbidden, galaxy.CodeOf(err))

	later := player()
	a, err := apply(later)
	require.NoError(t, err)
	w.blockJoining(later)
	_, err = ask(w, game.Approve{By: admin, Application: a.ID})
	require.Equal(t, galaxy.Forbidden, galaxy.CodeOf(err), "nor is a seat given to whom a sanction has met since")

	full := player()
	one := 1
	w.change(full, func(a galaxy.Account, by galaxy.By) galaxy.AccountChange {
		c, err := a.SetLimit(galaxy.LimitMemberships, &one, nil, by)
		require.NoError(t, err)
		return c
	})
	a, err = apply(full)
	require.NoError(t, err)
	elsewhere, _ := storetest.Game(t, w.st, 0)
	b, err := kit.Ask(t.Context(), w.games.Ref(elsewhere.ID), game.Apply{User: full, Race: "Elsewhere"})
	require.NoError(t, err)
	_, err = ask(w, game.Approve{By: admin, Application: a.ID})
	require.NoError(t, err)
	_, err = kit.Ask(t.Context(), w.games.Ref(elsewhere.ID), game.Approve{By: admin, Application: b.ID})
	require.Equal(t, galaxy.EligibilityDenied, galaxy.CodeOf(err))

	leaving := player()
	w.change(leaving, func(a galaxy.Account, by galaxy.By) galaxy.AccountChange { return a.Delete(by) })
	_, err = apply(leaving)
	require.Equal(t, galaxy.Forbidden, galaxy.CodeOf(err), "an account that is being deleted")
	_, err = apply(galaxy.UserID{UUID: galaxy.NewID()})
	require.Equal(t, galaxy.NotFound, galaxy.CodeOf(err))
}

func TestADeletedPlayerLeavesGamesThatDoNotRun(t *testing.T) {
	w := newWorld(t, 2)
	gone, stays := w.accounts[0].ID, w.accounts[1].ID
	late, _ := storetest.SignIn(t, w.st, "late@example.com")
	_, err := ask(w, game.Apply{User: late.ID, Race: "Late"})
	require.NoError(t, err)
	for _, user := range []galaxy.UserID{gone, late.ID} {
		waiting, err := w.st.WaitingGames(t.Context(), user)
		require.NoError(t, err)
		require.Equal(t, []galaxy.GameID{w.id}, waiting)
		for range 2 {
			_, err = ask(w, game.Forget{User: user})
			require.NoError(t, err)
		}
		waiting, err = w.st.WaitingGames(t.Context(), user)
		require.NoError(t, err)
		require.Empty(t, waiting)
	}
	g := w.game()
	require.Len(t, g.Active(), 1)
	require.Equal(t, stays, g.Active()[0].User)
	require.Empty(t, g.Applications)
	history, err := w.st.UserHistory(t.Context(), gone)
	require.NoError(t, err)
	require.Empty(t, history.RaceNames, "the name is free")
	require.Equal(t, galaxy.MemberLeft, history.Games[0].Seat)
}
