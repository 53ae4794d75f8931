package kit_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
)

type fragile struct{}

func (fragile) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case boom:
		if m.runtime {
			_ = strings.Split(m.secret, "")[100]
		}
		panic(fmt.Errorf("the secret is %s", m.secret))
	case occupy:
		<-m.until
	}
}

type boom struct {
	secret  string
	runtime bool
}
type occupy struct{ until chan struct{} }

func find(sys *kit.System, id string) (kit.Stat, bool) {
	for _, s := range sys.Stats() {
		if strings.HasSuffix(s.ID, id) {
			return s, true
		}
	}
	return kit.Stat{}, false
}

func TestOperatorsSeeWhatRuns(t *testing.T) {
	sys := kittest.System(t)
	quick := kit.Backoff{Min: time.Millisecond, Max: time.Millisecond, Retries: 100, Within: time.Minute}
	family, err := kit.NewFamily(sys, "eggs", func(string) *actor.Props {
		return sys.Props(func() actor.Actor { return fragile{} }, kit.Kind("egg"))
	}, quick)
	require.NoError(t, err)
	persons, err := kit.NewFamily(sys, "persons", func(string) *actor.Props {
		return sys.Props(func() actor.Actor { return fragile{} }, kit.Kind("person"))
	}, quick, kit.Nameless())
	require.NoError(t, err)
	until := make(chan struct{})
	kit.Tell(persons.Ref("ann@example.com"), occupy{until})
	kit.Tell(family.Ref("one"), occupy{until})
	for range 3 {
		kit.Tell(family.Ref("one"), "later")
	}
	require.Eventually(t, func() bool { s, ok := find(sys, "/one"); return ok && s.Depth == 3 }, 10*time.Second, time.Millisecond)
	s, _ := find(sys, "/one")
	require.Equal(t, "egg", s.Kind)
	require.Equal(t, kit.StateRunning, s.State)
	require.Nil(t, s.Failure)
	require.WithinDuration(t, time.Now(), s.Born, time.Minute)
	close(until)
	kit.Tell(family.Ref("one"), boom{secret: "xyzzy"})
	require.Eventually(t, func() bool { s, _ := find(sys, "/one"); return s.Restarts == 1 && s.State == kit.StateRunning }, 10*time.Second, time.Millisecond)
	s, _ = find(sys, "/one")
	require.Equal(t, "kit_test.boom", s.Failure.Message)
	require.NotContains(t, fmt.Sprint(*s.Failure), "xyzzy", "neither what it was sent nor what it said")
	kit.Tell(family.Ref("one"), boom{runtime: true})
	require.Eventually(t, func() bool { s, _ := find(sys, "/one"); return s.Restarts == 2 }, 10*time.Second, time.Millisecond)
	s, _ = find(sys, "/one")
	require.Equal(t, "runtime error: index out of range [100] with length 0", s.Failure.Cause)
	for _, s := range sys.Stats() {
		require.NotContains(t, s.ID, "ann@")
	}
	kittest.Stop(t, sys, family.Root(), persons.Root())
	require.Eventually(t, func() bool { return len(sys.Stats()) == 0 }, 10*time.Second, time.Millisecond, "who has ended is not shown")
}

func TestAForwardedAskIsAnsweredByWhoeverGetsIt(t *testing.T) {
	sys := kittest.System(t)
	last, err := sys.Spawn("last", sys.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(c actor.Context) {
			if s, ok := c.Message().(string); ok {
				require.False(t, kit.DeadlineOf(c).IsZero(), "the asker's patience comes along")
				kit.Reply(c, s+" from the last", nil)
			}
		})
	}), kittest.Never)
	require.NoError(t, err)
	first, err := sys.Spawn("first", sys.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(c actor.Context) {
			if _, ok := c.Message().(greet); ok {
				kit.Forward(c, last, "hello")
			}
		})
	}), kittest.Never)
	require.NoError(t, err)
	got, err := kit.Ask(t.Context(), first, greet{})
	require.NoError(t, err)
	require.Equal(t, "hello from the last", got)
	kittest.Stop(t, sys, last)
	_, err = kit.Ask(t.Context(), first, greet{})
	require.Error(t, err, "and when there is nobody, the asker hears of it")
	kittest.Stop(t, sys, first)
}

type greet struct{ kit.Returns[string] }
