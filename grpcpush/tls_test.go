package grpcpush_test

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/grpcpush"
	"galaxy/backend/internal/renewal"
	"galaxy/backend/internal/renewal/renewaltest"
)

const (
	eventually = 15 * time.Second
	tick       = 20 * time.Millisecond
)

// secured is a push listener whose certificate is renewed.
type secured struct {
	*testing.T
	*renewaltest.Authority
	cert, key string // files
	addr      string
	meter     *sdkmetric.ManualReader
	logs      *observer.ObservedLogs
}

func (s *secured) put(file string, content []byte) {
	s.Helper()
	require.NoError(s, os.WriteFile(file+".new", content, 0o600))
	require.NoError(s, os.Rename(file+".new", file))
}

func (s *secured) valid(serial int64) renewaltest.Pair {
	return s.Issue(serial, time.Now().Add(-time.Hour), time.Now().Add(1000*time.Hour))
}

// serve listens with that pair, whose files are what dir says.
func serve(t *testing.T, first func(s *secured) renewaltest.Pair) *secured {
	dir := t.TempDir()
	s := &secured{T: t, Authority: renewaltest.New(t), cert: filepath.Join(dir, "tls.crt"),
		key: filepath.Join(dir, "tls.key"), meter: sdkmetric.NewManualReader()}
	pair := first(s)
	s.put(s.cert, pair.Cert)
	s.put(s.key, pair.Key)
	s.listen()
	return s
}

func (s *secured) listen() {
	var core zapcore.Core
	core, s.logs = observer.New(zapcore.InfoLevel)
	cert, err := renewal.OpenCertificate("the certificate of the push stream", s.cert, s.key)
	require.NoError(s, err)
	require.NoError(s, cert.Observe(sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.meter)).Meter(""), "expiry"))
	s.Cleanup(cert.Follow(zap.New(core)))
	sys := kittest.System(s)
	server, err := grpcpush.Listen(grpcpush.Deps{Hub: kittest.NewProbe(s, sys).Ref,
		Config:  grpcpush.Config{Addr: "127.0.0.1:0", TLSCert: s.cert, TLSKey: s.key},
		Serving: func() bool { return true }, Log: zap.NewNop(), Certificate: cert.Get})
	require.NoError(s, err)
	s.addr = server.Addr().String()
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Stop(ctx)
	})
}

