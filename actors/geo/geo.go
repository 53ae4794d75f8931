package geo

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// Config says how often counts are stored.
type Config struct {
	Interval time.Duration `env:"BACKEND_GEO_FLUSH_INTERVAL" envDefault:"10s" help:"How often counts of players' requests by country are stored; a crash loses at most as much."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	if c.Interval <= 0 {
		return errors.New("BACKEND_GEO_FLUSH_INTERVAL must be positive")
	}
	return nil
}

// Store holds the counts.
type Store interface {
	CountCountries(ctx context.Context, counts map[galaxy.CountryKey]int64, at time.Time) error
}

// Deps are what counting needs.
type Deps struct {
	Config  Config
	Counter *Counter
	Store   Store
	// Country of an address; empty when it has none.
	Country func(netip.Addr) string
	Now     func() time.Time
	Log     *zap.Logger
}

// Counter collects requests until they are stored. Any goroutine may count; only the actor takes.
type Counter struct {
	mu      sync.Mutex
	waiting map[origin]int64
}

type origin struct {
	user   galaxy.UserID
	source netip.Addr
}

// NewCounter has counted nothing yet.
func NewCounter() *Counter { return &Counter{waiting: map[origin]int64{}} }

// Request counts a player's request that came from source.
func (c *Counter) Request(user galaxy.UserID, source netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[origin{user, source}]++
}

func (c *Counter) take() map[origin]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.waiting
	c.waiting = make(map[origin]int64, len(taken))
	return taken
}

// giveBack takes requests in again that could not be stored.
func (c *Counter) giveBack(taken map[origin]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for from, n := range taken {
		c.waiting[from] += n
	}
}

// counting stores what was collected, now and then.
type counting struct {
	Deps
	timers kit.Timers
}

// Start starts the storing of counts.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (kit.Ref, error) {
	return sys.Spawn("geo", sys.Props(func() actor.Actor { return &counting{Deps: d} }, kit.Kind("geo")), strategy)
}

const (
	flush        = "flush"
	flushTimeout = 5 * time.Second
)

// Receive stores at every interval, and what is left at a stop.
func (a *counting) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		a.timers.Start(c, flush, a.Config.Interval)
	case kit.Tick:
		if a.timers.Fired(m) {
			a.flush()
			a.timers.Start(c, flush, a.Config.Interval)
		}
	case *actor.Stopping:
		a.timers.CancelAll()
		a.flush()
	case *actor.Restarting:
		a.timers.CancelAll()
	}
}

func (a *counting) flush() {
	taken := a.Counter.take()
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := a.store(ctx, taken); err != nil {
		a.Counter.giveBack(taken)
		a.Log.Warn("requests by country could not be stored; it is tried again", zap.Int("origins", len(taken)), zap.Error(err))
	}
}

func (d Deps) store(ctx context.Context, all map[origin]int64) error {
	counts := map[galaxy.CountryKey]int64{}
	for from, n := range all {
		if country := d.Country(from.source); country != "" {
			counts[galaxy.CountryKey{User: from.user, Country: country}] += n
		}
	}
	if len(counts) == 0 {
		return nil
	}
	return d.Store.CountCountries(ctx, counts, d.Now())
}
