package http

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

func TestAPortThatAChildStillSharesIsWaitedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	shared, err := l.(*net.TCPListener).File()
	require.NoError(t, err)
	child := exec.Command("/bin/sh", "-c", "read -r go")
	child.ExtraFiles = []*os.File{shared}
	in, err := child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	require.NoError(t, shared.Close())
	require.NoError(t, l.Close())
	_, err = net.Listen("tcp", l.Addr().String())
	require.ErrorIs(t, err, syscall.EADDRINUSE)

	time.AfterFunc(50*time.Millisecond, func() { _ = in.Close() })
	f, err := Open(t.Context(), Config{Addr: l.Addr().String()})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, f.Stop(ctx))
	require.Error(t, child.Wait())
}

func TestAPortThatIsTakenIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Open(ctx, Config{Addr: l.Addr().String()})
	require.ErrorIs(t, err, syscall.EADDRINUSE)
}

func TestAStandbyMakesWayWithoutAMomentInWhichNobodyListens(t *testing.T) {
	f, err := Open(t.Context(), Config{Addr: "127.0.0.1:0", WriteTimeout: 10 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Stop(context.WithoutCancel(t.Context()))) })
	silent, err := net.Dial("tcp", f.Addr().String()) // it would hold up a server that is shut down
	require.NoError(t, err)
	defer silent.Close()
	one := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	get := func(path string) (int, string) {
		res, err := one.Get("http://" + f.Addr().String() + path)
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(body)
	}
	status, body := get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, "standby")
	status, body = get("/api/v1/user/games")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, "another one serves")

	f.Start()
	status, body = get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.JSONEq(t, `{"status":"not_ready","checks":{"lease":"ok","start":"under way"}}`, body)
	status, body = get("/api/v1/user/games")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.JSONEq(t, `{"error":{"code":"service_unavailable","message":"this backend is starting; try again shortly"}}`, body)

	s, err := New(Deps{Config: Config{WriteTimeout: 10 * time.Second}, Serving: func() bool { return true }, Now: time.Now, Log: zap.NewNop(),
		Tracers: tracenoop.NewTracerProvider(), Meter: noop.Meter{}})
	require.NoError(t, err)
	f.Serve(s)
	status, body = get("/readyz")
	require.Equal(t, http.StatusOK, status, body)
	status, body = get("/nothing")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, body, "subject_not_found")
	one.CloseIdleConnections()
}
