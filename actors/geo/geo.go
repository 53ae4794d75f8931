package geo

import (
	"context"
	"errors"
	"net/netip"
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
	Config Config
	Store  Store
	// Country of an address; empty when it has none.
	Country func(netip.Addr) string
	Now     func() time.Time
	Log     *zap.Logger
}

// origin is what requests are collected by until they are stored.
type origin struct {
	user   galaxy.UserID
	source netip.Addr
}

// Request tells of a player's request that came from source.
func Request(to kit.Ref, user galaxy.UserID, source netip.Addr) {
	kit.Tell(to, kit.Put[origin, int64]{Key: origin{user, source}, Value: 1})
}

// Start starts the counting.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (kit.Ref, error) {
	return kit.Batch[origin, int64]{Name: "geo", Interval: d.Config.Interval, Options: []kit.Option{kit.Frequent()},
		Merge: func(waiting, told int64) int64 { return waiting + told },
		Store: d.store,
		Failed: func(err error, n int) {
			d.Log.Warn("requests by country could not be stored; it is tried again", zap.Int("origins", n), zap.Error(err))
		}}.Start(sys, strategy)
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
