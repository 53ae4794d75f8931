package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options say how a cluster is run.
type Options struct {
	Dir  string // its data directory; made when missing. Its parents must be open to the server's account
	Port int    // on 127.0.0.1; 0: a free one
	// Fast gives up durability, for tests.
	Fast bool
}

// Cluster is a running private server. It listens on 127.0.0.1 only and trusts whoever connects.
type Cluster struct {
	opts Options
	bin  string
	who  *syscall.Credential
	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
}

// superuser is the role that owns a private cluster.
const superuser = "galaxy"

// Start makes the cluster if need be, starts it, and waits until it takes connections. What an earlier, killed
// owner left running in Dir is stopped first.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	who, err := owner()
	if err != nil {
		return nil, err
	}
	c := &Cluster{opts: opts, bin: bin, who: who}
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	if c.opts.Port == 0 {
		if c.opts.Port, err = freePort(); err != nil {
			return nil, err
		}
	}
	return c, c.Resume(ctx)
}

// prepare makes the data directory, or stops what still runs in it.
func (c *Cluster) prepare(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(c.opts.Dir, "PG_VERSION")); err == nil {
		return StopLeftover(ctx, c.opts.Dir)
	}
	if err := os.MkdirAll(c.opts.Dir, 0o700); err != nil {
		return err
	}
	if c.who != nil {
		if err := os.Chown(c.opts.Dir, int(c.who.Uid), int(c.who.Gid)); err != nil {
			return err
		}
	}
	args := []string{"-D", c.opts.Dir, "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"}
	if c.opts.Fast {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), args...)
	cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Credential: c.who}, "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// Resume starts the server again after Stop or Kill, on the same port.
func (c *Cluster) Resume(ctx context.Context) error {
	logFile, err := os.OpenFile(c.opts.Dir+".log", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer logFile.Close()
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), c.settings()...)
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.SysProcAttr = logFile, logFile, "/", attributes(c.who)

	started, done := make(chan error), make(chan struct{})
	go func() {
		// The parent-death signal is tied to the thread that forked: it must live as long as the server.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(done)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	c.mu.Lock()
	c.cmd, c.done = cmd, done
	c.mu.Unlock()
	return c.await(ctx)
}

func (c *Cluster) settings() []string {
	args := []string{"-D", c.opts.Dir, "-p", strconv.Itoa(c.opts.Port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "max_connections=200", "-c", "timezone=UTC", "-c", "log_min_messages=warning"}
	if c.opts.Fast {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	return args
}

// await waits until the server takes connections.
func (c *Cluster) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, c.DSN("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-c.done:
			tail, _ := os.ReadFile(c.opts.Dir + ".log")
			return fmt.Errorf("postgres ended at its start: %s", lastLines(tail, 5))
		case <-ctx.Done():
			return fmt.Errorf("postgres takes no connections: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Port is where the server listens on 127.0.0.1.
func (c *Cluster) Port() int { return c.opts.Port }

// DSN addresses a database as the cluster's owner.
func (c *Cluster) DSN(database string) string { return c.DSNAs(superuser, database) }

// DSNAs addresses a database as another role.
func (c *Cluster) DSNAs(role, database string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", role, c.opts.Port, database)
}

// Exec runs one statement in a database as the cluster's owner.
func (c *Cluster) Exec(ctx context.Context, database, sql string) error {
	conn, err := pgx.Connect(ctx, c.DSN(database))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

// EnsureDatabase makes a database unless it is there.
func (c *Cluster) EnsureDatabase(ctx context.Context, name string) error {
	err := c.Exec(ctx, "postgres", "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	if err != nil && strings.Contains(err.Error(), "42P04") {
		return nil
	}
	return err
}

// Stop ends the server in order, within ten seconds, and then by force.
func (c *Cluster) Stop() error { return c.end(syscall.SIGINT) }

// Kill ends the server as a crash would.
func (c *Cluster) Kill() error { return c.end(syscall.SIGQUIT) }

func (c *Cluster) end(sig syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd == nil {
		return nil
	}
	if err := c.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.done:
	case <-time.After(10 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
	c.cmd = nil
	return nil
}

// StopLeftover ends a server that an earlier owner of the data directory left behind.
func StopLeftover(ctx context.Context, dir string) error {
	content, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return nil
	}
	lines := strings.Split(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || len(lines) < 2 || strings.TrimSpace(lines[1]) != dir || !isPostgres(pid) {
		return nil
	}
	process, err := os.FindProcess(pid)
	if err != nil || process.Signal(syscall.SIGINT) != nil {
		return nil
	}
	for process.Signal(syscall.Signal(0)) == nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("an earlier PostgreSQL server (pid %d) does not end: %w", pid, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// isPostgres guards against a process id that was reused by another program.
func isPostgres(pid int) bool {
	out, err := exec.Command("ps", "-o", "comm=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "postgres")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func lastLines(text []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
