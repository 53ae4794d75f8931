package reconciler

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.opentelemetry.io/otel/metric"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// shared is what all incarnations have in common.
type shared struct {
	Deps
	numbers        atomic.Uint64 // of jobs
	free, orphaned metric.Int64Gauge
}

type reconciler struct {
	*shared
	timers kit.Timers

	stream job
	begun  time.Time // when the stream was
	breaks int       // of the stream, in a row

	ends    map[galaxy.GameID]galaxy.ContainerState // that no game was told of yet
	looking job

	comparing job
	again     bool // something calls for another comparison once this one is over
	away      bool // the newest comparison has failed
	complete  bool // a comparison has succeeded
	orphans   []galaxy.Orphan
	askers    kit.Stash // for orphans, before the first comparison

	measuring, alerting job
	clearing            job
	spell, told         string // of too little space: the one that lasts, and the newest that operators were told of

	readers map[uint64]reader // of logs, by the number of the job
}

// reader waits for logs.
type reader struct {
	asker *actor.PID
	job   job
}

// Start starts the reconciler.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (kit.Ref, error) {
	d.ClearAfter = cmp.Or(d.ClearAfter, clearAfter)
	d.Rewatch = cmp.Or(d.Rewatch, kit.Backoff{Min: time.Second, Max: 30 * time.Second})
	s := &shared{Deps: d}
	var err error
	if s.free, err = d.Meter.Int64Gauge("runtime_state_free", metric.WithUnit("By"), metric.WithDescription("Free space below the state root.")); err != nil {
		return kit.Ref{}, err
	}
	orphans := metric.WithDescription("Containers of no game.")
	if s.orphaned, err = d.Meter.Int64Gauge("runtime_orphans", orphans); err != nil {
		return kit.Ref{}, err
	}
	return sys.Spawn("reconciler", sys.Props(func() actor.Actor {
		return &reconciler{shared: s, ends: map[galaxy.GameID]galaxy.ContainerState{}, readers: map[uint64]reader{}}
	}, kit.Kind("reconciler")), strategy)
}

// The names of the timers.
const (
	rewatch  = "rewatch"
	compare  = "compare"
	measure  = "measure"
	clearing = "clear"
)

// Receive hands each message to its topic.
func (r *reconciler) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		r.watch(c)
		r.measure(c)
		r.timers.Start(c, clearing, r.ClearAfter)
	case watching:
		r.compare(c)
	case galaxy.ContainerEvent:
		r.onEvent(c, m)
	case Orphans:
		r.onOrphans(c)
	case Logs:
		r.onLogs(c, m)
	case done[broken]:
		r.onBroken(c, m)
	case done[lookedUp]:
		r.onLookedUp(c, m)
	case done[compared]:
		r.onCompared(c, m)
	case done[measured]:
		r.onMeasured(c, m)
	case done[alerted]:
		r.onAlerted(m)
	case done[cleared]:
		r.onCleared(c, m)
	case done[read]:
		r.onRead(c, m)
	case kit.Tick:
		r.onTick(c, m)
	case *actor.Restarting:
		r.end(c, kit.ErrRestarting)
	case *actor.Stopping:
		r.end(c, kit.ErrStopping)
	}
}

func (r *reconciler) onTick(c actor.Context, m kit.Tick) {
	if !r.timers.Fired(m) {
		return
	}
	switch m.Name {
	case rewatch:
		r.watch(c)
	case compare:
		r.compare(c)
	case measure:
		r.measure(c)
	case clearing:
		r.clear(c)
	}
}

// end gives up what is under way and answers who waits.
func (r *reconciler) end(c actor.Context, why error) {
	r.timers.CancelAll()
	for _, j := range []job{r.stream, r.looking, r.comparing, r.measuring, r.alerting, r.clearing} {
		j.giveUp()
	}
	for _, w := range r.readers {
		w.job.giveUp()
		kit.ReplyTo(c, w.asker, nil, why)
	}
	r.askers.Refuse(c, why)
}

// job is work outside of the mailbox. The zero job is none.
type job struct {
	number uint64
	cancel context.CancelFunc
}

func (j job) running() bool { return j.number != 0 }

func (j job) giveUp() {
	if j.running() {
		j.cancel()
	}
}

// over reports whether it is j that has come to its end, and forgets it.
func (j *job) over(number uint64) bool {
	ours := j.number == number
	if ours {
		*j = job{}
	}
	return ours
}

// begin has work done outside of the mailbox. It must not touch the actor.
func begin[T any](c actor.Context, s *shared, timeout time.Duration, work func(context.Context) (T, error)) job {
	number := s.numbers.Add(1)
	return job{number, kit.Job(c, timeout, func(ctx context.Context) any {
		v, err := work(ctx)
		return done[T]{number, v, err}
	}, func(err error) any { return done[T]{number: number, err: err} })}
}

// answerable gives what an asker is told of a driver's failure.
func answerable(err error) error {
	if obstacle := galaxy.Obstacle(err); obstacle != "" {
		return galaxy.Errorf(galaxy.ServiceUnavailable, "%s; try again when that has passed", obstacle).Because(err)
	}
	if errors.Is(err, galaxy.ErrDriverUnknown) {
		return galaxy.Errorf(galaxy.ServiceUnavailable, "the container daemon does not answer; try again when it does").Because(err)
	}
	return err
}
