package kit_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
)

// logged makes a system whose log is kept.
func logged() (*kit.System, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.DebugLevel)
	return kit.NewSystem(zap.New(core), noop.NewTracerProvider().Tracer("")), logs
}

type (
	onPurpose struct{ kit.Returns[kit.Done] }
	surprise  struct{ kit.Returns[kit.Done] }
	toil      struct{ kit.Returns[string] }
)

// mortal fails as it is told to.
func mortal() actor.Actor {
	return actor.ReceiveFunc(func(c actor.Context) {
		switch c.Message().(type) {
		case onPurpose:
			kit.Fail("the pump has stopped", errors.New("no oil"), zap.String("pump", "left"))
		case surprise:
			panic("what is this")
		case toil:
			asker := c.Sender()
			kit.Job(c, time.Minute, func(context.Context) any { panic("no such tool") },
				func(err error) any { kit.ReplyTo(c, asker, err.Error(), nil); return nil })
		}
	})
}

// stacks counts the entries with a goroutine's stack anywhere.
func stacks(logs *observer.ObservedLogs) (n int) {
	for _, e := range logs.All() {
		all := e.Message
		for _, v := range e.ContextMap() {
			if s, ok := v.(string); ok {
				all += s
			}
			if b, ok := v.([]byte); ok {
				all += string(b)
			}
		}
		if strings.Contains(all, "goroutine ") {
			n++
		}
	}
	return n
}

func TestAFailureOnPurposeIsOneLineWithoutAStack(t *testing.T) {
	sys, logs := logged()
	strategy := kit.Backoff{Min: time.Millisecond, Max: time.Millisecond, Retries: 1, Within: time.Minute}
	ref, err := sys.Spawn("pumps", sys.Props(mortal), strategy)
	require.NoError(t, err)
	_, err = kit.Ask(t.Context(), ref, onPurpose{})
	require.True(t, galaxy.Is(err, galaxy.ServiceUnavailable), "its asker may try again: %v", err)
	require.Eventually(t, func() bool { return logs.Len() == 1 }, eventually, tick)
	line := logs.All()[0]
	require.Equal(t, "the pump has stopped", line.Message)
	require.Equal(t, zapcore.ErrorLevel, line.Level)
	fields := line.ContextMap()
	require.Equal(t, "no oil", fields["cause"])
	require.Equal(t, "left", fields["pump"])
	require.Equal(t, "pumps", fields["actor"])
	require.Equal(t, "restarts", fields["supervision"])
	require.EqualValues(t, 1, fields["failures"])
	require.Zero(t, stacks(logs))
	s, ok := find(sys, "pumps")
	require.True(t, ok)
	require.Equal(t, "the pump has stopped", s.Failure.Cause, "and not what may be a secret")

	require.Eventually(t, func() bool { s, _ := find(sys, "pumps"); return s.State == kit.StateRunning }, eventually, tick)
	kit.Tell(ref, onPurpose{})
	require.Eventually(t, nobodyRuns(sys), eventually, tick)
	require.Equal(t, 2, logs.Len())
	require.Equal(t, "gives up", logs.All()[1].ContextMap()["supervision"])
}

func TestASurpriseHasItsStackOnce(t *testing.T) {
	sys, logs := logged()
	strategy := kit.Backoff{Min: time.Millisecond, Max: time.Millisecond, Retries: 10, Within: time.Minute}
	family, err := kit.NewFamily(sys, "mortals", func(string) *actor.Props { return sys.Props(mortal) }, strategy)
	require.NoError(t, err)
	_, err = kit.Ask(t.Context(), family.Ref("one"), surprise{})
	require.ErrorContains(t, err, "what is this")
	require.Eventually(t, func() bool {
		s, ok := find(sys, "/one")
		return ok && s.Restarts == 1 && s.State == kit.StateRunning
	}, eventually, tick)
	kittest.Stop(t, sys, family.Root())
	require.Equal(t, 1, logs.Len(), "%v", logs.All())
	require.Equal(t, 1, stacks(logs))
}

func TestAJobThatPanicsHasItsStackOnceAndNotInItsResult(t *testing.T) {
	sys, logs := logged()
	ref, err := sys.Spawn("worker", sys.Props(mortal), kittest.Never)
	require.NoError(t, err)
	said, err := kit.Ask(t.Context(), ref, toil{})
	require.NoError(t, err)
	require.Contains(t, said, "no such tool")
	require.NotContains(t, said, "goroutine")
	require.Equal(t, 1, logs.Len())
	require.Equal(t, 1, stacks(logs))
	kittest.Stop(t, sys, ref)
}
