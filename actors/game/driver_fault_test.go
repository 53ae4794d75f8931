package game_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

func TestAStartWaitsForTheDaemon(t *testing.T) {
	s := notStarted(t)
	s.Away(true)
	_, err := ask(s.world, game.ForceStart{By: admin})
	require.NoError(t, err)
	g := s.waits(galaxy.WhyDriverUnknown)
	require.Equal(t, galaxy.Starting, g.Status)
	s.Away(false)
	s.waits(galaxy.WhyDeadline)
}

func TestADaemonThatIsAwayDoesNotDisturbEnginesThatAnswer(t *testing.T) {
	s := newStandIn(t)
	s.Away(true)
	_, err := s.order(0, 1, peace)
	require.NoError(t, err)
	s.force(1)
	s.turnMade(1)
	probes := s.Calls(enginetest.Healthz)
	require.Eventually(t, func() bool { return s.Calls(enginetest.Healthz) > probes+3 }, 10*time.Second, time.Millisecond)
	require.Equal(t, galaxy.WhyDeadline, s.game().Runtime.Why)
}

func TestNothingIsConcludedWhileNeitherDaemonNorEngineAnswers(t *testing.T) {
	s := newStandIn(t)
	s.Away(true)
	hold := make(chan struct{})
	s.Fail(enginetest.Healthz, enginetest.Fault{Hold: hold}, enginetest.Fault{Hold: hold}, enginetest.Fault{Hold: hold}, enginetest.Fault{Hold: hold}, enginetest.Fault{Hold: hold}, enginetest.Fault{Hold: hold})
	g := s.waits(galaxy.WhyDriverUnknown)
	require.Equal(t, galaxy.Running, g.Status)
	s.Away(false)
	close(hold)
	s.waits(galaxy.WhyDeadline)
	require.Equal(t, 1, s.starts(), "it was adopted")
}

func TestAnEngineThatHangsIsRestarted(t *testing.T) {
	s := newStandIn(t)
	s.force(1)
	s.turnMade(1)
	never := make(chan struct{})
	defer close(never)
	hang := enginetest.Fault{Hold: never}
	s.Fail(enginetest.Healthz, hang, hang, hang)
	s.waits(galaxy.WhyRestarting)
	g := s.waits(galaxy.WhyDeadline)
	require.Equal(t, 2, s.starts())
	require.Equal(t, 1, g.Runtime.Turn)
}

func TestOneMissedProbeIsForgiven(t *testing.T) {
	s := newStandIn(t)
	s.Fail(enginetest.Healthz, enginetest.Fault{Status: 503}, enginetest.Fault{}, enginetest.Fault{Status: 503}, enginetest.Fault{Status: 503})
	probes := s.Calls(enginetest.Healthz)
	require.Eventually(t, func() bool { return s.Calls(enginetest.Healthz) > probes+5 }, 10*time.Second, time.Millisecond)
	require.Equal(t, 1, s.starts())
}

func TestWhyAnEngineDiedIsSaid(t *testing.T) {
	for words, exit := range map[string]galaxy.Container{
		"too much memory":             {ExitKnown: true, ExitCode: 137, OOMKilled: true},
		"exit code 3":                 {ExitKnown: true, ExitCode: 3},
		"exit code that is not known": {},
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			s.Kill(s.id, exit)
			require.Contains(t, s.waits(galaxy.WhyRestarting).Runtime.WhyText, words)
			s.waits(galaxy.WhyDeadline)
		})
	}
}

func TestAnEngineThatKeepsDyingPausesItsGame(t *testing.T) {
	s := newStandIn(t)
	die := time.NewTicker(time.Millisecond)
	defer die.Stop()
	g := s.until("it is given up", func(g galaxy.Game) bool {
		<-die.C
		s.Kill(s.id, galaxy.Container{ExitKnown: true, ExitCode: 1})
		return g.Runtime.Why == galaxy.WhyUnreachable
	})
	require.Equal(t, galaxy.Paused, g.Status)
	require.Contains(t, g.Runtime.WhyText, "could not be brought up again")
}

// TestADaemonThatComesAndGoesDuringATurnBeginsNoNewAttempt: what is under way goes on, and its time is not given to it again.
func TestADaemonThatComesAndGoesDuringATurnBeginsNoNewAttempt(t *testing.T) {
	s := newStandIn(t)
	s.open()
	hold := make(chan struct{})
	s.Fail(enginetest.Turn, enginetest.Fault{Hold: hold})
	s.force(1)
	require.Eventually(t, func() bool { return s.Calls(enginetest.Turn) == 1 }, 10*time.Second, time.Millisecond)
	for range 3 {
		s.Away(true)
		s.Fail(enginetest.Healthz, enginetest.Fault{Status: http.StatusServiceUnavailable})
		s.waits(galaxy.WhyDriverUnknown)
		s.Away(false)
		g := s.waits(galaxy.WhyGenerating)
		require.Equal(t, 1, g.Runtime.Op.Attempt)
	}
	close(hold)
	s.turnMade(1)
	require.Equal(t, 1, s.Calls(enginetest.Turn))
}
