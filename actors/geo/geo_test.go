package geo_test

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"galaxy/backend/actors/geo"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
)

type counts struct {
	mu     sync.Mutex
	away   bool
	stores []map[galaxy.CountryKey]int64
}

func (c *counts) CountCountries(_ context.Context, all map[galaxy.CountryKey]int64, _ time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away {
		c.away = false
		return errors.New("away")
	}
	c.stores = append(c.stores, maps.Clone(all))
	return nil
}

func start(t *testing.T, c *counts, interval time.Duration) (*kit.System, kit.Ref, *geo.Counter) {
	sys, counter := kittest.System(t), geo.NewCounter()
	ref, err := geo.Start(sys, geo.Deps{Config: geo.Config{Interval: interval}, Counter: counter, Store: c, Now: time.Now, Log: zap.NewNop(), Country: func(a netip.Addr) string {
		switch {
		case a == netip.MustParseAddr("192.0.2.1"), a == netip.MustParseAddr("192.0.2.2"):
			return "DE"
		case a == netip.MustParseAddr("2001:db8::1"):
			return "FR"
		}
		return ""
	}}, kittest.Never)
	require.NoError(t, err)
	return sys, ref, counter
}

func TestACleanStopLosesNothing(t *testing.T) {
	c := &counts{}
	sys, ref, counter := start(t, c, time.Hour)
	ann := galaxy.UserID{UUID: galaxy.NewID()}
	for range 100 {
		for _, a := range []string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "203.0.113.1"} {
			counter.Request(ann, netip.MustParseAddr(a))
		}
	}
	counter.Request(ann, netip.Addr{})
	kittest.Stop(t, sys, ref)
	require.Equal(t, []map[galaxy.CountryKey]int64{{{User: ann, Country: "DE"}: 200, {User: ann, Country: "FR"}: 100}}, c.stores, "one statement for all, and nothing for an address without a country")
}

func TestWhatCouldNotBeStoredIsStoredLater(t *testing.T) {
	c := &counts{away: true}
	sys, ref, counter := start(t, c, 10*time.Millisecond)
	ann := galaxy.UserID{UUID: galaxy.NewID()}
	for range 10 {
		counter.Request(ann, netip.MustParseAddr("192.0.2.1"))
	}
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.stores) > 0
	}, 10*time.Second, time.Millisecond)
	kittest.Stop(t, sys, ref)
	var sum int64
	for _, s := range c.stores {
		sum += s[galaxy.CountryKey{User: ann, Country: "DE"}]
	}
	require.EqualValues(t, 10, sum)
}
