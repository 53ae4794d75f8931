//go:build linux

package test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/client"
	"galaxy/backend/internal/dockertest"
	"galaxy/backend/internal/stack"
)

// descriptors lets the service open no further file, or as many as before.
func (w *world) descriptors(soft string) {
	w.Helper()
	out, err := exec.CommandContext(w.Context(), "prlimit", "--pid", strconv.Itoa(w.backend.PID()), "--nofile="+soft+":").CombinedOutput()
	require.NoError(w, err, string(out))
}

// counted gives how many lines of the service's log have all the words.
func (w *world) counted(words ...string) (n int) {
	w.Helper()
	raw, err := os.ReadFile(w.backend.Log())
	require.NoError(w, err)
	for line := range strings.SplitSeq(string(raw), "\n") {
		all := true
		for _, word := range words {
			all = all && strings.Contains(line, word)
		}
		if all {
			n++
		}
	}
	return n
}

func TestAServiceWithoutDescriptorsHoldsNoGame(t *testing.T) {
	w := begin(t, "process")
	w.set(2)
	pid := w.enginePID()
	w.descriptors("3")
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL), "its engine must be started again, which needs files")
	require.Eventually(t, func() bool {
		var why, text string
		w.ask("SELECT why, why_text FROM runtimes", &why, &text)
		return why == "driver_unknown" && strings.Contains(text, "lacks what it needs") && strings.Contains(text, "too many open files")
	}, time.Minute, 100*time.Millisecond, "it finds out that it cannot start the engine")
	w.descriptors("1024")
	require.Eventually(t, func() bool {
		done, err := w.order(0, 1)
		return err == nil && done.StatusCode() == http.StatusOK
	}, time.Minute, 50*time.Millisecond, "it resumes by itself")
	require.NotEqual(t, pid, w.enginePID())
	require.Zero(t, w.counted("its engine has no state"))
	require.Equal(t, http.StatusOK, w.force(1))
	w.waitTurn(1)
}

func TestADaemonIsUpgradedUnderTheService(t *testing.T) {
	proxy := dockertest.NewProxy(t, dockertest.Socket)
	proxy.Speak("1.24", "1.41")
	w := beginWith(t, stack.Options{Driver: "docker", Fast: true, Env: []string{"BACKEND_DOCKER_HOST=" + proxy.Host()}})
	w.set(2)
	proxy.Speak("1.44", "1.47")
	stopped, err := w.gateway.API.AdminForceStopWithResponse(t.Context(), w.game, nil, w.admin)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, stopped.StatusCode(), string(stopped.Body))
	require.Eventually(t, func() bool { return w.waitAny().Status == client.RuntimeStatusStopped }, time.Minute, 50*time.Millisecond)
	resumed, err := w.gateway.API.AdminResumeWithResponse(t.Context(), w.game, nil, w.admin)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resumed.StatusCode(), string(resumed.Body))
	require.Equal(t, client.RuntimeStatusRunning, w.waitTurn(0).Status, "the service needs no restart")

	proxy.Speak("9.10", "9.20") // and now one that is too new for us
	w.restart()
	require.Eventually(t, func() bool { return w.waitAny().Why == "driver_unknown" }, 30*time.Second, 50*time.Millisecond)
	require.Contains(t, w.waitAny().WhyText, "the container daemon cannot be used")
	proxy.Instead(nil)
	w.waitTurn(0)
	require.Zero(t, w.counted("the engine cannot be started"))
}

func TestAContainerFollowsTheSettings(t *testing.T) {
	w := begin(t, "docker")
	w.set(2)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(t, w.backend.Stop(ctx))
	w.stack.Env = append(w.stack.Env, "BACKEND_RUNTIME_CONTAINER_MEMORY=256m")
	var err error
	w.backend, err = w.stack.StartBackend(ctx)
	require.NoError(t, err)
	w.waitTurn(0)
	require.Contains(t, w.memory(), `"Memory":536870912`, "an engine that runs is left alone")
	require.Eventually(t, func() bool { return w.counted("other settings", "memory") > 0 }, 30*time.Second, 50*time.Millisecond, "and it is told")
	w.restart()
	require.Eventually(t, func() bool { return strings.Contains(w.memory(), `"Memory":268435456`) }, time.Minute, 50*time.Millisecond)
	w.waitTurn(0)
	require.Equal(t, http.StatusOK, w.force(1), "its state is kept")
	w.waitTurn(1)
}

func (w *world) restart() {
	w.Helper()
	r, err := w.gateway.API.AdminRestartRuntimeWithResponse(w.Context(), w.game, nil, w.admin)
	require.NoError(w, err)
	require.Equal(w, http.StatusOK, r.StatusCode(), string(r.Body))
}

// memory is what the daemon says of the game's container.
func (w *world) memory() string {
	w.Helper()
	docker := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", dockertest.Socket)
	}}}
	defer docker.CloseIdleConnections()
	res, err := docker.Get("http://docker/v1.41/containers/galaxy-game-" + w.game.String() + "/json")
	require.NoError(w, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(w, err)
	return string(text)
}
