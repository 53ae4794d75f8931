package galaxy

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gone is a schedule that was accepted once, and compiles no more.
var gone = Schedule{Cron: "0 21 * * *", Zone: "Mars/Olympus"}

// alerted gives the alerts of a change that a schedule is broken.
func alerted(c GameChange) (out []Notice) {
	for _, n := range c.Notices {
		if n.Kind == ScheduleBroken {
			out = append(out, n)
		}
	}
	return out
}

// broken is a game at turn 1 whose schedule has given no tick after it.
func broken(t *testing.T) Game {
	t.Helper()
	g := running(t)
	g.Schedule = gone
	made := turnAt(t, g, evening)
	require.Nil(t, made.Next.Runtime.Deadline)
	require.NotNil(t, made.Next.Runtime.Broken)
	require.Len(t, alerted(made), 1)
	return made.Next
}

// TestEveryWayToADeadlineMarksABrokenSchedule: the game runs on, without a deadline.
func TestEveryWayToADeadlineMarksABrokenSchedule(t *testing.T) {
	starts := func() GameChange {
		c, err := opened(t, 2).ForceStart(EngineVersion{Version: "1.0.0", ImageRef: "engine:1", Enabled: true},
			operator(evening))
		require.NoError(t, err)
		c.Next.Schedule = gone
		return c.Next.EngineUp(shows(c.Next, 0, "d0"), operator(evening))
	}
	for name, way := range map[string]func(g Game) GameChange{
		"a start":         func(Game) GameChange { return starts() },
		"a turn":          func(g Game) GameChange { return turnAt(t, g, evening) },
		"an outside turn": func(g Game) GameChange { return g.EngineUp(shows(g, 1, "d1"), operator(evening)) },
		"a resume": func(g Game) GameChange {
			g.Runtime.Deadline = nil
			paused, err := g.Pause(operator(noon))
			require.NoError(t, err)
			resumed, err := paused.Next.Resume(nil, operator(evening))
			require.NoError(t, err)
			return resumed.Next.EngineUp(shows(g, 0, "d0"), operator(evening))
		},
		"an outage whose ticks are skipped": func(g Game) GameChange {
			g.CatchUp = CatchUpSkip
			return g.CatchUpWith([]Outage{{noon, evening.Add(time.Hour)}}, operator(evening.Add(time.Hour)))
		},
		"a sweep, of a game of an older release": func(g Game) GameChange {
			g.Runtime.Deadline = nil
			return g.Mend(operator(evening))
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := running(t)
			g.Schedule = gone
			c := way(g)
			r := c.Next.Runtime
			require.Equal(t, Running, c.Next.Status)
			require.Nil(t, r.Deadline)
			require.NotNil(t, r.Broken)
			require.Contains(t, r.Broken.Cause, "Mars/Olympus")
			require.Len(t, alerted(c), 1)
			require.Contains(t, alerted(c)[0].Payload.Reason, "Mars/Olympus")
			_, err := c.Next.OrdersFor(c.Next.Members[0].User, r.Turn+1, evening.Add(48*time.Hour))
			require.NoError(t, err, "orders stay open")
			e := c.Next.Explain(Moment{Now: evening.Add(48 * time.Hour)})
			require.Equal(t, WhyNoTick, e.Code)
			require.Contains(t, e.Text, "Mars/Olympus")
			require.NotContains(t, e.Players.Text, "Mars")
			again := c.Next.Mend(operator(evening.Add(time.Hour)))
			require.True(t, again.Nothing(), "nothing is stored, and nobody alerted, as long as nothing changes")
		})
	}
}

func TestABrokenScheduleMendsByItself(t *testing.T) {
	g := broken(t)
	g.Schedule = Schedule{Cron: "0 21 * * *", Zone: "UTC"} // the zone is back
	now := evening.AddDate(0, 0, 3).Add(-time.Hour)
	c := g.Mend(operator(now))
	require.Nil(t, c.Next.Runtime.Broken)
	require.Equal(t, evening.AddDate(0, 0, 4), *c.Next.Runtime.Deadline,
		"the evening is nearer than the grace of two hours")
	require.True(t, slices.ContainsFunc(c.Notices, func(n Notice) bool { return n.Kind == GameUpdated }))
	require.Empty(t, alerted(c))
	require.True(t, c.Next.Mend(operator(now)).Nothing())

	// It breaks anew: that is another break, of which operators hear.
	n := c.Next
	n.Schedule = gone
	made := turnAt(t, n, *n.Runtime.Deadline)
	require.Len(t, alerted(made), 1)
}

