package test

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/internal/geoip/geoiptest"
	"galaxy/backend/internal/renewal/renewaltest"
	"galaxy/backend/internal/stack"
)

// TestWhatAnOperatorRenewsIsUsedWithoutARestart: the certificate of the push listener, and the GeoIP database.
func TestWhatAnOperatorRenewsIsUsedWithoutARestart(t *testing.T) {
	dir, err := os.MkdirTemp("", "galaxy-renewal")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	cert, key := filepath.Join(dir, "push.crt"), filepath.Join(dir, "push.key")
	authority := renewaltest.New(t)
	renew := func(serial int64, notAfter time.Time) {
		pair := authority.Issue(serial, time.Now().Add(-time.Hour), notAfter)
		for file, content := range map[string][]byte{cert: pair.Cert, key: pair.Key} {
			require.NoError(t, os.WriteFile(file+".new", content, 0o600))
			require.NoError(t, os.Rename(file+".new", file))
		}
	}
	ends := time.Now().Add(500 * time.Hour)
	renew(1, ends)
	s, err := stack.Start(t.Context(), stack.Options{Dir: dir, Driver: "process", Binaries: binaries, Label: "renewal",
		Fast: true, Env: []string{"BACKEND_GRPC_PUSH_TLS_CERT=" + cert, "BACKEND_GRPC_PUSH_TLS_KEY=" + key}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b, err := s.StartBackend(ctx)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = b.Stop(ctx)
	})
	w := &world{T: t, stack: s, backend: b}
	served := func() int64 {
		conf := &tls.Config{RootCAs: authority.Pool(), ServerName: "127.0.0.1", NextProtos: []string{"h2"}}
		conn, err := tls.Dial("tcp", s.Push(), conf)
		require.NoError(t, err)
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	shows := func(until time.Time) bool {
		_, body := w.get(s.Ports.Metrics, "/metrics")
		var shown float64
		for line := range strings.Lines(body) {
			if rest, ok := strings.CutPrefix(line, "push_tls_certificate_expiry_timestamp_seconds"); ok {
				_, _ = fmt.Sscan(rest[strings.LastIndexByte(strings.TrimSpace(rest), ' ')+1:], &shown)
			}
		}
		return int64(shown) == until.Unix()
	}
	logged := func(words ...string) bool {
		raw, err := os.ReadFile(b.Log())
		require.NoError(t, err)
		for line := range strings.Lines(string(raw)) {
			found := true
			for _, word := range words {
				found = found && strings.Contains(line, word)
			}
			if found {
				return true
			}
		}
		return false
	}
	require.EqualValues(t, 1, served())
	require.True(t, shows(ends))

	ends = time.Now().Add(900 * time.Hour)
	renew(2, ends)
	require.Eventually(t, func() bool { return served() == 2 }, 20*time.Second, 50*time.Millisecond)
	require.True(t, shows(ends))
	require.True(t, logged("the certificate of the push stream was replaced", "push.galaxy.example", `"serial":"2"`))

	geo := filepath.Join(dir, "country.mmdb")
	require.NoError(t, geoiptest.WriteCountries(geo+".new", map[string]string{"203.0.113.0/24": "SE"}))
	require.NoError(t, os.Rename(geo+".new", geo))
	newer := func() bool { return logged("the GeoIP database was replaced", "GeoLite2-Country") }
	require.Eventually(t, newer, 20*time.Second, 50*time.Millisecond)
	require.NoError(t, os.WriteFile(geo, []byte("no database"), 0o644))
	refused := func() bool { return logged(`"level":"error"`, "the GeoIP database was replaced by one") }
	require.Eventually(t, refused, 20*time.Second, 50*time.Millisecond)
}
