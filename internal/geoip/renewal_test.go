package geoip_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"galaxy/backend/internal/geoip"
	"galaxy/backend/internal/geoip/geoiptest"
)

const eventually, tick = 15 * time.Second, 10 * time.Millisecond

var somewhere = netip.MustParseAddr("203.0.113.9")

// large makes a database that is not small, in which somewhere is in that country.
func large(country string) map[string]string {
	all := map[string]string{"203.0.113.0/24": country}
	for i := range 200 {
		for j := range 4 {
			network := netip.AddrFrom4([4]byte{11, byte(i), byte(64 * j), 0}).String() + "/24"
			all[network] = string([]byte{'A' + byte(i%26), 'A' + byte(j)})
		}
	}
	return all
}

func followed(t *testing.T, countries map[string]string) (path string, db *geoip.DB, logs *observer.ObservedLogs) {
	path = filepath.Join(t.TempDir(), "country.mmdb")
	require.NoError(t, geoiptest.WriteCountries(path, countries))
	db, err := geoip.Open(geoip.Config{Path: path}, noop.Meter{})
	require.NoError(t, err)
	core, logs := observer.New(zapcore.InfoLevel)
	db.Follow(zap.New(core))
	t.Cleanup(func() { _ = db.Close() })
	return path, db, logs
}

func rename(t *testing.T, path string, countries map[string]string) {
	require.NoError(t, geoiptest.WriteCountries(path+".new", countries))
	require.NoError(t, os.Rename(path+".new", path))
}

// TestANewerDatabaseIsUsedWhileAddressesAreLookedUp: by a rename, and by a copy over it, which shortens the file
// meanwhile.
func TestANewerDatabaseIsUsedWhileAddressesAreLookedUp(t *testing.T) {
	path, db, logs := followed(t, large("BR"))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					if country := db.Country(somewhere); !strings.Contains("BR SE JP", country) || country == "" {
						t.Errorf("looked up %q", country)
						return
					}
				}
			}
		})
	}
	rename(t, path, large("SE"))
	require.Eventually(t, func() bool { return db.Country(somewhere) == "SE" }, eventually, tick)
	require.NoError(t, geoiptest.WriteCountries(path, map[string]string{"203.0.113.0/24": "JP"}))
	require.Eventually(t, func() bool { return db.Country(somewhere) == "JP" }, eventually, tick)
	close(done)
	wg.Wait()
	require.Zero(t, logs.FilterLevelExact(zapcore.ErrorLevel).Len())
	require.Equal(t, 2, logs.FilterMessageSnippet("was replaced").Len())
}

func TestABrokenDatabaseDoesNotTakeThePlaceOfAGoodOne(t *testing.T) {
	path, db, logs := followed(t, large("BR"))
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	errors := func() int { return logs.FilterLevelExact(zapcore.ErrorLevel).Len() }
	for n, broken := range [][]byte{good[:len(good)/2], []byte("no database"), nil} {
		require.NoError(t, os.WriteFile(path, broken, 0o644))
		require.Eventually(t, func() bool { return errors() == n+1 }, eventually, tick)
		require.Equal(t, "BR", db.Country(somewhere))
	}
	require.NoError(t, os.Remove(path))
	require.Eventually(t, func() bool { return errors() == 4 }, eventually, tick)
	require.Equal(t, "BR", db.Country(somewhere))
	rename(t, path, large("SE"))
	require.Eventually(t, func() bool { return db.Country(somewhere) == "SE" }, eventually, tick)
	require.Equal(t, 4, errors())
}
