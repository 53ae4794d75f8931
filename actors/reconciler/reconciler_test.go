package reconciler_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/reconciler"
	"galaxy/backend/galaxy"
)

func TestGamesHearOfTheEndsOfTheirContainersAtOnce(t *testing.T) {
	w := newWorld(t)
	running, stopped := w.game(galaxy.RuntimeRunning, galaxy.ContainerRunning), w.game(galaxy.RuntimeStopped, galaxy.ContainerExited)
	w.start(time.Hour)
	w.orphans() // the comparison at the start is done, and has found nothing

	for _, e := range []struct {
		game galaxy.GameID
		kind galaxy.ContainerEventKind
		want galaxy.ContainerState
	}{
		{id(), galaxy.ContainerDied, ""}, // of nobody
		{running, galaxy.ContainerStarted, ""},
		{running, galaxy.ContainerOOM, galaxy.ContainerExited},
		{stopped, galaxy.ContainerDied, ""}, // as it was asked to
		{running, galaxy.ContainerDied, galaxy.ContainerExited},
		{id(), galaxy.ContainerDestroyed, ""},
		{stopped, galaxy.ContainerDestroyed, galaxy.ContainerMissing},
		{running, galaxy.ContainerDestroyed, galaxy.ContainerMissing},
	} {
		w.daemon.happen(t, e.game, e.kind)
		if e.want != "" {
			require.Equal(t, told{e.game, string(e.want)}, w.next(), e.kind)
		}
	}
	require.Empty(t, w.games)
}

func TestAnEventThatNobodyCanPlaceIsLeftToTheProbes(t *testing.T) {
	w := newWorld(t)
	g := w.game(galaxy.RuntimeRunning, galaxy.ContainerRunning)
	w.start(time.Hour)
	w.orphans()
	w.rows.do(func(r *rows) { r.away = true })
	w.daemon.happen(t, g, galaxy.ContainerDied)
	w.eventually("it is said", func() bool { return w.log.FilterMessageSnippet("whose containers have ended").Len() == 1 })
	w.rows.do(func(r *rows) { r.away = false })
	w.daemon.happen(t, g, galaxy.ContainerDestroyed)
	require.Equal(t, told{g, "missing"}, w.next(), "and the next one is told")
}

func TestWhatAnEventHasNotToldAComparisonFinds(t *testing.T) {
	w := newWorld(t)
	dead := w.game(galaxy.RuntimeRunning, galaxy.ContainerExited)
	for range 50 {
		w.game(galaxy.RuntimeRunning, galaxy.ContainerRunning)
	}
	w.game(galaxy.RuntimeUnreachable, galaxy.ContainerExited)
	w.start(5 * time.Millisecond)
	for range 3 {
		require.Equal(t, told{dead, "wake"}, w.next(), "only the one that does not fit, first of all to look after its engine")
		require.Equal(t, told{dead, "exited"}, w.next())
	}
	w.container(dead, galaxy.ContainerRunning)
	w.compared(2)
	for len(w.games) > 0 {
		<-w.games
	}
	gone := w.game(galaxy.RuntimeStopped, "")
	require.Equal(t, told{gone, "missing"}, w.next(), "one that has use for no engine is not woken")
}

// TestAContainerThatIsNewerThanTheListIsNotMissed: its game was resumed, and stopped, before the rows were read.
func TestAContainerThatIsNewerThanTheListIsNotMissed(t *testing.T) {
	w := newWorld(t)
	w.daemon.stopped = w.game(galaxy.RuntimeStopped, "")
	w.start(5 * time.Millisecond)
	w.compared(2)
	require.Empty(t, w.games)
}

