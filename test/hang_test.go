package test

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/client"
	"galaxy/backend/internal/stack"
)

// enginePID is the process of the game's engine, as the process driver runs it.
func (w *world) enginePID() int {
	w.Helper()
	driver, closeDriver, err := w.stack.Engines()
	require.NoError(w, err)
	defer closeDriver()
	running, err := driver.List(w.Context())
	require.NoError(w, err)
	require.Len(w, running, 1)
	pid, err := strconv.Atoi(running[0].ID)
	require.NoError(w, err)
	return pid
}

// freeze stops the game's engine where it is; thaw lets it go on.
func (w *world) freeze() (thaw func()) {
	w.Helper()
	pid := w.enginePID()
	require.NoError(w, syscall.Kill(pid, syscall.SIGSTOP))
	thaw = func() { _ = syscall.Kill(pid, syscall.SIGCONT) }
	w.Cleanup(thaw)
	return thaw
}

func TestAStopKeepsToItsTimesWhileAnEngineHangs(t *testing.T) {
	w := beginWith(t, stack.Options{Driver: "process", Fast: true, Env: []string{
		"BACKEND_HTTP_SHUTDOWN_TIMEOUT=1s", "BACKEND_GRPC_PUSH_SHUTDOWN_TIMEOUT=1s", "BACKEND_SHUTDOWN_TIMEOUT=2s"}})
	w.set(2)
	thaw := w.freeze()
	answered := make(chan int, 1)
	go func() {
		r, err := w.order(0, 1)
		if err != nil {
			answered <- 0
			return
		}
		answered <- r.StatusCode()
	}()
	select {
	case status := <-answered:
		require.Failf(t, "the engine is frozen", "the order was answered with %d", status)
	case <-time.After(300 * time.Millisecond): // the order hangs in the engine
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, w.backend.Stop(ctx))
	require.Less(t, time.Since(began), 15*time.Second)
	require.NotEqual(t, http.StatusOK, <-answered)

	thaw()
	var err error
	w.backend, err = w.stack.StartBackend(ctx)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		r, err := w.order(0, 1)
		return err == nil && r.StatusCode() == http.StatusOK
	}, 30*time.Second, 50*time.Millisecond)
}

func TestAServiceKilledWhileATurnIsMadeGoesOnWithIt(t *testing.T) {
	w := begin(t, "process")
	w.set(2)
	done, err := w.order(0, 1)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, done.StatusCode())
	thaw := w.freeze()
	require.Equal(t, http.StatusOK, w.force(1))
	require.Equal(t, client.RuntimeStatusGenerationInProgress, w.waitAny().Status)
	w.backend.Kill()
	thaw()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w.backend, err = w.stack.StartBackend(ctx)
	require.NoError(t, err)
	w.waitTurn(1)
	require.Equal(t, http.StatusConflict, w.force(1), "it is made already")
	require.Equal(t, http.StatusOK, w.force(2))
	w.waitTurn(2)
}

// doorway is a Docker daemon's socket that can be shut.
type doorway struct {
	path string
	l    net.Listener
}

func (d *doorway) open(t *testing.T) {
	var err error
	d.l, err = net.Listen("unix", d.path)
	require.NoError(t, err)
	go func(l net.Listener) {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("unix", "/var/run/docker.sock")
				if err != nil {
					return
				}
				defer out.Close()
				go func() { _, _ = io.Copy(out, in) }()
				_, _ = io.Copy(in, out)
			}()
		}
	}(d.l)
}

func TestDockerMayBeAway(t *testing.T) {
	door := &doorway{path: filepath.Join(t.TempDir(), "docker.sock")}
	w := beginWith(t, stack.Options{Driver: "docker", Fast: true, Env: []string{"BACKEND_DOCKER_HOST=unix://" + door.path}})
	w.join(2) // sign-in and lobby go on
	started, err := w.gateway.API.AdminForceStartWithResponse(t.Context(), w.game, nil, w.admin)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, started.StatusCode(), string(started.Body))
	require.Eventually(t, func() bool { return w.waitAny().Why == "driver_unknown" }, 20*time.Second, 20*time.Millisecond)
	status, _ := w.get(w.stack.Ports.HTTP, "/readyz")
	require.Equal(t, http.StatusOK, status)
	door.open(t)
	defer door.l.Close()
	w.waitTurn(0)
}
