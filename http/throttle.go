package http

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"galaxy/backend/galaxy"
)

// LimitConfig bounds what one player, and one source of requests that nobody has signed in for, may ask.
type LimitConfig struct {
	UserRate          float64 `env:"BACKEND_LIMIT_USER_RATE" envDefault:"50" help:"Requests per second of one player, in the long run. 0: no limit."`
	UserBurst         int     `env:"BACKEND_LIMIT_USER_BURST" envDefault:"200" help:"Requests of one player at once."`
	UserConcurrency   int     `env:"BACKEND_LIMIT_USER_CONCURRENCY" envDefault:"32" help:"Requests of one player under way. 0: no limit."`
	SourceRate        float64 `env:"BACKEND_LIMIT_SOURCE_RATE" envDefault:"20" help:"Public requests per second from one address, in the long run. 0: no limit."`
	SourceBurst       int     `env:"BACKEND_LIMIT_SOURCE_BURST" envDefault:"200" help:"Public requests from one address at once."`
	SourceConcurrency int     `env:"BACKEND_LIMIT_SOURCE_CONCURRENCY" envDefault:"64" help:"Public requests from one address under way. 0: no limit."`
}

// Validate reports every problem of the settings.
func (c LimitConfig) Validate() error {
	var problems []error
	for _, limit := range []struct {
		name              string
		rate              float64
		burst, concurrent int
	}{{"USER", c.UserRate, c.UserBurst, c.UserConcurrency}, {"SOURCE", c.SourceRate, c.SourceBurst, c.SourceConcurrency}} {
		if limit.rate < 0 || limit.concurrent < 0 {
			problems = append(problems, fmt.Errorf("BACKEND_LIMIT_%s_RATE and _CONCURRENCY must not be negative", limit.name))
		}
		if limit.rate > 0 && limit.burst < 1 {
			problems = append(problems, fmt.Errorf("BACKEND_LIMIT_%s_BURST must be at least 1", limit.name))
		}
	}
	return errors.Join(problems...)
}

// shards spread the counting over as many locks; keptBuckets is how many players, and how many sources, each of them counts
// at a time. Who is forgotten begins anew.
const (
	shards      = 32
	keptBuckets = 1 << 11
)

// throttle counts requests by who makes them. A nil one holds nobody back.
type throttle[K comparable] struct {
	rate        rate.Limit
	burst       int
	concurrency int32
	seed        maphash.Seed
	shards      [shards]shard[K]
}

type shard[K comparable] struct {
	mu      sync.Mutex
	buckets *simplelru.LRU[K, *bucket]
}

type bucket struct {
	limiter *rate.Limiter
	running atomic.Int32
}

func newThrottle[K comparable](perSecond float64, burst, concurrency int) (*throttle[K], error) {
	if perSecond == 0 && concurrency == 0 {
		return nil, nil
	}
	t := &throttle[K]{rate: rate.Limit(perSecond), burst: burst, concurrency: int32(concurrency), seed: maphash.MakeSeed()}
	if perSecond == 0 {
		t.rate = rate.Inf
	}
	if concurrency == 0 {
		t.concurrency = math.MaxInt32
	}
	for i := range t.shards {
		var err error
		if t.shards[i].buckets, err = simplelru.NewLRU[K, *bucket](keptBuckets, nil); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *throttle[K]) bucket(who K) *bucket {
	s := &t.shards[maphash.Comparable(t.seed, who)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.buckets.Get(who)
	if !ok {
		b = &bucket{limiter: rate.NewLimiter(t.rate, t.burst)}
		s.buckets.Add(who, b)
	}
	return b
}

// enter lets a request in, until leave is called for its bucket; else it says how long to wait.
func (t *throttle[K]) enter(who K, now time.Time) (*bucket, time.Duration) {
	b := t.bucket(who)
	if b.running.Add(1) > t.concurrency {
		b.leave()
		return nil, time.Second
	}
	if !b.limiter.AllowN(now, 1) {
		b.leave()
		missing := 1 - b.limiter.TokensAt(now)
		return nil, time.Duration(missing / float64(t.rate) * float64(time.Second))
	}
	return b, 0
}

func (b *bucket) leave() { b.running.Add(-1) }

// pace holds back players, and on the public surface sources, that ask too much.
func (s *Server) pace(c *gin.Context) {
	switch groupOf(c.Request.URL.Path) {
	case groupUser:
		if v, ok := c.Get(userKey); ok {
			user, _ := v.(galaxy.UserID)
			paced(s, c, s.users, user)
		}
	case groupPublic:
		paced(s, c, s.sources, sourceKey(source(c)))
	}
}

// sourceKey is what requests are counted under: of IPv6, the network that one subscriber has.
func sourceKey(a netip.Addr) netip.Addr {
	if p, err := a.Prefix(64); err == nil && a.Is6() {
		return p.Addr()
	}
	return a
}

func paced[K comparable](s *Server, c *gin.Context, t *throttle[K], who K) {
	if t == nil {
		return
	}
	b, wait := t.enter(who, time.Now())
	if b == nil {
		s.fail(c, &galaxy.Error{Code: galaxy.TooManyRequests, Message: "too many requests; wait before the next one", RetryAfter: wait})
		return
	}
	defer b.leave()
	c.Next()
}