func TestABrokenStreamIsBegunAnewAndWhatWasMissedIsFound(t *testing.T) {
	w := newWorld(t)
	g := w.game(galaxy.RuntimeRunning, galaxy.ContainerRunning)
	w.start(time.Hour)
	w.orphans()
	w.eventually("it watches", func() bool {
		w.daemon.mu.Lock()
		defer w.daemon.mu.Unlock()
		return len(w.daemon.watchers) == 1
	})
	w.container(g, galaxy.ContainerExited) // and nobody tells
	w.daemon.breakStreams()
	require.Equal(t, told{g, "wake"}, w.next())
	require.Equal(t, told{g, "exited"}, w.next())
	w.container(g, galaxy.ContainerRunning)
	w.daemon.happen(t, g, galaxy.ContainerDied)
	require.Equal(t, told{g, "exited"}, w.next(), "the new stream is listened to")
	for range 10 {
		w.daemon.breakStreams()
	}
	require.Len(t, w.log.FilterMessageSnippet("the events of containers").All(), 1, "a spell of breaks is told of once")
}

func TestNothingIsConcludedFromADaemonThatIsAway(t *testing.T) {
	w := newWorld(t)
	w.daemon.leave()
	missing, lost := w.game(galaxy.RuntimeRunning, ""), id()
	w.container(lost, galaxy.ContainerRunning)
	w.start(2 * time.Millisecond)

	_, err := kit.Ask(t.Context(), w.ref, reconciler.Orphans{})
	require.Equal(t, galaxy.ServiceUnavailable, galaxy.CodeOf(err))
	require.ErrorContains(t, err, "the container daemon does not answer")
	w.compared(5)
	w.eventually("the stream is asked for again and again", func() bool {
		w.daemon.mu.Lock()
		defer w.daemon.mu.Unlock()
		return w.daemon.watches > 5
	})
	require.Empty(t, w.games)
	require.Len(t, w.log.FilterMessageSnippet("cannot be compared").All(), 1, "once a spell")

	w.daemon.back()
	require.Equal(t, told{missing, "wake"}, w.next())
	require.Equal(t, told{missing, "missing"}, w.next())
	require.Len(t, w.orphans(), 1)
	require.Len(t, w.log.FilterMessageSnippet("are compared with what is recorded again").All(), 1)

	w.container(missing, galaxy.ContainerRunning)
	w.compared(1)
	w.daemon.leave()
	w.compared(1)
	for len(w.games) > 0 {
		<-w.games
	}
	w.daemon.do(func(d *daemon) { clear(d.containers) })
	w.compared(3)
	require.Empty(t, w.games, "what is not there any more is not missed")
	require.Len(t, w.orphans(), 1, "and what was found stays")
	w.daemon.back()
	require.Equal(t, told{missing, "wake"}, w.next())
	w.eventually("the orphan is gone", func() bool { return len(w.orphans()) == 0 })
}

func TestNothingIsConcludedFromAStoreThatIsAway(t *testing.T) {
	w := newWorld(t)
	w.rows.do(func(r *rows) { r.away = true })
	w.container(id(), galaxy.ContainerRunning)
	w.start(2 * time.Millisecond)
	_, err := kit.Ask(t.Context(), w.ref, reconciler.Orphans{})
	require.ErrorIs(t, err, errAway)
	w.rows.do(func(r *rows) { r.away = false })
	w.eventually("the orphan is found", func() bool {
		found, err := kit.Ask(t.Context(), w.ref, reconciler.Orphans{})
		return err == nil && len(found) == 1
	})
}

