package kit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
)

type (
	add   struct{ kit.Returns[int] }
	read  struct{ kit.Returns[int] }
	crash struct {
		kit.Returns[int]
		with error
	}
	wrong struct{ kit.Returns[int] }
	block struct {
		begun, release chan struct{}
	}
	bump   struct{}
	rest   struct{}
	worked struct {
		asker *actor.PID
		n     int
	}
	work struct{ kit.Returns[int] }
)

// counter counts; block holds its mailbox, rest passivates it.
type counter struct {
	n       int
	started *atomic.Int64
}

func (a *counter) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		if a.started != nil {
			a.started.Add(1)
		}
	case add:
		a.n++
		kit.Reply(c, a.n, nil)
	case bump:
		a.n++
	case read:
		kit.Reply(c, a.n, nil)
	case crash:
		panic(m.with)
	case wrong:
		kit.Reply(c, "not a number", nil)
	case block:
		close(m.begun)
		<-m.release
	case rest:
		kit.Passivate(c)
	case work:
		asker := c.Sender()
		kit.Job(c, time.Second, func(context.Context) any { return worked{asker, 7} }, func(error) any { return worked{asker, -1} })
	case worked:
		a.n += m.n
		kit.ReplyTo(c, m.asker, a.n, nil)
	}
}

func spawn(t *testing.T, strategy actor.SupervisorStrategy, opts ...kit.Option) (*kit.System, kit.Ref, *atomic.Int64) {
	sys, started := kittest.System(t), &atomic.Int64{}
	ref, err := sys.Spawn("counter", sys.Props(func() actor.Actor { return &counter{started: started} }, opts...), strategy)
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, sys, ref) })
	return sys, ref, started
}

func hold(ref kit.Ref) (release func()) {
	b := block{make(chan struct{}), make(chan struct{})}
	kit.Tell(ref, b)
	<-b.begun
	return sync.OnceFunc(func() { close(b.release) })
}

func TestAnAskIsAnsweredWithItsType(t *testing.T) {
	_, ref, _ := spawn(t, kittest.Never)
	n, err := kit.Ask(t.Context(), ref, add{})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	n, err = kit.Ask(t.Context(), ref, work{})
	require.NoError(t, err)
	require.Equal(t, 8, n, "a job's result comes home as a message")
	_, err = kit.Ask(t.Context(), ref, wrong{})
	require.ErrorContains(t, err, "answered with string")
	_, err = kit.Ask(t.Context(), kit.Ref{}, add{})
	require.ErrorIs(t, err, kit.ErrGone)
}

func TestAFailureAnswersItsAskerWithTheCause(t *testing.T) {
	_, ref, started := spawn(t, kit.Backoff{Min: time.Millisecond, Max: time.Millisecond, Retries: 3, Within: time.Minute})
	cause := errors.New("a broken invariant")
	_, err := kit.Ask(t.Context(), ref, crash{with: cause})
	require.ErrorIs(t, err, cause)
	require.Eventually(t, func() bool { return started.Load() == 2 }, 5*time.Second, time.Millisecond, "it is made anew")
	n, err := kit.Ask(t.Context(), ref, add{})
	require.NoError(t, err)
	require.Equal(t, 1, n, "with nothing of the old one's memory")
}

func TestAnActorThatWaitsForItsRestartRefusesAsksAtOnce(t *testing.T) {
	_, ref, _ := spawn(t, kit.Backoff{Min: time.Hour, Max: time.Hour, Retries: 3, Within: time.Hour})
	release := hold(ref)
	answers := make(chan error, 3)
	var queued sync.WaitGroup
	queued.Add(1)
	go func() {
		_, err := kit.Ask(t.Context(), ref, crash{with: errors.New("dead")})
		answers <- err
	}()
	queued.Done()
	release()
	require.ErrorContains(t, <-answers, "dead")
	require.Eventually(t, func() bool {
		_, err := kit.Ask(t.Context(), ref, add{})
		return errors.Is(err, kit.ErrRestarting)
	}, 5*time.Second, time.Millisecond)
}

