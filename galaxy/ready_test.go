package galaxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hasty is a running game of two that makes early turns.
func hasty(t *testing.T) Game {
	t.Helper()
	c, err := running(t).Edit(GameEdit{EarlyTurn: new(true)}, operator(noon), time.Minute)
	require.NoError(t, err)
	return c.Next
}

func as(g Game, i int, when time.Time) (UserID, By) {
	by := player(g.Members[i].User, when)
	by.EarlyDelay = 2 * time.Minute
	return g.Members[i].User, by
}

func ready(t *testing.T, g Game, i int, is bool, when time.Time) Game {
	t.Helper()
	user, by := as(g, i, when)
	c, err := g.Ready(user, g.Runtime.Turn+1, is, by)
	require.NoError(t, err)
	if c.Nothing() {
		return g
	}
	return c.Next
}

func TestATurnIsMadeEarlyWhenEverybodyIsReady(t *testing.T) {
	g := ready(t, hasty(t), 0, true, noon)
	require.Nil(t, g.Runtime.EarlyAt, "one is not all")
	marks, of := g.ReadyState()
	require.Len(t, marks, 1)
	require.Equal(t, 2, of)
	require.Equal(t, g, ready(t, g, 0, true, noon), "a mark counts once")

	all := ready(t, g, 1, true, noon.Add(time.Second))
	early := noon.Add(2*time.Minute + time.Second)
	require.Equal(t, early, *all.Runtime.EarlyAt)
	require.Equal(t, evening, *all.Runtime.Deadline)
	require.False(t, all.Due(early.Add(-time.Millisecond)))
	_, err := all.OrdersFor(all.Members[0].User, 1, early)
	require.Equal(t, TurnAlreadyClosed, CodeOf(err))

	made := turnAt(t, all, early)
	require.Equal(t, TimelineEarly, made.Timeline[0].Outcome)
	require.Equal(t, evening, *made.Timeline[0].Deadline, "it has consumed the deadline")
	require.Equal(t, evening.AddDate(0, 0, 1), *made.Next.Runtime.Deadline)
	require.Nil(t, made.Next.Runtime.EarlyAt)
	marks, _ = made.Next.ReadyState()
	require.Empty(t, marks, "marks are for one turn")
}

func TestWhatTakesAnEarlyTurnBack(t *testing.T) {
	all := ready(t, ready(t, hasty(t), 0, true, noon), 1, true, noon)
	require.NotNil(t, all.Runtime.EarlyAt)
	require.Nil(t, ready(t, all, 0, false, noon.Add(time.Minute)).Runtime.EarlyAt, "a mark taken back")
	paused, err := all.Pause(operator(noon.Add(time.Minute)))
	require.NoError(t, err)
	require.Nil(t, paused.Next.Runtime.EarlyAt, "a pause")
	resumed, err := paused.Next.Resume(nil, operator(noon.Add(time.Hour)))
	require.NoError(t, err)
	by := operator(noon.Add(time.Hour))
	by.EarlyDelay = 2 * time.Minute
	require.Equal(t, noon.Add(time.Hour+2*time.Minute), *resumed.Next.EngineUp(shows(all, 0, "d0"), by).Next.Runtime.EarlyAt, "and everybody is ready again after it")
	off, err := all.Edit(GameEdit{EarlyTurn: new(false)}, operator(noon.Add(time.Minute)), time.Minute)
	require.NoError(t, err)
	require.Nil(t, off.Next.Runtime.EarlyAt, "the game's setting")
}

func TestWhoCounts(t *testing.T) {
	g := ready(t, hasty(t), 0, true, noon)
	by := operator(noon)
	by.EarlyDelay = time.Minute
	left, _, err := g.Remove(g.Members[1].ID, "gone", by)
	require.NoError(t, err)
	require.NotNil(t, left.Next.Runtime.EarlyAt, "who is removed is not waited for")

	g = hasty(t)
	s := shows(g, 1, "d1")
	s.Players[1].Extinct = true
	claimed, err := g.ForceTurn(1, operator(noon))
	require.NoError(t, err)
	g = claimed.Next.TurnMade(claimed.Next.Runtime.Op.Number, 1, s, operator(noon)).Next
	require.True(t, g.Members[1].Extinct)
	require.NotNil(t, ready(t, g, 0, true, noon).Runtime.EarlyAt, "who is extinct is not waited for")
	user, extinct := as(g, 1, noon)
	_, err = g.Ready(user, 2, true, extinct)
	require.Equal(t, Forbidden, CodeOf(err))
}

func TestAnEarlierDeadlineWins(t *testing.T) {
	late := evening.Add(-time.Minute)
	g := ready(t, ready(t, hasty(t), 0, true, late), 1, true, late)
	require.Equal(t, evening.Add(time.Minute), *g.Runtime.EarlyAt)
	require.Equal(t, evening, *g.Runtime.DueAt())
	require.Equal(t, TimelineRan, turnAt(t, g, evening).Timeline[0].Outcome)
}

func TestReadyMarksThatAreRefused(t *testing.T) {
	g := hasty(t)
	claimed, err := g.ForceTurn(1, operator(noon))
	require.NoError(t, err)
	paused, err := g.Pause(operator(noon))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		game Game
		turn int
		when time.Time
		want Code
	}{
		"in a game without early turns":  {running(t), 1, noon, Conflict},
		"for a turn that is made":        {g, 0, noon, TurnAlreadyClosed},
		"for a turn that has not come":   {g, 2, noon, Conflict},
		"at the deadline":                {g, 1, evening, TurnAlreadyClosed},
		"while the turn is made":         {claimed.Next, 1, noon, TurnAlreadyClosed},
		"while the game is paused":       {paused.Next, 1, noon, Conflict},
		"for a turn beyond the next one": {claimed.Next, 2, noon, Conflict},
	} {
		user, by := as(c.game, 0, c.when)
		_, err := c.game.Ready(user, c.turn, true, by)
		require.Equal(t, c.want, CodeOf(err), name)
	}
	stranger := UserID{NewID()}
	_, err = g.Ready(stranger, 1, true, player(stranger, noon))
	require.Equal(t, Forbidden, CodeOf(err))
}