func TestOrphansAreListedAndLeftAlone(t *testing.T) {
	w := newWorld(t)
	lost, other := id(), id()
	w.container(lost, galaxy.ContainerRunning)
	w.container(other, galaxy.ContainerExited)
	w.game(galaxy.RuntimeRunning, galaxy.ContainerRunning)
	w.start(2 * time.Millisecond)

	found := w.orphans()
	why := map[galaxy.GameID]string{}
	for _, o := range found {
		why[o.Container.Game] = o.Reason
		require.Equal(t, noon, o.Since)
		require.Equal(t, "c-"+o.Container.Game.String(), o.Container.ID)
	}
	require.Equal(t, map[galaxy.GameID]string{lost: galaxy.OrphanNoGame, other: galaxy.OrphanNoGame}, why)

	w.mu.Lock()
	w.now = noon.Add(time.Minute)
	w.mu.Unlock()
	later := id()
	w.container(later, galaxy.ContainerExited)
	w.eventually("a third one is found", func() bool { return len(w.orphans()) == 3 })
	for _, o := range w.orphans() {
		require.Equal(t, o.Container.Game == later, o.Since.Equal(noon.Add(time.Minute)), "it is remembered since when each is known")
	}
	require.Len(t, w.log.FilterMessageSnippet("a container of no game").All(), 3, "each is told of once")

	w.daemon.do(func(d *daemon) { delete(d.containers, lost) })
	w.rows.do(func(r *rows) { r.statuses[other] = galaxy.RuntimeRemoved })
	w.eventually("one was removed, the other's game is there again", func() bool { return len(w.orphans()) == 1 })
	require.Empty(t, w.games)
}

func TestARunningContainerIsItsGamesToAdopt(t *testing.T) {
	for _, status := range []galaxy.RuntimeStatus{galaxy.RuntimeNone, galaxy.RuntimeStopped, galaxy.RuntimeRemoved,
		galaxy.RuntimeUnreachable} {
		t.Run(string(status), func(t *testing.T) {
			w := newWorld(t)
			g := w.game(status, galaxy.ContainerRunning)
			w.game(galaxy.RuntimeRunning, galaxy.ContainerRunning)
			w.game(galaxy.RuntimeFinished, galaxy.ContainerRunning)
			w.start(2 * time.Millisecond)
			for range 2 { // with each comparison, until it has ended
				require.Equal(t, told{g, "adopt c-" + g.String()}, w.next())
			}
			require.Empty(t, w.orphans())
			w.container(g, galaxy.ContainerExited)
			w.compared(2)
			for len(w.games) > 0 {
				<-w.games
			}
			w.compared(2)
			require.Empty(t, w.games)
		})
	}
}

// TestAContainerIsNotAdoptedTooSoon: it has ended since the list was made, or what has led to its start is not recorded
// yet.
func TestAContainerIsNotAdoptedTooSoon(t *testing.T) {
	w := newWorld(t)
	w.daemon.stopped = w.game(galaxy.RuntimeStopped, galaxy.ContainerRunning)
	young := w.game(galaxy.RuntimeStopped, galaxy.ContainerRunning)
	w.daemon.do(func(d *daemon) {
		c := d.containers[young]
		c.StartedAt = noon.Add(-30 * time.Second)
		d.containers[young] = c
	})
	w.start(2 * time.Millisecond)
	w.compared(2)
	require.Empty(t, w.games)
	require.Empty(t, w.orphans())
	w.mu.Lock()
	w.now = noon.Add(time.Minute)
	w.mu.Unlock()
	require.Equal(t, told{young, "adopt c-" + young.String()}, w.next())
	w.daemon.leave()
	w.compared(1)
	for len(w.games) > 0 {
		<-w.games
	}
	w.compared(3)
	require.Empty(t, w.games, "nor while the daemon is away")
}

func TestGamesThatAreOverAreCleanedUp(t *testing.T) {
	w := newWorld(t)
	for range 150 {
		w.rows.do(func(r *rows) { r.ended = append(r.ended, id()) })
	}
	w.daemon.leave()
	w.start(2 * time.Millisecond)
	w.compared(3)
	require.Empty(t, w.games, "not while the daemon is away")
	w.daemon.back()
	for n := range 100 {
		require.Equal(t, told{w.rows.ended[n], "clean up"}, w.next(), "those first that have waited longest")
	}
	require.Equal(t, told{w.rows.ended[0], "clean up"}, w.next(), "and no more than a hundred at a time")
	w.rows.do(func(r *rows) { require.Equal(t, noon.Add(-retention), r.before) })
}

