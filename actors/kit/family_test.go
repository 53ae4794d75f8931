package kit_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
)

// keeper keeps its count in a map outside, as an actor keeps its memory in a store, and notes when two are alive at once.
type keeper struct {
	key   int
	store *sync.Map // key → *atomic.Int64
	alive *sync.Map // key → *atomic.Int64
	twice *atomic.Int64
}

func (a *keeper) count(m *sync.Map) *atomic.Int64 {
	v, _ := m.LoadOrStore(a.key, &atomic.Int64{})
	return v.(*atomic.Int64)
}

func (a *keeper) Receive(c actor.Context) {
	switch c.Message().(type) {
	case *actor.Started:
		if a.count(a.alive).Add(1) > 1 {
			a.twice.Add(1)
		}
	case *actor.Stopped:
		a.count(a.alive).Add(-1)
	case add:
		kit.Reply(c, int(a.count(a.store).Add(1)), nil)
	case rest:
		kit.Passivate(c)
	case crash:
		a.count(a.alive).Add(-1)
		panic("crash")
	}
}

func family(t testing.TB) (*kit.Family[int], *keeper) {
	sys := kittest.System(t)
	shared := &keeper{store: &sync.Map{}, alive: &sync.Map{}, twice: &atomic.Int64{}}
	f, err := kit.NewFamily(sys, "keepers", func(key int) *actor.Props {
		return sys.Props(func() actor.Actor {
			return &keeper{key: key, store: shared.store, alive: shared.alive, twice: shared.twice}
		})
	}, kit.Backoff{Min: time.Millisecond, Max: time.Millisecond, Retries: 100, Within: time.Minute})
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, sys, f.Root()) })
	return f, shared
}

func TestAFamilyLosesNoMessageWhileItsChildrenComeAndGo(t *testing.T) {
	f, shared := family(t)
	const clients, each, keys = 8, 500, 5
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := range each {
				ref := f.Ref((client + i) % keys)
				if i%7 == 0 {
					kit.Tell(ref, rest{})
				}
				if _, err := kit.Ask(t.Context(), ref, add{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	total := int64(0)
	shared.store.Range(func(_, v any) bool { total += v.(*atomic.Int64).Load(); return true })
	require.EqualValues(t, clients*each, total)
	require.Zero(t, shared.twice.Load(), "one key never has two children alive")
}

func TestAChildIsSpawnedByItsFirstMessageAndCounted(t *testing.T) {
	f, _ := family(t)
	require.Zero(t, f.Live())
	_, err := kit.Ask(t.Context(), f.Ref(1), add{})
	require.NoError(t, err)
	_, err = kit.Ask(t.Context(), f.Ref(2), add{})
	require.NoError(t, err)
	require.Equal(t, 2, f.Live())
	kit.Tell(f.Ref(1), rest{})
	require.Eventually(t, func() bool { return f.Live() == 1 }, 5*time.Second, time.Millisecond)
}

func TestAFamilyThatStopsAnswersEveryone(t *testing.T) {
	sys := kittest.System(t)
	f, err := kit.NewFamily(sys, "keepers", func(int) *actor.Props { return sys.Props(func() actor.Actor { return &counter{} }) }, nil)
	require.NoError(t, err)
	release := hold(f.Ref(1))
	answers := make(chan error, 20)
	for range cap(answers) {
		go func() {
			_, err := kit.Ask(t.Context(), f.Ref(1), add{})
			answers <- err
		}()
	}
	time.AfterFunc(20*time.Millisecond, release)
	kittest.Stop(t, sys, f.Root())
	for range cap(answers) {
		<-answers
	}
}

func BenchmarkAskThroughAFamily(b *testing.B) {
	f, _ := family(b)
	for b.Loop() {
		if _, err := kit.Ask(b.Context(), f.Ref(1), add{}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestIdleChildrenEndAndLoseNothing(t *testing.T) {
	sys := kittest.System(t)
	shared := &keeper{store: &sync.Map{}, alive: &sync.Map{}, twice: &atomic.Int64{}}
	f, err := kit.NewFamily(sys, "keepers", func(key int) *actor.Props {
		return sys.Props(func() actor.Actor {
			return &keeper{key: key, store: shared.store, alive: shared.alive, twice: shared.twice}
		})
	}, kittest.Never, kit.IdleAfter(2*time.Millisecond))
	require.NoError(t, err)
	for n := 1; n <= 300; n++ {
		got, err := kit.Ask(t.Context(), f.Ref(1), add{})
		require.NoError(t, err)
		require.Equal(t, n, got)
		if n%100 == 0 {
			require.Eventually(t, func() bool { return f.Live() == 0 }, 10*time.Second, time.Millisecond)
		}
	}
	require.Zero(t, shared.twice.Load())
	kittest.Stop(t, sys, f.Root())
}
