package test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/stack"
)

// devstack is the program as its user runs it.
type devstack struct {
	*testing.T
	binary, data, driver string
	ports                []string
}

func newDevstack(t *testing.T, driver string) *devstack {
	dir, err := os.MkdirTemp("", "galaxy-devstack")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	d := &devstack{T: t, binary: filepath.Join(dir, "devstack"), data: filepath.Join(dir, "data"), driver: driver}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", d.binary, "../cmd/devstack").CombinedOutput()
	require.NoError(t, err, string(out))
	for _, name := range []string{"http", "push", "smtp", "inbox", "postgres", "metrics"} {
		port, err := stack.FreePort()
		require.NoError(t, err)
		d.ports = append(d.ports, fmt.Sprintf("-%s-port=%d", name, port))
	}
	t.Cleanup(func() {
		require.Empty(t, d.left(), "nothing is left running")
		_ = os.RemoveAll(dir)
	})
	return d
}

// running is one start of it.
type running struct {
	*devstack
	cmd  *exec.Cmd
	mu   sync.Mutex
	text bytes.Buffer
	done chan error
}

func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *running) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (d *devstack) start(args ...string) *running {
	r := &running{devstack: d, done: make(chan error, 1)}
	r.cmd = exec.Command(d.binary, append(append([]string{"-data", d.data, "-driver", d.driver, "-races", "2", "-pace", "100ms"}, d.ports...), args...)...)
	r.cmd.Stdout, r.cmd.Stderr = r, r
	r.cmd.WaitDelay = time.Second
	require.NoError(d, r.cmd.Start())
	go func() { r.done <- r.cmd.Wait() }()
	d.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		if d.Failed() {
			d.Logf("devstack said:\n%s", r.said())
		}
	})
	return r
}

// hears waits until something is said.
func (r *running) hears(pattern string) []string {
	r.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	require.Eventually(r, func() bool {
		found = re.FindStringSubmatch(r.said())
		return found != nil
	}, 2*time.Minute, 10*time.Millisecond, pattern)
	return found
}

// exit waits for the end and gives the exit code.
func (r *running) exit() int {
	r.Helper()
	select {
	case <-r.done:
	case <-time.After(3 * time.Minute):
		require.Fail(r, "devstack does not end")
	}
	return r.cmd.ProcessState.ExitCode()
}

func (r *running) turns() (turns []int) {
	for _, m := range regexp.MustCompile(`(?m)^turn (\d+):`).FindAllStringSubmatch(r.said(), -1) {
		n, err := strconv.Atoi(m[1])
		require.NoError(r, err)
		turns = append(turns, n)
	}
	return turns
}

// left is what still runs with this data directory in its command line or environment.
func (d *devstack) left() (commands []string) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		d.Skipf("there is no /proc to look at: %v", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		line, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		environ, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if bytes.Contains(line, []byte(d.data)) || bytes.Contains(environ, []byte(d.data)) {
			commands = append(commands, e.Name()+" "+string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return commands
}

func span(first, last int) (all []int) {
	for n := first; n <= last; n++ {
		all = append(all, n)
	}
	return all
}

const servicePID = `the service runs as process (\d+)`

func kill(t *testing.T, pid string) {
	n, err := strconv.Atoi(pid)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(n, syscall.SIGKILL))
}

func TestDevstackPlaysOnWhateverIsKilled(t *testing.T) {
	d := newDevstack(t, "process")
	first := d.start("-fresh", "-turns", "20")
	first.hears(`(?m)^turn 4:`)
	kill(t, first.hears(servicePID)[1])
	require.Equal(t, 0, first.exit())
	require.Equal(t, span(1, 20), first.turns())
	require.Contains(t, first.said(), "is started again")

	second := d.start("-turns", "2")
	require.Equal(t, 0, second.exit())
	require.Equal(t, []int{21, 22}, second.turns())

	third := d.start()
	third.hears(`(?m)^turn 24:`)
	kill(t, strconv.Itoa(third.cmd.Process.Pid))
	third.exit()
	fourth := d.start()
	fourth.hears(`(?m)^turn \d+:`)
	require.Equal(t, 25, fourth.turns()[0])
	require.NoError(t, fourth.cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, 0, fourth.exit(), "Ctrl-C is no failure")
	require.Empty(t, d.left())

	wrong := d.start("-driver", "docker")
	require.Equal(t, 1, wrong.exit())
	require.Contains(t, wrong.said(), "-fresh")
}

// engines are the engines' processes.
func (d *devstack) engines() (pids []string) {
	for _, line := range d.left() {
		if pid, command, _ := strings.Cut(line, " "); strings.HasPrefix(command, filepath.Join(d.data, "bin", "engine")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestDevstackGoesOnWhenEnginesAreKilled: also when that is so often that the game is paused.
func TestDevstackGoesOnWhenEnginesAreKilled(t *testing.T) {
	d := newDevstack(t, "process")
	r := d.start("-fresh", "-turns", "8")
	r.hears(`(?m)^turn 2:`)
	killed := map[string]bool{}
	require.Eventually(t, func() bool {
		for _, pid := range d.engines() {
			if !killed[pid] {
				killed[pid] = true
				kill(t, pid)
			}
		}
		return strings.Contains(r.said(), "it is resumed")
	}, 2*time.Minute, 20*time.Millisecond, "a game is paused when its engine dies again and again")
	require.Equal(t, 0, r.exit())
	require.Equal(t, span(1, 8), r.turns())
}

func TestDevstackInDocker(t *testing.T) {
	if err := stack.DockerAnswers(t.Context()); err != nil {
		if os.Getenv("REQUIRE_DOCKER") != "" {
			t.Fatalf("REQUIRE_DOCKER is set, and no Docker daemon answers: %v", err)
		}
		t.Skipf("SKIPPED, NOTHING WAS TESTED: no Docker daemon answers: %v", err)
	}
	d := newDevstack(t, "docker")
	first := d.start("-fresh")
	first.hears(`(?m)^turn 2:`)
	require.Len(t, d.containers(), 1)
	kill(t, strconv.Itoa(first.cmd.Process.Pid))
	first.exit()
	second := d.start("-fresh", "-turns", "1")
	require.Equal(t, 0, second.exit())
	require.Equal(t, []int{1}, second.turns())
	require.Empty(t, d.containers(), "no container is left")
}

func (d *devstack) containers() []galaxy.Container {
	s := &stack.Stack{Options: stack.Options{Dir: d.data, Driver: "docker", Label: stack.LabelOf(d.data)}}
	engines, closeDriver, err := s.Engines()
	require.NoError(d, err)
	defer func() { _ = closeDriver() }()
	found, err := engines.List(d.Context())
	require.NoError(d, err)
	return found
}

func TestDevstackWithoutADemo(t *testing.T) {
	d := newDevstack(t, "process")
	r := d.start("-no-demo")
	curl := r.hears(`curl -u (\S+):(\S+) (\S+)\n`)
	r.hears("Ctrl-C stops")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, curl[3], http.NoBody)
	require.NoError(t, err)
	req.SetBasicAuth(curl[1], curl[2])
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	_ = res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)

	taken := d.start("-data", d.data+"-other")
	require.Equal(t, 1, taken.exit())
	require.Contains(t, taken.said(), "is taken")
	twice := d.start()
	require.Equal(t, 1, twice.exit())
	require.Contains(t, twice.said(), "another devstack uses")

	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, 0, r.exit())
	require.Empty(t, strings.Join(d.left(), "\n"))
}
