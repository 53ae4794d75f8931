package test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/internal/stack"
)

// pipe makes a pipe as a shell does: whoever writes to it waits.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	var fds [2]int
	require.NoError(t, syscall.Pipe2(fds[:], syscall.O_CLOEXEC))
	r, w = os.NewFile(uintptr(fds[0]), "reader"), os.NewFile(uintptr(fds[1]), "writer")
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

// fill writes to a pipe until it takes no more.
func fill(t *testing.T, w *os.File) {
	t.Helper()
	const mode = syscall.O_WRONLY | syscall.O_NONBLOCK | syscall.O_CLOEXEC
	fd, err := syscall.Open(fmt.Sprintf("/proc/self/fd/%d", w.Fd()), mode, 0)
	require.NoError(t, err)
	defer syscall.Close(fd)
	for err == nil {
		_, err = syscall.Write(fd, []byte("x"))
	}
	require.ErrorIs(t, err, syscall.EAGAIN)
}

// unread begins with a service whose log goes to a pipe that is read only by whoever reads r.
func unread(t *testing.T) (w *world, r *os.File) {
	r, out := pipe(t)
	w = beginWith(t, stack.Options{Driver: "process", Fast: true, Output: out, Env: []string{
		"BACKEND_HTTP_SHUTDOWN_TIMEOUT=1s", "BACKEND_GRPC_PUSH_SHUTDOWN_TIMEOUT=1s", "BACKEND_SHUTDOWN_TIMEOUT=2s"}})
	require.NoError(t, out.Close())
	return w, r
}

var dropped = regexp.MustCompile(`(?m)^log_lines_dropped_total(?:\{[^}]*\})? (\S+)$`)

func (w *world) dropped() float64 {
	w.Helper()
	_, body := w.get(w.stack.Ports.Metrics, "/metrics")
	found := dropped.FindStringSubmatch(body)
	require.NotNil(w, found, "there is no such metric")
	n, err := strconv.ParseFloat(found[1], 64)
	require.NoError(w, err)
	return n
}

// chatter has the service log until it drops lines.
func (w *world) chatter() {
	w.Helper()
	var wg sync.WaitGroup
	enough := make(chan struct{})
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-enough:
					return
				default:
					if res, err := http.Get(w.stack.URL() + "/api/v1/public/" + strings.Repeat("x", 500)); err == nil {
						_ = res.Body.Close()
					}
				}
			}
		})
	}
	require.Eventually(w, func() bool { return w.dropped() > 0 }, 2*time.Minute, 100*time.Millisecond)
	close(enough)
	wg.Wait()
}

func (w *world) health() (status string, log string) {
	w.Helper()
	code, body := w.get(w.stack.Ports.HTTP, "/healthz")
	require.Equal(w, http.StatusOK, code, body)
	var h struct {
		Status string
		Checks map[string]string
	}
	require.NoError(w, json.Unmarshal([]byte(body), &h))
	return h.Status, h.Checks["log"]
}

// plays has the game's engine die, and makes a turn.
func (w *world) plays(turn int) {
	w.Helper()
	require.NoError(w, syscall.Kill(w.enginePID(), syscall.SIGKILL))
	require.Eventually(w, func() bool {
		done, err := w.order(0, turn)
		return err == nil && done.StatusCode() == http.StatusOK
	}, 40*time.Second, 100*time.Millisecond)
	require.Equal(w, http.StatusOK, w.force(turn))
	w.waitTurn(turn)
}

func (w *world) stops() {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second)
	defer cancel()
	require.NoError(w, w.backend.Stop(ctx), "exit code 0, and in time")
}

func TestTheReaderOfTheLogMayGo(t *testing.T) {
	w, r := unread(t)
	require.NoError(t, r.Close())
	w.set(2)
	w.plays(1)
	require.Positive(t, w.dropped())
	status, log := w.health()
	require.Equal(t, "degraded", status)
	require.Contains(t, log, "broken pipe")
	w.stops()
}

