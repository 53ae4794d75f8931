package auth

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"galaxy/backend/galaxy"
)

// day is what an address's codes and failures are counted over.
const day = 24 * time.Hour

// limits are those that addresses share: per source network and in total, in memory, so that a restart begins anew.
// Whoever meets one is answered as if there were none.
type limits struct {
	conf Config
	now  func() time.Time
	log  *zap.Logger
	hits metric.Int64Counter

	mu       sync.Mutex
	total    *rate.Limiter
	codes    *simplelru.LRU[netip.Prefix, *rate.Limiter]
	failures *simplelru.LRU[netip.Prefix, *rate.Limiter]
}

// keptNetworks is how many source networks are remembered.
const keptNetworks = 1 << 14

func newLimits(d Deps) (*limits, error) {
	hits, err := d.Meter.Int64Counter("auth_limited", metric.WithDescription("Sign-in requests that a limit kept without effect, by limit."))
	if err != nil {
		return nil, err
	}
	l := &limits{conf: d.Config, now: d.Now, log: d.Log, hits: hits, total: hourly(d.Config.TotalCodes)}
	if l.codes, err = simplelru.NewLRU[netip.Prefix, *rate.Limiter](keptNetworks, nil); err != nil {
		return nil, err
	}
	l.failures, err = simplelru.NewLRU[netip.Prefix, *rate.Limiter](keptNetworks, nil)
	return l, err
}

// hourly allows n an hour, all of them at once if need be; 0 allows everything.
func hourly(n int) *rate.Limiter {
	if n == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(float64(n)/time.Hour.Seconds()), n)
}

// network is what shares a limit: a /24 of IPv4, a /48 of IPv6.
func network(a netip.Addr) netip.Prefix {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address: one network for all of those
	}
	return p
}

func limiter(of *simplelru.LRU[netip.Prefix, *rate.Limiter], source netip.Addr, n int) *rate.Limiter {
	key := network(source)
	l, ok := of.Get(key)
	if !ok {
		l = hourly(n)
		of.Add(key, l)
	}
	return l
}

// mayMail takes one mail off the limits, unless one of them is reached.
func (l *limits) mayMail(ctx context.Context, source netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !limiter(l.codes, source, l.conf.NetworkCodes).AllowN(l.now(), 1) {
		return l.hit(ctx, "network_codes")
	}
	if !l.total.AllowN(l.now(), 1) {
		return l.hit(ctx, "total_codes")
	}
	return true
}

// mayTry reports whether a network may still try codes.
func (l *limits) mayTry(ctx context.Context, source netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := limiter(l.failures, source, l.conf.NetworkFailures)
	if of.Limit() == rate.Inf || of.TokensAt(l.now()) >= 1 {
		return true
	}
	return l.hit(ctx, "network_failures")
}

// failed counts a wrong code against its network.
func (l *limits) failed(source netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter(l.failures, source, l.conf.NetworkFailures).AllowN(l.now(), 1)
}

// hit counts and logs that a limit was reached. It names nobody.
func (l *limits) hit(ctx context.Context, limit string) bool {
	l.hits.Add(ctx, 1, metric.WithAttributes(attribute.String("limit", limit)))
	l.log.Warn("a limit of signing in was reached", zap.String("limit", limit))
	return false
}

// dailyCodes reports whether the address has had its mails of the day.
func (a *address) dailyCodes(now time.Time) bool {
	n := 0
	for _, ch := range a.recent {
		if now.Sub(ch.CreatedAt) < day {
			n++
		}
	}
	return a.Config.DailyCodes > 0 && n >= a.Config.DailyCodes
}

// dailyFailures reports whether codes of the address have been tried in vain too often in a day.
func (a *address) dailyFailures(now time.Time) bool {
	n := 0
	for _, ch := range a.recent {
		if now.Sub(ch.CreatedAt) < day {
			n += ch.Attempts
		}
	}
	return a.Config.DailyFailures > 0 && n >= a.Config.DailyFailures
}

func sameUser(a, b *galaxy.UserID) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}
