package kit

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/extensions"
)

// Clock is where actors' time comes from. Like Go's own it has two sides: the wall clock's, which says what time it is
// and steps when somebody sets it, and one that only passes.
type Clock interface {
	// Now is what the wall clock shows.
	Now() time.Time
	// Elapsed is how much time has passed since some moment of the past. It never goes back.
	Elapsed() time.Duration
	// AfterFunc calls f in a goroutine of the clock's when d has passed, whatever the wall clock shows then.
	AfterFunc(d time.Duration, f func()) Stopper
}

// Stopper takes a call back that is still to come. It reports whether it was.
type Stopper interface{ Stop() bool }

// machine is the clock of the machine.
type machine struct{}

var began = time.Now()

func (machine) Now() time.Time         { return time.Now() }
func (machine) Elapsed() time.Duration { return time.Since(began) }

func (machine) AfterFunc(d time.Duration, f func()) Stopper { return time.AfterFunc(d, f) }

// SystemOption changes how a system runs.
type SystemOption func(*System)

// WithClock gives the system's actors their time; nil is the machine's clock, as without it.
func WithClock(c Clock) SystemOption {
	return func(s *System) {
		if c != nil {
			s.clock = c
		}
	}
}

// Now is the time of the system that an actor belongs to.
func Now(c actor.Context) time.Time { return clockOf(c).Now() }

var systemID = extensions.NextExtensionID()

// ExtensionID makes the system something that protoactor keeps with its own, so that actors find it.
func (*System) ExtensionID() extensions.ExtensionID { return systemID }

func systemOf(s *actor.ActorSystem) *System { return s.Extensions.Get(systemID).(*System) }

func clockOf(c actor.Context) Clock { return systemOf(c.ActorSystem()).clock }