// TestASweepMeetsABrokenSchedule in whatever state the game is.
func TestASweepMeetsABrokenSchedule(t *testing.T) {
	g := broken(t)
	back := func(g Game) Game {
		g.Schedule = Schedule{Cron: "0 21 * * *"}
		return g
	}
	later := operator(evening.Add(30 * time.Hour))

	moved, err := g.MoveDeadline(2, evening.Add(40*time.Hour), later)
	require.NoError(t, err)
	require.NotNil(t, moved.Next.Runtime.Broken, "the schedule is as broken as before")
	require.Equal(t, evening.Add(40*time.Hour), *back(moved.Next).Mend(later).Next.Runtime.Deadline,
		"what somebody has set stands")
	made := turnAt(t, moved.Next, evening.Add(40*time.Hour))
	require.Nil(t, made.Next.Runtime.Deadline)
	require.Empty(t, alerted(made), "it is one break")
	require.Equal(t, g.Runtime.Broken.Since, made.Next.Runtime.Broken.Since)

	paused, err := g.Pause(later)
	require.NoError(t, err)
	mended := back(paused.Next).Mend(later)
	require.Nil(t, mended.Next.Runtime.Broken)
	require.Nil(t, mended.Next.Runtime.Deadline)
	require.Equal(t, Paused, mended.Next.Status)
	resumed, err := paused.Next.Resume(nil, later)
	require.NoError(t, err)
	up := resumed.Next.EngineUp(shows(g, 1, g.Runtime.Digest), later)
	require.Equal(t, Running, up.Next.Status)
	require.Nil(t, up.Next.Runtime.Deadline, "no deadline is made up")
	require.Empty(t, alerted(up))

	claimed, err := g.ForceTurn(2, later)
	require.NoError(t, err)
	mended = back(claimed.Next).Mend(later)
	require.Nil(t, mended.Next.Runtime.Broken)
	require.Nil(t, mended.Next.Runtime.Deadline, "the turn that is made gives one")
	require.NotNil(t, mended.Next.Runtime.Op)

	cancelled, err := g.Cancel("", later)
	require.NoError(t, err)
	require.Nil(t, cancelled.Next.Runtime.Broken)
	over := shows(g, 1, g.Runtime.Digest)
	over.Finished = true
	require.Nil(t, g.EngineUp(over, later).Next.Runtime.Broken)
}

func TestAnEditMendsASchedule(t *testing.T) {
	g := broken(t)
	later := operator(evening.Add(30 * time.Hour))
	_, err := g.Edit(GameEdit{Cron: new("0 20 * * *")}, later, time.Minute)
	require.Equal(t, InvalidRequest, CodeOf(err), "the zone is still gone")
	edited, err := g.Edit(GameEdit{Description: new("Waiting")}, later, time.Minute)
	require.NoError(t, err, "what has nothing to do with it can be edited")
	require.NotNil(t, edited.Next.Runtime.Broken)
	edited, err = g.Edit(GameEdit{Zone: new("Europe/Berlin")}, later, time.Minute)
	require.NoError(t, err)
	require.Nil(t, edited.Next.Runtime.Broken)
	require.Equal(t, at("2026-01-03T20:00:00Z"), *edited.Next.Runtime.Deadline)

	g.Schedule = Schedule{Cron: "0 21 * * *", Zone: "UTC"}
	edited, err = g.Edit(GameEdit{Zone: new("UTC")}, later, time.Minute)
	require.NoError(t, err)
	require.NotNil(t, edited.Next.Runtime.Deadline, "also the same again, once it compiles")
	require.Nil(t, edited.Next.Runtime.Broken)
}

// TestAnUnreadableZoneIsNoBrokenSchedule, unless it stays unreadable.
func TestAnUnreadableZoneIsNoBrokenSchedule(t *testing.T) {
	g := running(t)
	defer func(was func(string) (*time.Location, error)) { locate = was }(locate)
	locate = func(string) (*time.Location, error) { return nil, syscall.EMFILE }
	made := turnAt(t, g, evening)
	require.Nil(t, made.Next.Runtime.Deadline)
	require.Empty(t, made.Next.Runtime.Broken.Cause)
	require.Empty(t, alerted(made))
	_, err := g.Edit(GameEdit{Zone: new("Europe/Berlin")}, operator(noon), time.Minute)
	require.Equal(t, ServiceUnavailable, CodeOf(err))
	require.Equal(t, ServiceUnavailable, CodeOf(CheckTimeZone("Europe/Berlin")))
	require.True(t, made.Next.Mend(operator(evening.Add(9*time.Minute))).Nothing())
	long := made.Next.Mend(operator(evening.Add(10 * time.Minute)))
	require.Len(t, alerted(long), 1)
	require.Contains(t, long.Next.Runtime.Broken.Cause, "cannot be read")
	locate = time.LoadLocation
	mended := made.Next.Mend(operator(evening.Add(time.Minute)))
	require.Nil(t, mended.Next.Runtime.Broken)
	require.Equal(t, evening.AddDate(0, 0, 1), *mended.Next.Runtime.Deadline)
}

// TestWhatAnOlderReleaseTookIsStillUnderstood, and what can no longer be is an error.
func TestWhatAnOlderReleaseTookIsStillUnderstood(t *testing.T) {
	for _, cron := range []string{"0\u00a021 * * *", "+0 21 * * *", "0,,30 21 * * *", "0 021 * * *"} {
		next, err := Schedule{Cron: cron}.Next(noon)
		require.NoError(t, err, cron)
		require.Equal(t, evening, next, cron)
		require.Error(t, Schedule{Cron: cron}.Validate(noon, time.Minute), "%s is not taken any more", cron)
	}
	for _, cron := range []string{"", "CRON_TZ=UTC", "TZ=UTC", "@every 1h", ", * * * *", "0 0 30 2 *",
		strings.Repeat("1,", 70) + "1 * * * *"} {
		_, err := Schedule{Cron: cron}.Next(noon)
		require.Equal(t, InvalidRequest, CodeOf(err), cron)
	}
}

func TestNamesThatAreNoZones(t *testing.T) {
	for _, name := range []string{"Europe", "Europe/Berlin/x", "../etc/passwd", "/etc/localtime", "Local", "zone.tab",
		"a\x00b",
		strings.Repeat("a", 65), "Mars/Olympus", `C:\x`} {
		require.Equal(t, InvalidRequest, CodeOf(CheckTimeZone(name)), "%q", name)
	}
}
