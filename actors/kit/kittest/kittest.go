// Package kittest is what tests of actors need.
package kittest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
)

// System is an actor system without a log.
func System(t testing.TB, opts ...kit.SystemOption) *kit.System {
	t.Helper()
	return kit.NewSystem(zap.NewNop(), noop.NewTracerProvider().Tracer(""), opts...)
}

// Stop ends actors in order and fails the test when they do not end within ten seconds.
func Stop(t testing.TB, sys *kit.System, refs ...kit.Ref) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := sys.Stop(ctx, refs...); err != nil {
		t.Error(err)
		for _, s := range sys.Stats() {
			t.Errorf("still there: %+v, %+v", s, s.Failure)
		}
	}
}

// Never is a strategy for roots of tests that must not fail: the failing actor is stopped.
var Never = kit.Backoff{Min: time.Millisecond, Max: time.Millisecond, Retries: 0, Within: time.Minute}

// Probe is an actor that keeps what it is sent.
type Probe struct {
	Ref kit.Ref

	mu   sync.Mutex
	got  []any
	more chan struct{}
}

// NewProbe starts a probe that ends with the test.
func NewProbe(t testing.TB, sys *kit.System) *Probe {
	t.Helper()
	p := &Probe{more: make(chan struct{}, 1)}
	ref, err := sys.Spawn("probe-"+t.Name()+time.Now().Format("150405.000000000"), sys.Props(func() actor.Actor { return p }), Never)
	if err != nil {
		t.Fatal(err)
	}
	p.Ref = ref
	t.Cleanup(func() { Stop(t, sys, ref) })
	return p
}

// Receive keeps every message that is not the system's own.
func (p *Probe) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case actor.SystemMessage, actor.AutoReceiveMessage:
	default:
		p.mu.Lock()
		p.got = append(p.got, m)
		p.mu.Unlock()
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
}

// Await gives the first message of type M that the probe was sent and that nobody awaited before; the test fails
// when none comes within ten seconds.
func Await[M any](t testing.TB, p *Probe) M {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		p.mu.Lock()
		for i, m := range p.got {
			if v, ok := m.(M); ok {
				p.got = append(p.got[:i:i], p.got[i+1:]...)
				p.mu.Unlock()
				return v
			}
		}
		p.mu.Unlock()
		select {
		case <-p.more:
		case <-timeout:
			var zero M
			t.Fatalf("the probe was sent no %T", zero)
			return zero
		}
	}
}
