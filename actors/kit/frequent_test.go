package kit_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
)

// relay puts what it is sent aside, and hands it on when it is told to go.
type relay struct {
	to   kit.Ref
	held []kit.Held
}

type letter struct{ n int }

func (a *relay) Receive(c actor.Context) {
	switch c.Message().(type) {
	case letter:
		a.held = append(a.held, kit.Hold(c))
	case bump:
		for _, h := range a.held {
			h.Resume(c)
			kit.TellFrom(c, a.to, h.Message)
		}
	}
}

// reader notes what it is sent, and in which trace.
type reader struct {
	mu     sync.Mutex
	got    []int
	traces []trace.TraceID
	done   chan struct{}
	want   int
}

func (a *reader) Receive(c actor.Context) {
	m, ok := c.Message().(letter)
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.got = append(a.got, m.n)
	a.traces = append(a.traces, trace.SpanContextFromContext(kit.TraceContext(c)).TraceID())
	if len(a.got) == a.want {
		close(a.done)
	}
}

func TestFrequentActorsTakeEverythingInOrder(t *testing.T) {
	sys := kittest.System(t)
	const senders, each = 100, 50
	var readers []*reader
	var wg sync.WaitGroup
	for i := range senders { // more actors than goroutines are kept
		r := &reader{done: make(chan struct{}), want: each}
		readers = append(readers, r)
		ref, err := sys.Spawn("reader-"+string(rune('A'+i)), sys.Props(func() actor.Actor { return r }, kit.Frequent()), kittest.Never)
		require.NoError(t, err)
		t.Cleanup(func() { kittest.Stop(t, sys, ref) })
		wg.Go(func() {
			for n := range each {
				kit.Tell(ref, letter{n})
			}
		})
	}
	wg.Wait()
	for _, r := range readers {
		<-r.done
		require.True(t, slices.IsSorted(r.got))
	}
}

func TestWhatWaitsKeepsItsTrace(t *testing.T) {
	sys := kittest.System(t)
	r := &reader{done: make(chan struct{}), want: 3}
	to, err := sys.Spawn("reader", sys.Props(func() actor.Actor { return r }), kittest.Never)
	require.NoError(t, err)
	from, err := sys.Spawn("relay", sys.Props(func() actor.Actor { return &relay{to: to} }), kittest.Never)
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, sys, from, to) })
	want := []trace.TraceID{{1}, {2}, {}}
	for n, id := range want {
		ctx := t.Context()
		if id.IsValid() {
			ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{9}}))
		}
		kit.TellContext(ctx, from, letter{n})
	}
	kit.Tell(from, bump{})
	<-r.done
	require.Equal(t, want, r.traces)
}
