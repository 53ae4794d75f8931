package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// Config bounds the work on engines.
type Config struct {
	Driver          string        `env:"BACKEND_RUNTIME_DRIVER" envDefault:"docker" help:"What engines run as: docker, or process for machines without a Docker daemon."`
	StateRoot       string        `env:"BACKEND_GAME_STATE_ROOT,required,notEmpty" help:"Host directory that holds a state directory per game."`
	WorkerPool      int           `env:"BACKEND_RUNTIME_WORKER_POOL_SIZE" envDefault:"4" help:"Containers that are created, started, stopped or removed at once."`
	JobQueue        int           `env:"BACKEND_RUNTIME_JOB_QUEUE_SIZE" envDefault:"64" help:"Container jobs that wait for a worker; more wait with their game."`
	StopGrace       time.Duration `env:"BACKEND_RUNTIME_STOP_GRACE_PERIOD" envDefault:"10s" help:"How long an engine has to end before it is killed."`
	StartTimeout    time.Duration `env:"BACKEND_RUNTIME_START_TIMEOUT" envDefault:"10m" help:"How long a game may take to start before the start has failed. Does not run while Docker is unknown."`
	GenerationLimit time.Duration `env:"BACKEND_RUNTIME_GENERATION_LIMIT" envDefault:"15m" help:"How long an engine may take to make a turn."`
	TurnConcurrency int           `env:"BACKEND_RUNTIME_TURN_CONCURRENCY" envDefault:"64" help:"Turns that are asked for at once; one unanswered for 5 s no longer counts."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	var problems []error
	if c.Driver != "docker" && c.Driver != "process" {
		problems = append(problems, errors.New("BACKEND_RUNTIME_DRIVER must be docker or process"))
	}
	if c.WorkerPool < 1 {
		problems = append(problems, errors.New("BACKEND_RUNTIME_WORKER_POOL_SIZE must be at least 1"))
	}
	if c.JobQueue < 1 {
		problems = append(problems, errors.New("BACKEND_RUNTIME_JOB_QUEUE_SIZE must be at least 1"))
	}
	if c.StopGrace < 0 {
		problems = append(problems, errors.New("BACKEND_RUNTIME_STOP_GRACE_PERIOD must not be negative"))
	}
	if c.StartTimeout <= 0 {
		problems = append(problems, errors.New("BACKEND_RUNTIME_START_TIMEOUT must be positive"))
	}
	if c.GenerationLimit <= 0 {
		problems = append(problems, errors.New("BACKEND_RUNTIME_GENERATION_LIMIT must be positive"))
	}
	if c.TurnConcurrency < 1 {
		problems = append(problems, errors.New("BACKEND_RUNTIME_TURN_CONCURRENCY must be at least 1"))
	}
	return errors.Join(problems...)
}

// Containers runs engines.
type Containers interface {
	Ensure(ctx context.Context, spec galaxy.ContainerSpec) (galaxy.Container, error)
	Inspect(ctx context.Context, game galaxy.GameID) (galaxy.Container, error)
	Stop(ctx context.Context, game galaxy.GameID, grace time.Duration) error
	SetAside(ctx context.Context, game galaxy.GameID, grace time.Duration) error
	Remove(ctx context.Context, game galaxy.GameID) error
	Logs(ctx context.Context, game galaxy.GameID, tail int) (string, error)
	CopyState(ctx context.Context, game galaxy.GameID, label string) error
	RestoreState(ctx context.Context, game galaxy.GameID, label string) error
	DropState(ctx context.Context, game galaxy.GameID, label string) error
	// Copied reports whether there is a copy of the game's state by that label.
	Copied(ctx context.Context, game galaxy.GameID, label string) (bool, error)
}

// Client calls engines.
type Client interface {
	Healthz(ctx context.Context, address string) error
	Status(ctx context.Context, address string) (galaxy.EngineStatus, error)
	Init(ctx context.Context, address string, in galaxy.EngineInit) (galaxy.EngineStatus, error)
	Turn(ctx context.Context, address string, game galaxy.GameID, expected *int) (galaxy.EngineStatus, error)
	Banish(ctx context.Context, address string, game galaxy.GameID, race string) error
	PutOrders(ctx context.Context, address string, w galaxy.OrderWrite) (galaxy.OrderResult, error)
	PutBatch(ctx context.Context, address string, w galaxy.BatchWrite) (galaxy.OrderResult, error)
	Orders(ctx context.Context, address, race string, turn int) (galaxy.OrderList, error)
	Report(ctx context.Context, address, race string, turn int) (json.RawMessage, error)
}

// Deps are what all engines share.
type Deps struct {
	Config     Config
	Containers Containers
	Client     Client
	Log        *zap.Logger
	// Pace is how often things are looked at.
	Pace Pace
	// Serving reports whether this backend serves the database right now: one that no longer does writes nothing to an engine and
	// changes no container. nil: it always does.
	Serving func() bool

	workers, turns, fetches *gate
	lives                   *atomic.Uint64
	ops, probes             metric.Int64Counter
}

// Pace is how often things are looked at, and how long they may take to come up.
type Pace struct {
	Probe  time.Duration // of a healthy engine
	Retry  time.Duration // of what the daemon did not answer
	Settle time.Duration // between looks at an engine that makes a turn
	Health time.Duration // the longest a started engine may take to answer
	// Place is how long work on a container holds its place among what is done at once. What takes longer, such as a pull from a
	// registry that hangs, keeps no other game waiting. 0: that of DefaultPace.
	Place time.Duration
	// Restarts is how a failing engine is met; one that is given up pauses its game.
	Restarts kit.Backoff
}

// DefaultPace is that of the service.
var DefaultPace = Pace{Probe: 15 * time.Second, Retry: 5 * time.Second, Settle: time.Second, Health: 30 * time.Second, Place: 30 * time.Second,
	Restarts: kit.Backoff{Min: time.Second, Max: time.Minute, Retries: 4, Within: 10 * time.Minute}}

// New completes what all engines share.
func New(d Deps, meter metric.Meter) (*Deps, error) {
	var err error
	if d.ops, err = meter.Int64Counter("runtime_container_ops", metric.WithDescription("Work on containers, by kind and outcome.")); err != nil {
		return nil, err
	}
	if d.probes, err = meter.Int64Counter("runtime_health_probes", metric.WithDescription("Health probes of engines, by outcome.")); err != nil {
		return nil, err
	}
	d.Pace.Place = cmp.Or(d.Pace.Place, DefaultPace.Place)
	d.workers = newGate(d.Config.WorkerPool, d.Config.JobQueue)
	d.fetches = newGate(fetchingAtOnce, math.MaxInt)
	d.turns = newGate(d.Config.TurnConcurrency, math.MaxInt)
	d.lives = &atomic.Uint64{}
	if d.Serving == nil {
		d.Serving = func() bool { return true }
	}
	return &d, nil
}

// Spec says which engine an actor drives.
type Spec struct {
	Serial uint64 // names this use of the engine in what its game is told
	Game   galaxy.GameID
	galaxy.Pin
	Writer string // version of the engine that has written the state last
	Copy   string // label of the copy of the state that is made before the pin is first started on it; empty: none is
	Turn   int    // last recorded one; galaxy.NoTurn allows init
	Races  []string
	// StateSince is when the game first had a state; zero when it had none.
	StateSince time.Time
	// Since is when that which the engine is wanted for came due: who has waited longest is served first.
	Since time.Time
	// Up brings the engine up; without it the actor only stops or removes one.
	Up bool
	// Afresh has a running container ended first: it is to be restarted, or a call that an earlier backend has sent to it may
	// still arrive.
	Afresh bool
	// Making: a turn is claimed, so that an engine which is found making one is left to it. Otherwise nobody waits for that turn, and
	// an engine that does not end it soon is started afresh, for it takes no orders until then.
	Making bool
	// Patch, when set, is done before the engine is brought up.
	Patch *Patch
	// Address is where the engine has answered last; empty when nobody knows.
	Address string
}

// Patch moves an engine to another version, if that shows the same turn and digest.
type Patch struct {
	Number int64
	Label  string // of the copy of the state
	To     galaxy.Pin
	Turn   int
	Digest string
}
