package test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/internal/stack"
)

// wrapped gives the binaries, with a script in place of the service's that ends with starting it.
func wrapped(t *testing.T, script string) stack.Binaries {
	dir, err := os.MkdirTemp("", "wrapped")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	all := binaries
	all.Backend = filepath.Join(dir, "backend")
	require.NoError(t, os.WriteFile(all.Backend, []byte("#!/bin/sh\n"+script+" \n"), 0o755))
	return all
}

// limited runs the service with a limit of open files.
func limited(t *testing.T, files int) stack.Binaries {
	return wrapped(t, fmt.Sprintf("ulimit -n %d\nexec %s", files, binaries.Backend))
}

func TestConnectionsLeaveDescriptorsForGames(t *testing.T) {
	w := beginWith(t, stack.Options{Driver: "process", Fast: true, Binaries: limited(t, 256)})
	w.set(2)
	for i := range 1500 {
		addr := strings.TrimPrefix(w.stack.URL(), "http://")
		if i%3 == 0 {
			addr = w.stack.Push()
		}
		c, err := net.DialTimeout("tcp", addr, 20*time.Second)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		if i%3 == 1 {
			_, err = fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n") // and rests from then on
			require.NoError(t, err)
		}
		if i%300 != 0 {
			continue
		}
		turn := i/300 + 1
		done, err := w.order(0, turn)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, done.StatusCode(), string(done.Body))
		require.Equal(t, http.StatusOK, w.force(turn))
		w.waitTurn(turn)
		status, body := w.get(w.stack.Ports.HTTP, "/readyz")
		require.Equal(t, http.StatusOK, status, body)
	}
	// An engine that dies now is noticed and comes back.
	require.NoError(t, syscall.Kill(w.enginePID(), syscall.SIGKILL))
	require.Eventually(t, func() bool {
		done, err := w.order(1, 6)
		return err == nil && done.StatusCode() == http.StatusOK
	}, 40*time.Second, 100*time.Millisecond)
	require.Equal(t, http.StatusOK, w.force(6))
	w.waitTurn(6)
	log, err := os.ReadFile(w.backend.Log())
	require.NoError(t, err)
	require.NotContains(t, string(log), "too many open files")
	require.NotContains(t, string(log), "state_mismatch")
}

func TestALimitOfFilesThatIsTooLowIsSaidAtTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		files int
		env   []string
		want  []string
	}{
		"a limit that is too low": {files: 100, want: []string{"the limit of open files is", "raise it"}},
		"more than there is room for": {files: 512, env: []string{"BACKEND_HTTP_MAX_CONNECTIONS=400"},
			want: []string{"BACKEND_HTTP_MAX_CONNECTIONS", "BACKEND_GRPC_PUSH_MAX_CONNECTIONS", "open files"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := stack.Start(t.Context(), stack.Options{Dir: t.TempDir(), Driver: "process", Binaries: limited(t,
				c.files), Label: "none", Env: c.env,
				DSN: "postgres://galaxy@127.0.0.1:1/galaxy?sslmode=disable&search_path=backend"})
			require.NoError(t, err)
			defer s.Close()
			_, err = s.StartBackend(t.Context())
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.ErrorContains(t, err, "exit status 1")
		})
	}
}

// Whoever reads the log stands still: a stop does not wait for that.
func TestAStopIsInTimeWhileNobodyReadsTheLog(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "log")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	reader, err := os.OpenFile(fifo, os.O_RDWR, 0)
	require.NoError(t, err)
	defer reader.Close()
	w := beginWith(t, stack.Options{Driver: "process", Fast: true, Binaries: wrapped(t, fmt.Sprintf("exec %s >%s 2>&1",
		binaries.Backend, fifo)), Env: brief()})
	c := &http.Client{Timeout: time.Second}
	for range 300 { // or until it hangs
		res, err := c.Get(w.stack.URL() + "/healthz")
		if err != nil {
			break
		}
		_ = res.Body.Close()
	}
	began := time.Now()
	require.NoError(t, syscall.Kill(w.backend.PID(), syscall.SIGTERM))
	select {
	case <-w.backend.Done():
	case <-time.After(4 * wholeOf):
		w.backend.Kill()
	}
	require.LessOrEqual(t, time.Since(began), wholeOf)
	require.NoError(t, w.backend.Exit())
}
