// Package process runs engines as processes on loopback, for machines without a container daemon. An engine outlives the
// service: it has a session of its own and logs to a file, and a record beside its state lets the next start adopt it.
package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/statedir"
)

// Driver runs engines below one directory.
type Driver struct {
	statedir.Root

	mu       sync.Mutex // one operation at a time: they are short but for Stop's wait, which is outside
	started  map[life]*end
	adopted  map[galaxy.GameID]life // that were last seen alive
	watchers map[*watcher]struct{}
}

// life is one process, also after its pid was used again.
type life struct {
	pid  int
	born string
}

// end is how a process that this driver has started came to its end; nil while it lives.
type end struct {
	code int
	at   time.Time
}

// New makes a driver for the games below root.
func New(root string) (*Driver, error) {
	states, err := statedir.New(root)
	return &Driver{Root: states, started: map[life]*end{}, adopted: map[galaxy.GameID]life{}, watchers: map[*watcher]struct{}{}}, err
}

func (d *Driver) logs(game galaxy.GameID) string { return d.Dir(game) + ".log" }

// Ping always succeeds: there is no daemon that could be away.
func (d *Driver) Ping(context.Context) error { return nil }

// Ensure gives the game's engine running: the one that runs, or a new process.
func (d *Driver) Ensure(ctx context.Context, spec galaxy.ContainerSpec) (galaxy.Container, error) {
	binary, err := binaryOf(spec.ImageRef)
	if err != nil {
		return galaxy.Container{}, err
	}
	now, err := d.Inspect(ctx, spec.Game)
	if err != nil {
		return now, err
	}
	if now.State == galaxy.ContainerRunning {
		if now.ImageRef == spec.ImageRef && now.Version == spec.Version {
			return now, nil // a next start is another process anyway, with the settings of then
		}
		if err := d.Stop(ctx, spec.Game, spec.StopGrace); err != nil {
			return now, err
		}
	}
	if err := d.Prepare(spec, -1, -1); err != nil {
		return galaxy.Container{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	rec, alive, err := d.look(spec.Game)
	switch {
	case err != nil: // it may be that of an engine that runs, and two would write one state
		return galaxy.Container{}, err
	case !alive:
		return d.start(spec, binary)
	case rec.ImageRef != spec.ImageRef || rec.Version != spec.Version:
		return galaxy.Container{}, fmt.Errorf("another engine of game %s was started meanwhile", spec.Game)
	default: // by somebody who has looked at the same time
		return d.container(spec.Game, rec, galaxy.ContainerRunning), nil
	}
}

func binaryOf(ref string) (string, error) {
	u, err := url.Parse(ref)
	if err != nil || u.Scheme != "file" || u.Path == "" {
		return "", fmt.Errorf("%w: image_ref %q is no file:// URL of a binary", galaxy.ErrStartConfig, ref)
	}
	info, err := os.Stat(u.Path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, syscall.ENAMETOOLONG):
		return "", lacking(err) // whether it is there is not known
	case err != nil || info.Mode()&0o111 == 0 || info.IsDir():
		return "", fmt.Errorf("%w: %s is no executable file", galaxy.ErrImagePull, u.Path)
	}
	return u.Path, nil
}

// lacking marks a failure of the system: it says nothing about an engine, and what failed is tried again.
func lacking(err error) error {
	if err == nil || errors.Is(err, galaxy.ErrDriverUnknown) {
		return err
	}
	return fmt.Errorf("%w: %w", galaxy.ErrShortage, err)
}

// gated becomes the engine when it is told to: if whoever starts it dies before there is a record of it, it ends. An engine
// without a record would hold the game's state, and nobody would find it.
const (
	gated = `read -r go && exec "$0"`
	shell = "/bin/sh"
)

func (d *Driver) start(spec galaxy.ContainerSpec, binary string) (galaxy.Container, error) {
	address, err := freeAddress()
	if err != nil {
		return galaxy.Container{}, lacking(err)
	}
	out, err := os.OpenFile(d.logs(spec.Game), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return galaxy.Container{}, lacking(err)
	}
	defer out.Close()
	gate, word, err := os.Pipe()
	if err != nil {
		return galaxy.Container{}, lacking(err)
	}
	defer gate.Close()
	defer word.Close()
	cmd := exec.Command(shell, "-c", gated, binary)
	cmd.Env = []string{"STORAGE_PATH=" + d.Dir(spec.Game), "ENGINE_LISTEN_ADDR=" + address}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Dir = gate, out, out, d.Path()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return galaxy.Container{}, lacking(err) // whatever is wrong with the engine shows later: this is the shell
	}
	rec := record{PID: cmd.Process.Pid, Address: "http://" + address, Version: spec.Version, ImageRef: spec.ImageRef,
		StartedAt: time.Now().UTC(), Storage: d.Dir(spec.Game)}
	if rec.Born, err = born(rec.PID); err == nil && rec.Born == "" {
		err = errors.New("it ended before it was let begin")
	}
	if err != nil {
		go func() { _ = cmd.Wait() }() // the gate stays shut, so it ends
		return galaxy.Container{}, lacking(fmt.Errorf("when the engine has started cannot be told: %w", err))
	}
	if before, err := d.read(spec.Game); err == nil {
		delete(d.started, before.life())
	}
	d.started[rec.life()] = nil
	go d.reap(spec.Game, rec.life(), cmd)
	if err := d.write(spec.Game, rec); err != nil {
		return galaxy.Container{}, lacking(err) // and the gate stays shut
	}
	if _, err := word.WriteString("go\n"); err != nil {
		return galaxy.Container{}, fmt.Errorf("let the engine begin: %w", err)
	}
	d.tell(galaxy.ContainerEvent{Game: spec.Game, Kind: galaxy.ContainerStarted, At: rec.StartedAt})
	return d.container(spec.Game, rec, galaxy.ContainerRunning), nil
}

