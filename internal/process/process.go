// Package process runs engines as processes on loopback, for machines without a container daemon. An engine outlives the
// service: it has a session of its own and logs to a file, and a record beside its state lets the next start adopt it.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"

	"galaxy/backend/galaxy"
)

// Driver runs engines below one directory.
type Driver struct {
	root string

	mu    sync.Mutex // one operation at a time: they are short but for Stop's wait, which is outside
	ended map[int]exit
}

// exit is how a process that this driver started has ended.
type exit struct{ code int }

// record is what is kept of a started engine, in <game>.run.json beside its state directory.
type record struct {
	PID       int       `json:"pid"`
	Born      string    `json:"born"` // the process's start as the system tells it: a reused pid has another
	Address   string    `json:"address"`
	Version   string    `json:"version"`
	ImageRef  string    `json:"image_ref"`
	StartedAt time.Time `json:"started_at"`
}

// New makes a driver for the games below root.
func New(root string) (*Driver, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	return &Driver{root: abs, ended: map[int]exit{}}, os.MkdirAll(abs, 0o755)
}

func (d *Driver) dir(game galaxy.GameID) string  { return filepath.Join(d.root, game.String()) }
func (d *Driver) file(game galaxy.GameID) string { return d.dir(game) + ".run.json" }
func (d *Driver) logs(game galaxy.GameID) string { return d.dir(game) + ".log" }

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
			return now, nil
		}
		if err := d.Stop(ctx, spec.Game, 10*time.Second); err != nil {
			return now, err
		}
	}
	if err := prepare(d.dir(spec.Game), spec.StateMustExist); err != nil {
		return galaxy.Container{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.start(spec, binary)
}

func binaryOf(ref string) (string, error) {
	u, err := url.Parse(ref)
	if err != nil || u.Scheme != "file" || u.Path == "" {
		return "", fmt.Errorf("%w: image_ref %q is no file:// URL of a binary", galaxy.ErrStartConfig, ref)
	}
	if info, err := os.Stat(u.Path); err != nil || info.Mode()&0o111 == 0 || info.IsDir() {
		return "", fmt.Errorf("%w: %s is no executable file", galaxy.ErrImagePull, u.Path)
	}
	return u.Path, nil
}

func prepare(dir string, mustExist bool) error {
	if !mustExist {
		return os.MkdirAll(dir, 0o755)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return fmt.Errorf("%w: %s", galaxy.ErrStateMissing, filepath.Base(dir))
	}
	return nil
}

func (d *Driver) start(spec galaxy.ContainerSpec, binary string) (galaxy.Container, error) {
	address, err := freeAddress()
	if err != nil {
		return galaxy.Container{}, err
	}
	out, err := os.OpenFile(d.logs(spec.Game), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return galaxy.Container{}, err
	}
	defer out.Close()
	cmd := exec.Command(binary)
	cmd.Env = []string{"STORAGE_PATH=" + d.dir(spec.Game), "ENGINE_LISTEN_ADDR=" + address}
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, d.root
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return galaxy.Container{}, fmt.Errorf("%w: %w", galaxy.ErrStartConfig, err)
	}
	pid := cmd.Process.Pid
	rec := record{PID: pid, Born: born(pid), Address: "http://" + address, Version: spec.Version, ImageRef: spec.ImageRef, StartedAt: time.Now().UTC()}
	delete(d.ended, pid)
	go func() { // reaps it
		_ = cmd.Wait()
		d.mu.Lock()
		d.ended[pid] = exit{cmd.ProcessState.ExitCode()}
		d.mu.Unlock()
	}()
	if err := d.write(spec.Game, rec); err != nil {
		_ = cmd.Process.Kill()
		return galaxy.Container{}, err
	}
	return d.container(spec.Game, rec, galaxy.ContainerRunning), nil
}

func (d *Driver) write(game galaxy.GameID, rec record) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	tmp := d.file(game) + ".tmp"
	if err := os.WriteFile(tmp, b, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, d.file(game))
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
	} else if e, ours := d.ended[rec.PID]; ours {
		c.ExitCode, c.ExitKnown = e.code, true
	}
	return c
}

// Inspect tells what became of the game's engine.
func (d *Driver) Inspect(_ context.Context, game galaxy.GameID) (galaxy.Container, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	rec, err := d.read(game)
	if errors.Is(err, fs.ErrNotExist) {
		return galaxy.Container{Game: game, State: galaxy.ContainerMissing}, nil
	}
	if err != nil {
		return galaxy.Container{}, err
	}
	if d.alive(rec) {
		return d.container(game, rec, galaxy.ContainerRunning), nil
	}
	return d.container(game, rec, galaxy.ContainerExited), nil
}

func (d *Driver) read(game galaxy.GameID) (rec record, err error) {
	b, err := os.ReadFile(d.file(game))
	if err == nil {
		err = json.Unmarshal(b, &rec)
	}
	return rec, err
}

// alive needs mu.
func (d *Driver) alive(rec record) bool {
	if _, reaped := d.ended[rec.PID]; reaped {
		return false
	}
	return rec.PID > 0 && rec.Born != "" && born(rec.PID) == rec.Born
}

// Stop asks the engine to end, and makes it after grace.
func (d *Driver) Stop(ctx context.Context, game galaxy.GameID, grace time.Duration) error {
	c, err := d.Inspect(ctx, game)
	if err != nil || c.State != galaxy.ContainerRunning {
		return err
	}
	d.mu.Lock()
	rec, err := d.read(game)
	d.mu.Unlock()
	if err != nil {
		return err
	}
	_ = syscall.Kill(rec.PID, syscall.SIGTERM)
	deadline := time.Now().Add(grace)
	for killed := false; ; {
		d.mu.Lock()
		alive := d.alive(rec)
		d.mu.Unlock()
		if !alive {
			return nil
		}
		if !killed && time.Now().After(deadline) {
			_ = syscall.Kill(rec.PID, syscall.SIGKILL)
			killed = true
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stop engine: %w", ctx.Err())
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
	for _, name := range []string{d.file(game), d.logs(game)} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// SetAside stops and forgets the game's engine and renames its state directory, so that a game can be made anew.
func (d *Driver) SetAside(ctx context.Context, game galaxy.GameID) error {
	if err := d.Stop(ctx, game, 10*time.Second); err != nil {
		return err
	}
	if err := d.Remove(ctx, game); err != nil {
		return err
	}
	err := os.Rename(d.dir(game), d.dir(game)+".aside-"+uuid.NewString())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// List gives every engine there is a record of.
func (d *Driver) List(ctx context.Context) ([]galaxy.Container, error) {
	files, err := filepath.Glob(filepath.Join(d.root, "*.run.json"))
	if err != nil {
		return nil, err
	}
	var out []galaxy.Container
	for _, name := range files {
		id, err := uuid.Parse(strings.TrimSuffix(filepath.Base(name), ".run.json"))
		if err != nil {
			continue
		}
		c, err := d.Inspect(ctx, galaxy.GameID{UUID: id})
		if err != nil {
			return nil, err
		}
		out = append(out, c)
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
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	b := make([]byte, min(info.Size(), maxLogs))
	if _, err := f.ReadAt(b, info.Size()-int64(len(b))); err != nil && len(b) > 0 {
		return "", err
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-tail):], "\n"), nil
}
