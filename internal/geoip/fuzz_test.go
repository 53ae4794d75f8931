package geoip

import (
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"galaxy/backend/internal/geoip/geoiptest"
)

// FuzzCountry: every address has a country of two letters, or none; also one that is none.
func FuzzCountry(f *testing.F) {
	path := filepath.Join(f.TempDir(), "country.mmdb")
	require.NoError(f, geoiptest.Write(path))
	db, err := Open(Config{Path: path}, noop.Meter{})
	require.NoError(f, err)
	f.Cleanup(func() { _ = db.Close() })
	for _, s := range []string{"", "127.0.0.1", "::1", "::ffff:10.0.0.1", "fe80::1%eth0", "2001:db8::",
		"255.255.255.255", "nonsense"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		addr, _ := netip.ParseAddr(s)
		require.Contains(t, []int{0, 2}, len(db.Country(addr)))
	})
}