// served is the serial number of the certificate that a client gets, and verifies.
func (s *secured) served() int64 {
	s.Helper()
	conf := &tls.Config{RootCAs: s.Pool(), ServerName: "127.0.0.1", NextProtos: []string{"h2"}}
	conn, err := tls.Dial("tcp", s.addr, conf)
	require.NoError(s, err)
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func (s *secured) becomes(serial int64) {
	s.Helper()
	require.Eventually(s, func() bool { return s.served() == serial }, eventually, tick)
}

// refuses waits for the one error line about files that cannot be used, and checks that the older certificate is still
// served.
func (s *secured) refuses(nth int, serial int64, why string) {
	s.Helper()
	errors := func() []observer.LoggedEntry { return s.logs.FilterLevelExact(zapcore.ErrorLevel).All() }
	require.Eventually(s, func() bool { return len(errors()) == nth }, eventually, tick)
	require.Contains(s, errors()[nth-1].ContextMap()["error"], why)
	until := time.Now().Add(2 * time.Second) // over some more looks, and many handshakes
	require.Eventually(s, func() bool { return s.served() != serial || time.Now().After(until) }, eventually, tick)
	require.Equal(s, serial, s.served())
	require.Len(s, errors(), nth, "a line a version")
}

func TestARenewedCertificateIsServedWithoutARestart(t *testing.T) {
	for name, renew := range map[string]func(s *secured, p renewaltest.Pair){
		"both files at once": func(s *secured, p renewaltest.Pair) { s.put(s.cert, p.Cert); s.put(s.key, p.Key) },
		"the certificate first": func(s *secured, p renewaltest.Pair) {
			s.put(s.cert, p.Cert)
			s.refuses(1, 1, "private key does not match")
			s.put(s.key, p.Key)
		},
		"the key first": func(s *secured, p renewaltest.Pair) {
			s.put(s.key, p.Key)
			s.refuses(1, 1, "private key does not match")
			s.put(s.cert, p.Cert)
		},
		"in place": func(s *secured, p renewaltest.Pair) {
			require.NoError(s, os.WriteFile(s.cert, p.Cert, 0o600))
			require.NoError(s, os.WriteFile(s.key, p.Key, 0o600))
		},
		"after a broken one": func(s *secured, p renewaltest.Pair) {
			s.put(s.cert, []byte("no certificate"))
			s.refuses(1, 1, "failed to find any PEM data")
			s.put(s.cert, p.Cert[:len(p.Cert)/2])
			s.refuses(2, 1, "PEM")
			s.put(s.cert, p.Cert)
			s.put(s.key, p.Key)
		},
		"after both files were gone": func(s *secured, p renewaltest.Pair) {
			require.NoError(s, os.Remove(s.cert))
			require.NoError(s, os.Remove(s.key))
			s.refuses(1, 1, "no such file")
			s.put(s.key, p.Key)
			s.put(s.cert, p.Cert)
		},
		"after one that has expired": func(s *secured, p renewaltest.Pair) {
			old := s.Issue(9, time.Now().Add(-10*time.Hour), time.Now().Add(-time.Hour))
			s.put(s.cert, old.Cert)
			s.put(s.key, old.Key)
			s.refuses(1, 1, "it expired on")
			s.put(s.cert, p.Cert)
			s.put(s.key, p.Key)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(s *secured) renewaltest.Pair { return s.valid(1) })
			require.EqualValues(t, 1, s.served())
			renew(s, s.valid(2))
			s.becomes(2)
			lines := s.logs.FilterLevelExact(zapcore.InfoLevel).All()
			require.Len(t, lines, 1)
			require.Equal(t, "CN=push.galaxy.example", lines[0].ContextMap()["subject"])
			require.Equal(t, "2", lines[0].ContextMap()["serial"])
			ends := lines[0].ContextMap()["not_after"].(time.Time)
			require.WithinDuration(t, time.Now().Add(1000*time.Hour), ends, time.Minute)
			s.becomes(2)
		})
	}
}

// TestACertificateThatComesByASwappedLinkIsServed, as Kubernetes mounts secrets.
func TestACertificateThatComesByASwappedLinkIsServed(t *testing.T) {
	dir := t.TempDir()
	s := &secured{T: t, Authority: renewaltest.New(t), cert: filepath.Join(dir, "tls.crt"),
		key: filepath.Join(dir, "tls.key"), meter: sdkmetric.NewManualReader()}
	mount := func(name string, p renewaltest.Pair) {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name, "tls.crt"), p.Cert, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name, "tls.key"), p.Key, 0o600))
		require.NoError(t, os.Symlink(name, filepath.Join(dir, "..new")))
		require.NoError(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
	}
	mount("..1", s.valid(1))
	require.NoError(t, os.Symlink("..data/tls.crt", s.cert))
	require.NoError(t, os.Symlink("..data/tls.key", s.key))
	s.listen()
	require.EqualValues(t, 1, s.served())
	mount("..2", s.valid(2))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "..1")))
	s.becomes(2)
	require.Zero(t, s.logs.FilterLevelExact(zapcore.ErrorLevel).Len())
}

func TestACertificateNearItsEndIsWarnedOf(t *testing.T) {
	ends := time.Now().Add(time.Hour)
	s := serve(t, func(s *secured) renewaltest.Pair { return s.Issue(1, time.Now().Add(-30*24*time.Hour), ends) })
	warnings := func() []observer.LoggedEntry { return s.logs.FilterLevelExact(zapcore.WarnLevel).All() }
	require.Eventually(t, func() bool { return len(warnings()) == 1 }, eventually, tick)
	require.Contains(t, warnings()[0].Message, "expires soon")
	require.Equal(t, ends.Unix(), s.expiry())
	pair := s.valid(2)
	s.put(s.cert, pair.Cert)
	s.put(s.key, pair.Key)
	s.becomes(2)
	require.Greater(t, s.expiry(), time.Now().Add(999*time.Hour).Unix())
	require.Len(t, warnings(), 1)
}

// expiry is what the gauge shows.
func (s *secured) expiry() int64 {
	var all metricdata.ResourceMetrics
	require.NoError(s, s.meter.Collect(s.Context(), &all))
	return all.ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[int64]).DataPoints[0].Value
}
