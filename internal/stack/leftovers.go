package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"galaxy/backend/internal/postgres"
)

// StopLeftovers ends the services and the private Postgres that an owner of the data directory dir left running when it
// was killed. Engines are left alone: the next service adopts them.
func StopLeftovers(ctx context.Context, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "backend*.pid"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := stopLeftover(ctx, file); err != nil {
			return err
		}
	}
	cluster, err := reachable(filepath.Join(dir, "postgres"))
	if err != nil {
		return err
	}
	return postgres.StopLeftover(ctx, cluster)
}

// leave writes down which process a later owner of the data directory may find running.
func (b *Backend) leave(binary string) error {
	return os.WriteFile(b.pidFile(), fmt.Appendf(nil, "%d\n%s\n", b.PID(), binary), 0o644)
}

func (b *Backend) pidFile() string { return strings.TrimSuffix(b.log, ".log") + ".pid" }

// patience is how long a service may take to stop before it is killed.
const patience = 45 * time.Second

func stopLeftover(ctx context.Context, file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	first, binary, _ := strings.Cut(strings.TrimSpace(string(raw)), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil || !runs(pid, binary) {
		return os.Remove(file)
	}
	_ = syscall.Kill(pid, syscall.SIGTERM)
	for killing := time.Now().Add(patience); runs(pid, binary); {
		if time.Now().After(killing) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("an earlier service (process %d) does not end: %w", pid, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return os.Remove(file)
}

// runs reports whether a process is the one that was written down: the system gives numbers out again.
func runs(pid int, binary string) bool {
	if exe, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe")); err == nil {
		return strings.TrimSuffix(exe, " (deleted)") == binary
	}
	out, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.HasPrefix(string(out), binary)
}
