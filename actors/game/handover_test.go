package game_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/store/storetest"
)

// pays gives a player a tier that allows three private games.
func (w *world) pays(id galaxy.UserID) {
	w.change(id, func(a galaxy.Account, by galaxy.By) galaxy.AccountChange {
		c, err := a.SetTier(galaxy.TierMonthly, new(by.At.Add(time.Hour)), by)
		require.NoError(w.t, err)
		return c
	})
}

// owned makes a private game of one player's with others in it, in that order.
func (w *world) owned(owner galaxy.UserID, members ...galaxy.UserID) galaxy.GameID {
	w.t.Helper()
	id := galaxy.GameID{UUID: galaxy.NewID()}
	spec := galaxy.GameSpec{Name: "Sirius", MinPlayers: 2, MaxPlayers: 10, Schedule: galaxy.Schedule{Cron: "0 21 * * *"}, EnrollmentEndsAt: new(w.now().Add(time.Hour))}
	by := game.By{Principal: galaxy.User(owner)}
	_, err := kit.Ask(w.t.Context(), w.games.Ref(id), game.Create{By: by, Visibility: galaxy.Private, Spec: spec})
	require.NoError(w.t, err)
	_, err = kit.Ask(w.t.Context(), w.games.Ref(id), game.OpenEnrollment{By: by})
	require.NoError(w.t, err)
	for _, m := range members {
		i, err := kit.Ask(w.t.Context(), w.games.Ref(id), game.Invite{By: by, User: m})
		require.NoError(w.t, err)
		_, err = kit.Ask(w.t.Context(), w.games.Ref(id), game.Redeem{User: m, Invite: i.ID, Race: "R" + m.String()[30:] + id.String()[30:]})
		require.NoError(w.t, err)
	}
	return id
}

func (w *world) player(name string, paid bool) galaxy.UserID {
	a, _ := storetest.SignIn(w.t, w.st, name+"@example.com")
	if paid {
		w.pays(a.ID)
	}
	return a.ID
}

// TestGamesThatAreHandedToOnePlayerAtOnceKeepToTheLimit: each game decides for itself, and only the transaction sees
// the others.
func TestGamesThatAreHandedToOnePlayerAtOnceKeepToTheLimit(t *testing.T) {
	s := notStarted(t)
	heir := s.player("heir", true)
	const games = 6
	var ids []galaxy.GameID
	var owners []galaxy.UserID
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		owners = append(owners, s.player(name, true))
		ids = append(ids, s.owned(owners[len(owners)-1], heir))
	}
	answers := make(chan error, games)
	for i, id := range ids {
		go func() {
			_, err := kit.Ask(t.Context(), s.games.Ref(id), game.Transfer{By: game.By{Principal: galaxy.User(owners[i])}, To: heir})
			answers <- err
		}()
	}
	given := 0
	for range games {
		if err := <-answers; err == nil {
			given++
		} else {
			require.Equal(t, galaxy.EligibilityDenied, galaxy.CodeOf(err), "%v", err)
		}
	}
	require.Equal(t, 3, given, "as many as the tier allows")
}
