package geoip_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"galaxy/backend/internal/geoip"
	"galaxy/backend/internal/geoip/geoiptest"
)

func TestAnAddressHasItsCountryOrNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "country.mmdb")
	require.NoError(t, geoiptest.Write(path))
	db, err := geoip.Open(geoip.Config{Path: path}, noop.Meter{})
	require.NoError(t, err)
	defer db.Close()
	for addr, want := range map[string]string{"127.0.0.1": "DE", "::ffff:203.0.113.9": "BR", "2001:db8::1": "FR", "8.8.8.8": ""} {
		require.Equal(t, want, db.Country(netip.MustParseAddr(addr)), addr)
	}
	require.Empty(t, db.Country(netip.Addr{}))
}

func TestAMissingOrBrokenDatabaseIsAnError(t *testing.T) {
	_, err := geoip.Open(geoip.Config{Path: "/nowhere.mmdb"}, noop.Meter{})
	require.ErrorContains(t, err, "BACKEND_GEOIP_DB_PATH")
	broken := filepath.Join(t.TempDir(), "broken.mmdb")
	require.NoError(t, os.WriteFile(broken, []byte("no database"), 0o644))
	_, err = geoip.Open(geoip.Config{Path: broken}, noop.Meter{})
	require.Error(t, err)
}