// reap waits for the end of a process. One that a signal has ended is told of as shells and container daemons do.
func (d *Driver) reap(game galaxy.GameID, l life, cmd *exec.Cmd) {
	_ = cmd.Wait()
	e := end{code: cmd.ProcessState.ExitCode(), at: time.Now().UTC()}
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		e.code = 128 + int(s.Signal())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.started[l]; known {
		d.started[l] = &e
	}
	d.tell(galaxy.ContainerEvent{Game: game, Kind: galaxy.ContainerDied, ExitCode: e.code, ExitKnown: true, At: e.at})
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (d *Driver) container(game galaxy.GameID, rec record, state galaxy.ContainerState) galaxy.Container {
	c := galaxy.Container{Game: game, ID: fmt.Sprint(rec.PID), Version: rec.Version, ImageRef: rec.ImageRef, State: state, StartedAt: rec.StartedAt}
	if state == galaxy.ContainerRunning {
		c.Address = rec.Address
		if rec.Storage != "" && rec.Storage != d.Dir(game) {
			c.Differs = fmt.Sprintf("state directory is %s, and set to %s", rec.Storage, d.Dir(game))
		}
	} else if e := d.started[rec.life()]; e != nil {
		c.ExitCode, c.ExitKnown, c.FinishedAt = e.code, true, e.at
	}
	return c
}

// Inspect tells what became of the game's engine.
func (d *Driver) Inspect(_ context.Context, game galaxy.GameID) (galaxy.Container, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	rec, alive, err := d.look(game)
	switch {
	case err != nil:
		return galaxy.Container{}, err
	case rec == record{}:
		return galaxy.Container{Game: game, State: galaxy.ContainerMissing}, nil
	case alive:
		return d.container(game, rec, galaxy.ContainerRunning), nil
	}
	return d.container(game, rec, galaxy.ContainerExited), nil
}

// alive needs mu. A process that this driver has started lives until it is reaped, so that its end is always known.
func (d *Driver) alive(game galaxy.GameID, rec record) (bool, error) {
	if e, ours := d.started[rec.life()]; ours {
		return e == nil, nil
	}
	now, err := born(rec.PID)
	if err != nil {
		return false, lacking(fmt.Errorf("whether process %d lives cannot be read: %w", rec.PID, err))
	}
	alive := rec.Born != "" && now == rec.Born
	d.observe(game, rec.life(), alive)
	return alive, nil
}

// Stop asks the engine to end, and makes it after grace.
func (d *Driver) Stop(ctx context.Context, game galaxy.GameID, grace time.Duration) error {
	c, err := d.Inspect(ctx, game)
	if err != nil || c.State != galaxy.ContainerRunning {
		return err
	}
	d.mu.Lock()
	rec, alive, err := d.look(game)
	d.mu.Unlock()
	if err != nil || !alive {
		return err
	}
	_ = syscall.Kill(rec.PID, syscall.SIGTERM)
	deadline := time.Now().Add(grace)
	for killed := false; ; {
		d.mu.Lock()
		alive, err := d.alive(game, rec)
		d.mu.Unlock()
		if err == nil && !alive {
			return nil
		}
		if !killed && time.Now().After(deadline) {
			_ = syscall.Kill(rec.PID, syscall.SIGKILL)
			killed = true
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stop engine: %w", errors.Join(ctx.Err(), err))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Remove forgets a stopped engine; its state directory is kept.
func (d *Driver) Remove(ctx context.Context, game galaxy.GameID) error {
	c, err := d.Inspect(ctx, game)
	if err != nil {
		return err
	}
	if c.State == galaxy.ContainerRunning {
		return fmt.Errorf("the engine of game %s runs", game)
	}
	if err := os.Remove(d.logs(game)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return lacking(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	rec, err := d.read(game)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = lacking(os.Remove(d.file(game)))
	}
	if err != nil {
		return err
	}
	delete(d.started, rec.life())
	d.tell(galaxy.ContainerEvent{Game: game, Kind: galaxy.ContainerDestroyed, At: time.Now().UTC()})
	return nil
}

// SetAside stops and forgets the game's engine and renames its state directory, so that a game can be made anew. grace is that of Stop.
func (d *Driver) SetAside(ctx context.Context, game galaxy.GameID, grace time.Duration) error {
	if err := d.Stop(ctx, game, grace); err != nil {
		return err
	}
	if err := d.Remove(ctx, game); err != nil {
		return err
	}
	return d.Root.SetAside(game)
}

// List gives every engine there is a record of. A root that cannot be read is no list of none.
func (d *Driver) List(ctx context.Context) ([]galaxy.Container, error) {
	entries, err := os.ReadDir(d.Path())
	if err != nil {
		return nil, lacking(err)
	}
	var out []galaxy.Container
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), recordSuffix)
		id, err := uuid.Parse(name)
		if !ok || err != nil {
			continue
		}
		c, err := d.Inspect(ctx, galaxy.GameID{UUID: id})
		if err != nil {
			return nil, err
		}
		if c.State != galaxy.ContainerMissing { // removed since the names were read
			out = append(out, c)
		}
	}
	return out, nil
}

// maxLogs bounds what Logs reads.
const maxLogs = 64 << 10

// Logs gives the engine's last lines.
func (d *Driver) Logs(_ context.Context, game galaxy.GameID, tail int) (string, error) {
	f, err := os.Open(d.logs(game))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", lacking(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", lacking(err)
	}
	b := make([]byte, min(info.Size(), maxLogs))
	if _, err := f.ReadAt(b, info.Size()-int64(len(b))); err != nil && len(b) > 0 {
		return "", err
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-tail):], "\n"), nil
}
