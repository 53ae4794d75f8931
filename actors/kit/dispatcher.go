package kit

import "sync/atomic"

// Frequent is for the few actors that are sent messages all the time. They run on goroutines that are used again, since
// the stack of a fresh one has to grow each time its actor wakes up.
func Frequent() Option { return func(o *options) { o.dispatcher = frequent } }

// reusing runs mailboxes on goroutines of its own. It implements protoactor's Dispatcher.
type reusing struct {
	work    chan func()
	workers atomic.Int64
}

// keptWorkers is how many goroutines wait for work at most.
const keptWorkers = 64

// throughput is how many messages an actor takes before others get a turn.
const throughput = 300

var frequent = &reusing{work: make(chan func())}

func (d *reusing) Throughput() int { return throughput }

func (d *reusing) Schedule(run func()) {
	select {
	case d.work <- run:
	default:
		go d.worker(run)
	}
}

func (d *reusing) worker(run func()) {
	defer d.workers.Add(-1)
	kept := d.workers.Add(1) <= keptWorkers
	for run(); kept; run() {
		run = <-d.work
	}
}