func TestLogsAreReadOutsideOfTheMailbox(t *testing.T) {
	w := newWorld(t)
	g := w.game(galaxy.RuntimeRunning, galaxy.ContainerRunning)
	w.start(time.Hour)
	w.orphans()
	ask := func(ctx context.Context) (string, error) {
		return kit.Ask(ctx, w.ref, reconciler.Logs{Game: g, Tail: 7})
	}
	text, err := ask(t.Context())
	require.NoError(t, err)
	require.Equal(t, g.String()+"'s last 7ns", text)

	held := make(chan struct{})
	w.daemon.do(func(d *daemon) { d.held = held })
	answers := make(chan string)
	go func() {
		text, err := ask(context.Background())
		answers <- fmt.Sprint(text, err)
	}()
	w.orphans() // is answered while the daemon hangs
	short, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
	defer cancel()
	_, err = ask(short)
	require.Error(t, err, "and who does not wait for long is answered")
	w.daemon.do(func(d *daemon) { d.held = nil })
	close(held)
	require.Equal(t, g.String()+"'s last 7ns<nil>", <-answers)

	w.daemon.leave()
	_, err = ask(t.Context())
	require.Equal(t, galaxy.ServiceUnavailable, galaxy.CodeOf(err))
	require.ErrorContains(t, err, "the container daemon does not answer")
}

func TestWhoWaitsIsAnsweredWhenItStops(t *testing.T) {
	w := newWorld(t)
	held := make(chan struct{})
	w.daemon.do(func(d *daemon) { d.held = held })
	defer close(held)
	w.start(time.Hour)
	w.eventually("the list hangs", func() bool {
		w.daemon.mu.Lock()
		defer w.daemon.mu.Unlock()
		return w.daemon.lists == 1
	})
	w.daemon.do(func(d *daemon) { d.held = held }) // and so do logs
	orphans, logs := make(chan error), make(chan error)
	go func() {
		_, err := kit.Ask(context.Background(), w.ref, reconciler.Orphans{})
		orphans <- err
	}()
	go func() {
		_, err := kit.Ask(context.Background(), w.ref, reconciler.Logs{Game: id(), Tail: 1})
		logs <- err
	}()
	w.eventually("the logs hang", func() bool {
		w.daemon.mu.Lock()
		defer w.daemon.mu.Unlock()
		return w.daemon.logs == 1
	})
	w.stop()
	require.ErrorIs(t, <-logs, kit.ErrStopping)
	require.Equal(t, galaxy.ServiceUnavailable, galaxy.CodeOf(<-orphans))
}

func TestAResultOfAnEarlierLifeIsDropped(t *testing.T) {
	w := newWorld(t)
	held := make(chan struct{})
	w.daemon.do(func(d *daemon) { d.held = held })
	lost, g := id(), w.game(galaxy.RuntimeRunning, galaxy.ContainerRunning)
	w.container(lost, galaxy.ContainerRunning)
	w.before = func(*told) {
		w.before = nil
		panic("told to")
	}
	w.start(time.Hour)
	w.eventually("the first list hangs", func() bool {
		w.daemon.mu.Lock()
		defer w.daemon.mu.Unlock()
		return w.daemon.lists == 1
	})
	w.daemon.do(func(d *daemon) { delete(d.containers, lost) })
	w.daemon.happen(t, g, galaxy.ContainerDied) // of which it fails
	w.eventually("its next life has compared", func() bool {
		found, err := kit.Ask(t.Context(), w.ref, reconciler.Orphans{})
		return err == nil && len(found) == 0
	})
	close(held)
	w.daemon.happen(t, g, galaxy.ContainerDied)
	require.Equal(t, told{g, "exited"}, w.next())
	require.Empty(t, w.orphans(), "what the first list held is of no interest any more")
}