func TestTheReaderOfTheLogMayStandStill(t *testing.T) {
	w, _ := unread(t)
	w.set(2)
	w.chatter()
	w.plays(1)
	status, _ := w.health()
	require.Equal(t, "degraded", status)
	require.Eventually(t, func() bool {
		_, log := w.health()
		return strings.Contains(log, "nobody has read the log since")
	}, 20*time.Second, 50*time.Millisecond)
	w.stops()
}

func TestAReaderOfTheLogThatReadsAgainLearnsWhatIsMissing(t *testing.T) {
	w, r := unread(t)
	w.chatter()
	type read struct {
		missing, lines int
		last           string
		err            error
	}
	all := make(chan read, 1)
	go func() {
		var got read
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 8<<20)
		for lines.Scan() {
			var line struct {
				Msg     string
				Missing int `json:"lines_dropped"`
			}
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				got.err = fmt.Errorf("%w: %s", err, lines.Text())
			}
			got.missing += line.Missing
			got.lines++
			if line.Msg != "" {
				got.last = line.Msg
			}
		}
		all <- got
	}()
	well := func() bool { status, _ := w.health(); return status == "ok" }
	require.Eventually(t, well, 20*time.Second, 50*time.Millisecond)
	missing := w.dropped()
	w.stops()
	got := <-all
	require.NoError(t, got.err)
	require.EqualValues(t, missing, got.missing)
	require.Equal(t, "stopped", got.last, "the last line is written before the process ends")
	require.Greater(t, got.lines, 1000)
}

func TestACrashDoesNotWaitForTheReaderOfStderr(t *testing.T) {
	r, out := pipe(t)
	w := beginWith(t, stack.Options{Driver: "process", Fast: true, Output: out})
	fill(t, out)
	require.NoError(t, syscall.Kill(w.backend.PID(), syscall.SIGQUIT)) // on which the runtime prints every goroutine
	select {
	case <-w.backend.Done():
	case <-time.After(20 * time.Second):
		require.FailNow(t, "it neither runs nor ends")
	}
	_ = r
}

// begun starts one of the binaries with an output of that kind, and without settings.
func begun(t *testing.T, binary string, out *os.File, env ...string) (*exec.Cmd, chan error) {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(env, "PATH=/usr/bin:/bin"), out, out
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, ended
}

func TestAStartThatFailsEndsWhateverTheReaderDoes(t *testing.T) {
	for name, reader := range map[string]func(r, w *os.File){
		"stands still": func(_, w *os.File) { fill(t, w) },
		"has gone":     func(r, _ *os.File) { _ = r.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			r, out := pipe(t)
			reader(r, out)
			_, ended := begun(t, binaries.Backend, out)
			select {
			case err := <-ended:
				require.ErrorContains(t, err, "exit status 1")
			case <-time.After(20 * time.Second):
				require.FailNow(t, "it does not end")
			}
		})
	}
}

func TestTheEnginesLogMayBeUnread(t *testing.T) {
	for name, reader := range map[string]func(r, w *os.File){
		"stands still": func(_, w *os.File) { fill(t, w) },
		"has gone":     func(r, _ *os.File) { _ = r.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			r, out := pipe(t)
			reader(r, out)
			port, err := stack.FreePort()
			require.NoError(t, err)
			engine, ended := begun(t, binaries.Engine, out, "STORAGE_PATH="+t.TempDir(),
				fmt.Sprint("ENGINE_LISTEN_ADDR=127.0.0.1:", port))
			require.Eventually(t, func() bool {
				res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/healthz", port))
				return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
			}, 10*time.Second, 20*time.Millisecond)
			require.NoError(t, engine.Process.Signal(syscall.SIGTERM))
			select {
			case err := <-ended:
				require.NoError(t, err)
			case <-time.After(20 * time.Second):
				require.FailNow(t, "it does not end")
			}
		})
	}
}
