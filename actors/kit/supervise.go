package kit

import (
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
)

// Backoff restarts a failing child after Min, 2·Min, … up to Max, each with jitter between half and the whole of it,
// and stops the child for good after more than Retries failures within Within. It is a value: equal ones are one.
type Backoff struct {
	Min, Max time.Duration
	Retries  int
	Within   time.Duration
}

// HandleFailure decides what becomes of child. It counts failures by the system's clock, which protoactor's own
// statistics do not know; for that the child must be one of System.Props.
func (b Backoff) HandleFailure(sys *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, failure any) {
	n, restart := 1, func() { sup.RestartChildren(child) }
	f, known := failure.(*Failure)
	if known {
		n, restart = f.recent(b.Within), func() { f.of.restart(f) }
	}
	if n > b.Retries {
		f.report(child, zap.Int("failures", n), zap.Int("allowed", b.Retries), zap.String("supervision", "gives up"))
		sys.EventStream.Publish(&actor.SupervisorEvent{Child: child, Reason: reason, Directive: actor.StopDirective})
		sup.StopChildren(child)
		return
	}
	wait := b.Wait(n)
	f.report(child, zap.Int("failures", n), zap.Int("allowed", b.Retries), zap.String("supervision", "restarts"),
		zap.Duration("after", wait))
	sys.EventStream.Publish(&actor.SupervisorEvent{Child: child, Reason: reason, Directive: actor.RestartDirective})
	systemOf(sys).clock.AfterFunc(wait, restart)
}

// Delay is how long the n-th failure (from 1) waits for its restart, before jitter.
func (b Backoff) Delay(n int) time.Duration {
	d := b.Min << min(n-1, 20)
	if d <= 0 || d > b.Max {
		return b.Max
	}
	return d
}

// Wait is Delay with jitter: between half of it and the whole.
func (b Backoff) Wait(n int) time.Duration {
	d := b.Delay(n)
	return d/2 + rand.N(d/2+1)
}
