package http

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhoAsksTooMuchHasToWait(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	t.Run("rate", func(t *testing.T) {
		th, err := newThrottle[string](2, 3, 0)
		require.NoError(t, err)
		for range 3 {
			b, _ := th.enter("ann", now)
			require.NotNil(t, b)
			b.leave()
		}
		b, wait := th.enter("ann", now)
		require.Nil(t, b)
		require.Equal(t, 500*time.Millisecond, wait)
		b, _ = th.enter("bob", now)
		require.NotNil(t, b, "nobody else is held back")
		b, _ = th.enter("ann", now.Add(wait))
		require.NotNil(t, b, "and it is enough to wait as told")
	})
	t.Run("concurrency", func(t *testing.T) {
		th, err := newThrottle[string](0, 0, 2)
		require.NoError(t, err)
		first, _ := th.enter("ann", now)
		_, _ = th.enter("ann", now)
		b, wait := th.enter("ann", now)
		require.Nil(t, b)
		require.Positive(t, wait)
		first.leave()
		b, _ = th.enter("ann", now)
		require.NotNil(t, b)
	})
	t.Run("no limit", func(t *testing.T) {
		th, err := newThrottle[string](0, 0, 0)
		require.NoError(t, err)
		require.Nil(t, th)
	})
	t.Run("concurrency alone", func(t *testing.T) {
		th, err := newThrottle[string](0, 0, 1)
		require.NoError(t, err)
		for range 10_000 {
			b, _ := th.enter("ann", now)
			require.NotNil(t, b, "there is no rate")
			b.leave()
		}
	})
}

func TestSourcesOfIPv6AreSubscribers(t *testing.T) {
	require.Equal(t, sourceKey(netip.MustParseAddr("2001:db8::1")), sourceKey(netip.MustParseAddr("2001:db8::ffff")))
	require.NotEqual(t, sourceKey(netip.MustParseAddr("2001:db8::1")), sourceKey(netip.MustParseAddr("2001:db8:0:1::1")))
	require.NotEqual(t, sourceKey(netip.MustParseAddr("192.0.2.1")), sourceKey(netip.MustParseAddr("192.0.2.2")))
}

func TestLimitsThatAreNone(t *testing.T) {
	require.NoError(t, LimitConfig{}.Validate())
	require.Error(t, LimitConfig{UserRate: -1}.Validate())
	require.Error(t, LimitConfig{SourceRate: 1}.Validate(), "a rate without a burst lets nothing in")
	require.Error(t, LimitConfig{SourceConcurrency: -1}.Validate())
}