func TestAsksThatWaitWhenTheActorFailsAreAnswered(t *testing.T) {
	_, ref, _ := spawn(t, kit.Backoff{Min: time.Hour, Max: time.Hour, Retries: 3, Within: time.Hour})
	release := hold(ref)
	kit.Tell(ref, crash{with: errors.New("dead")})
	answers := make(chan error, 20)
	for range cap(answers) {
		go func() {
			_, err := kit.Ask(t.Context(), ref, add{})
			answers <- err
		}()
	}
	release()
	for range cap(answers) {
		require.ErrorIs(t, <-answers, kit.ErrRestarting)
	}
}

func TestAFullMailboxRefusesAsksAndKeepsTells(t *testing.T) {
	sys, ref, _ := spawn(t, kittest.Never, kit.MaxAsks(2))
	release := hold(ref)
	for range 10 {
		kit.Tell(ref, bump{})
	}
	answers := make(chan error, 5)
	for range cap(answers) {
		go func() {
			_, err := kit.Ask(t.Context(), ref, read{})
			answers <- err
		}()
	}
	for range cap(answers) - 2 {
		require.ErrorIs(t, <-answers, kit.ErrBusy)
	}
	release()
	require.NoError(t, <-answers)
	require.NoError(t, <-answers)
	require.EqualValues(t, 3, sys.Refused())
	n, err := kit.Ask(t.Context(), ref, read{})
	require.NoError(t, err)
	require.Equal(t, 10, n)
}

func TestAMessageWhoseAskerHasGoneIsNotWorkedOn(t *testing.T) {
	_, ref, _ := spawn(t, kittest.Never)
	release := hold(ref)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := kit.Ask(ctx, ref, add{})
	require.True(t, galaxy.Is(err, galaxy.Timeout), err)
	gone, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := kit.Ask(gone, ref, add{})
		left <- err
	}()
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	release()
	n, err := kit.Ask(t.Context(), ref, read{})
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestStoppingDoesOrAnswersEverythingThatWaits(t *testing.T) {
	sys, started := kittest.System(t), &atomic.Int64{}
	ref, err := sys.Spawn("counter", sys.Props(func() actor.Actor { return &counter{started: started} }), kittest.Never)
	require.NoError(t, err)
	release := hold(ref)
	answers := make(chan error, 50)
	for range cap(answers) {
		go func() {
			_, err := kit.Ask(t.Context(), ref, add{})
			answers <- err
		}()
	}
	time.AfterFunc(20*time.Millisecond, release)
	kittest.Stop(t, sys, ref)
	for range cap(answers) {
		if err := <-answers; err != nil {
			require.True(t, galaxy.Is(err, galaxy.ServiceUnavailable), err)
		}
	}
	_, err = kit.Ask(t.Context(), ref, add{})
	require.True(t, galaxy.Is(err, galaxy.ServiceUnavailable), err)
}

func TestGivingUpStopsTheChildAndAnswersItsAskers(t *testing.T) {
	_, ref, started := spawn(t, kit.Backoff{Min: time.Millisecond, Max: time.Millisecond, Retries: 2, Within: time.Minute})
	for i := range 3 {
		require.Eventually(t, func() bool { return started.Load() == int64(i+1) }, 5*time.Second, time.Millisecond)
		_, err := kit.Ask(t.Context(), ref, crash{with: fmt.Errorf("failure %d", i)})
		require.Error(t, err)
	}
	require.Eventually(t, func() bool {
		_, err := kit.Ask(t.Context(), ref, add{})
		return errors.Is(err, kit.ErrGone)
	}, 5*time.Second, time.Millisecond)
	require.EqualValues(t, 3, started.Load())
}

func TestBackoffDoublesUpToItsMaximum(t *testing.T) {
	b := kit.Backoff{Min: time.Second, Max: time.Minute}
	var got []time.Duration
	for n := 1; n <= 8; n++ {
		got = append(got, b.Delay(n))
	}
	require.Equal(t, []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 32e9, 60e9, 60e9}, got)
}
