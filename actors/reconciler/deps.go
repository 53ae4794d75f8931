package reconciler

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/docker/go-units"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// Config says how often containers are looked at, how long they are kept, and how much room there must be.
type Config struct {
	Interval  time.Duration `env:"BACKEND_RUNTIME_RECONCILE_INTERVAL" envDefault:"60s" help:"Interval between comparisons of the containers that there are with what is recorded of games. Ends of engines are noticed at once."`
	Retention time.Duration `env:"BACKEND_RUNTIME_CONTAINER_RETENTION" envDefault:"168h" help:"How long the container of a game that is over is kept. The state directory stays."`
	MinFree   Size          `env:"BACKEND_GAME_STATE_MIN_FREE" envDefault:"1GiB" help:"Least free space below BACKEND_GAME_STATE_ROOT; with less no new game is started, and operators are told. 0: no limit."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	var problems []error
	if c.Interval <= 0 {
		problems = append(problems, errors.New("BACKEND_RUNTIME_RECONCILE_INTERVAL must be positive"))
	}
	if c.Retention <= 0 {
		problems = append(problems, errors.New("BACKEND_RUNTIME_CONTAINER_RETENTION must be positive"))
	}
	if c.MinFree < 0 {
		problems = append(problems, errors.New("BACKEND_GAME_STATE_MIN_FREE must not be negative"))
	}
	return errors.Join(problems...)
}

// Size is a number of bytes, written like 512m or 1GiB.
type Size int64

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	n, err := units.RAMInBytes(string(text))
	*s = Size(n)
	return err
}

// String writes a size as people read it.
func (s Size) String() string { return units.BytesSize(float64(s)) }

// Containers are the engines that there are.
type Containers interface {
	List(ctx context.Context) ([]galaxy.Container, error)
	Inspect(ctx context.Context, game galaxy.GameID) (galaxy.Container, error)
	Logs(ctx context.Context, game galaxy.GameID, tail int) (string, error)
	// Watch tells of what happens to containers after it was called, until ctx is done. It fails with galaxy.ErrDriverUnknown
	// when it cannot know any more.
	Watch(ctx context.Context, tell func(galaxy.ContainerEvent)) error
	// FreeSpace gives the bytes that may still be written below the state root.
	FreeSpace(ctx context.Context) (int64, error)
}

// Store knows what is recorded.
type Store interface {
	Runtimes(ctx context.Context, ids []galaxy.GameID) (map[galaxy.GameID]galaxy.RuntimeStatus, error)
	LiveGames(ctx context.Context) ([]galaxy.GameID, error)
	RestingGames(ctx context.Context) ([]galaxy.GameID, error)
	EndedGames(ctx context.Context, before time.Time, limit int) ([]galaxy.GameID, error)
	Alert(ctx context.Context, at time.Time, n galaxy.Notice) error
}

// Disk is whether there is too little room for the state of another game. It outlives incarnations of the actor, and is read by
// everybody.
type Disk struct{ low atomic.Bool }

// Low reports whether there is too little room.
func (d *Disk) Low() bool { return d.low.Load() }

// Deps are what the reconciler needs.
type Deps struct {
	Config     Config
	Containers Containers
	Store      Store
	Disk       *Disk
	// Seen tells a game what was seen of its container, Wake has it look at what is due, CleanUp has it take its
	// container away, and Adopt has it take over a running container that it may have no use for.
	Seen    func(galaxy.Sighting)
	Wake    func(galaxy.GameID)
	CleanUp func(galaxy.GameID)
	Adopt   func(galaxy.Container)
	// WakeNotify tells the notice worker that notices were stored.
	WakeNotify func()
	Now        func() time.Time
	Log        *zap.Logger
	Meter      metric.Meter
	// States are cleared of what patches have left behind, by what Copies knows, while Serving reports that this
	// backend serves the database. nil: nothing is cleared.
	States  States
	Copies  Copies
	Serving func() bool
	// ClearAfter is how long after the start that is done; zero is that of the service.
	ClearAfter time.Duration
	// Rewatch is how long it waits before the stream of events is begun anew; zero is that of the service.
	Rewatch kit.Backoff
}
