package engine_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// deaths gives the error lines of the log, with everything that they say.
func deaths(logs *observer.ObservedLogs) (lines []string) {
	for _, e := range logs.FilterLevelExact(zapcore.ErrorLevel).All() {
		line, err := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()).EncodeEntry(e.Entry, e.Context)
		if err != nil {
			return []string{err.Error()}
		}
		lines = append(lines, line.String())
	}
	return lines
}

func logged(logs **observer.ObservedLogs) func(*rig) {
	return func(r *rig) {
		var core zapcore.Core
		core, *logs = observer.New(zapcore.WarnLevel)
		r.deps.Log = zap.New(core)
		r.sys = kit.NewSystem(r.deps.Log, tracenoop.NewTracerProvider().Tracer(""))
	}
}

// TestADeathIsOneLine: with cause and last words, and without the stack of an actor that fails on purpose.
func TestADeathIsOneLine(t *testing.T) {
	var logs *observer.ObservedLogs
	r, s := newRig(t, logged(&logs)), spec()
	r.played(&s, 3)
	r.drive(s)
	next[engine.Up](r)
	r.Kill(s.Game, galaxy.Container{State: galaxy.ContainerExited, ExitCode: 3, ExitKnown: true})
	next[engine.Down](r)
	next[engine.Up](r)
	lines := deaths(logs)
	require.Len(t, lines, 1, "%s", strings.Join(lines, ""))
	for _, word := range []string{"the engine has died", "it ended with exit code 3", "has said its last words",
		s.Game.String(), "restarts"} {
		require.Contains(t, lines[0], word)
	}
	require.NotContains(t, lines[0], "goroutine")
}

func TestADeathWhileItComesUpIsOneLine(t *testing.T) {
	var logs *observer.ObservedLogs
	r, s := newRig(t, logged(&logs), soonGivenUp), spec()
	r.played(&s, 3)
	r.Begins(s.EngineVersion, func(g *enginetest.Game) { g.State = galaxy.ContainerExited })
	r.Kill(s.Game, galaxy.Container{})
	r.deps.Pace.Restarts.Retries = 0
	r.drive(s)
	next[engine.Down](r)
	require.Eventually(t, func() bool { return len(deaths(logs)) == 1 }, eventually, tick)
	require.NotContains(t, deaths(logs)[0], "goroutine")
	require.Contains(t, deaths(logs)[0], "gives up")
}
