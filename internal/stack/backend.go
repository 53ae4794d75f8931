package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Backend is the service as a child process.
type Backend struct {
	Ports Ports
	cmd   *exec.Cmd
	done  chan struct{}
	log   string
}

// Spawn starts the service, on other ports than the stack's when p names some, and does not wait for it.
func (s *Stack) Spawn(p Ports) (*Backend, error) {
	for _, one := range []struct{ given, own *int }{{&p.HTTP, &s.Ports.HTTP}, {&p.Push, &s.Ports.Push}, {&p.SMTP, &s.Ports.SMTP}, {&p.Metrics, &s.Ports.Metrics}} {
		if *one.given == 0 {
			*one.given = *one.own
		}
	}
	name := "backend.log"
	if n := s.started.Add(1); n > 1 && p.HTTP != s.Ports.HTTP {
		name = fmt.Sprintf("backend-%d.log", n)
	}
	b := &Backend{Ports: p, done: make(chan struct{}), log: filepath.Join(s.Dir, name)}
	out, err := os.OpenFile(b.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	own := out
	defer own.Close()
	if s.Output != nil {
		out = s.Output
	}
	b.cmd = exec.Command(s.Binaries.Backend)
	b.cmd.Env, b.cmd.Stdout, b.cmd.Stderr, b.cmd.SysProcAttr = s.environ(p), out, out, attributes()
	begun := make(chan error)
	go func() {
		// The parent-death signal is tied to the thread that forked.
		runtime.LockOSThread()
		err := b.cmd.Start()
		begun <- err
		if err == nil {
			_ = b.cmd.Wait()
			_ = os.Remove(b.pidFile())
			close(b.done)
		}
	}()
	if err := <-begun; err != nil {
		return nil, err
	}
	return b, b.leave(s.Binaries.Backend)
}

// StartBackend starts the service and waits until it is ready.
func (s *Stack) StartBackend(ctx context.Context) (*Backend, error) {
	b, err := s.Spawn(Ports{})
	if err != nil {
		return nil, err
	}
	return b, b.Ready(ctx)
}

// Ready waits until the service says that it is.
func (b *Backend) Ready(ctx context.Context) error {
	for {
		status, body := b.probe(ctx)
		if status == http.StatusOK {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-b.done:
			return fmt.Errorf("the service has ended: %w\n%s", b.Exit(), b.lastLines())
		case <-ctx.Done():
			return fmt.Errorf("the service is not ready (%s): %w\n%s", body, ctx.Err(), b.lastLines())
		}
	}
}

func (b *Backend) probe(ctx context.Context) (int, string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+local(b.Ports.HTTP)+"/readyz", http.NoBody)
	if err != nil {
		return 0, err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
	return res.StatusCode, string(text)
}

func (b *Backend) lastLines() string {
	raw, err := os.ReadFile(b.log)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// Done is closed when the process has ended.
func (b *Backend) Done() <-chan struct{} { return b.done }

// PID is the process's id.
func (b *Backend) PID() int { return b.cmd.Process.Pid }

// Log is the file that the process logs to.
func (b *Backend) Log() string { return b.log }

// Exit says how the process ended; nil for exit code 0.
func (b *Backend) Exit() error {
	if b.cmd.ProcessState.Success() {
		return nil
	}
	return errors.New(b.cmd.ProcessState.String())
}

// Kill ends the process without a warning.
func (b *Backend) Kill() {
	_ = b.cmd.Process.Kill()
	<-b.done
}

// Stop asks the process to end and waits; it is killed when ctx is done first.
func (b *Backend) Stop(ctx context.Context) error {
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-b.done:
		return b.Exit()
	case <-ctx.Done():
		b.Kill()
		return fmt.Errorf("the service did not stop: %w", ctx.Err())
	}
}
