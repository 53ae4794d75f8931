package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
)

// In a process of its own, whose limits are its own.
const (
	helperRoot   = "GALAXY_TEST_ROOT"
	helperEngine = "GALAXY_TEST_ENGINE"
)

// TestNothingIsConcludedWithoutDescriptors runs the driver in a process that has none left.
func TestNothingIsConcludedWithoutDescriptors(t *testing.T) {
	if root := os.Getenv(helperRoot); root != "" {
		withoutDescriptors(t, root, os.Getenv(helperEngine))
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNothingIsConcludedWithoutDescriptors$", "-test.v")
	cmd.Env = append(os.Environ(), helperRoot+"="+t.TempDir(), helperEngine+"="+containertest.BuildEngine(t))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "all is as it was")
}

func withoutDescriptors(t *testing.T, root, engine string) {
	before, err := New(root)
	require.NoError(t, err)
	running := galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Version: "1.0.0", ImageRef: "file://" + engine}
	fresh := galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Version: "1.0.0", ImageRef: "file://" + engine}
	first, err := before.Ensure(t.Context(), running)
	require.NoError(t, err)
	t.Cleanup(func() { _ = before.Stop(context.Background(), running.Game, time.Second) })
	stopped := galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Version: "1.0.0", ImageRef: "file://" + engine}
	_, err = before.Ensure(t.Context(), stopped)
	require.NoError(t, err)
	require.NoError(t, before.Stop(t.Context(), stopped.Game, 5*time.Second))
	require.NoError(t, os.WriteFile(filepath.Join(before.Dir(stopped.Game), "state.json"), nil, 0o600))
	stopped.StateMustExist, running.StateMustExist = true, true

	d, err := New(root) // which has started neither
	require.NoError(t, err)
	adopted, err := d.Inspect(t.Context(), running.Game)
	require.NoError(t, err)
	heard := watch(t, d)
	found := map[string]error{}
	without(t, func() {
		for call, do := range onDriver(d, running) {
			found["running: "+call] = unconcluded(do())
		}
		_, err := d.Ensure(context.Background(), fresh)
		found["fresh: ensure"] = unconcluded(err)
		_, err = d.Ensure(context.Background(), stopped)
		found["stopped: ensure"] = unconcluded(err)
		d.poll()
	})
	for what, err := range found {
		require.NoError(t, err, what)
	}
	require.Empty(t, heard.Of(running.Game), "it has not died")
	again, err := d.Ensure(t.Context(), running)
	require.NoError(t, err)
	require.Equal(t, adopted, again)
	require.Equal(t, first.ID, again.ID, "no second engine writes its state")
	_, err = d.Ensure(t.Context(), stopped)
	require.NoError(t, err)
	require.NoError(t, d.Stop(t.Context(), stopped.Game, 5*time.Second))
	t.Log("all is as it was")
}

// unconcluded requires that err says nothing about an engine or a game.
func unconcluded(err error) error {
	switch {
	case err == nil:
		return errors.New("it succeeded")
	case !errors.Is(err, galaxy.ErrShortage):
		return fmt.Errorf("not a shortage: %w", err)
	}
	for _, verdict := range []error{galaxy.ErrStateMissing, galaxy.ErrStartConfig, galaxy.ErrImagePull, galaxy.ErrNoCopy} {
		if errors.Is(err, verdict) {
			return fmt.Errorf("a verdict: %w", err)
		}
	}
	return nil
}

// without has do run while this process may open no further file.
func without(t *testing.T, do func()) {
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	none := before
	none.Cur = 0
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
	do()
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before))
}

// onDriver is what is asked of the driver.
func onDriver(d *Driver, spec galaxy.ContainerSpec) map[string]func() error {
	ctx := context.Background()
	return map[string]func() error{
		"ensure":  func() error { _, err := d.Ensure(ctx, spec); return err },
		"inspect": func() error { _, err := d.Inspect(ctx, spec.Game); return err },
		"list":    func() error { _, err := d.List(ctx); return err },
		"stop":    func() error { return d.Stop(ctx, spec.Game, time.Second) },
		"remove":  func() error { return d.Remove(ctx, spec.Game) },
		"logs":    func() error { _, err := d.Logs(ctx, spec.Game, 10); return err },
		"watch":   func() error { return d.Watch(ctx, func(galaxy.ContainerEvent) {}) },
		"copy":    func() error { return d.CopyState(ctx, spec.Game, "patch-1") },
	}
}

func TestARecordThatCannotBeReadIsNotAMissingOne(t *testing.T) {
	d, err := New(t.TempDir())
	require.NoError(t, err)
	spec := galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Version: "1.0.0", ImageRef: "file://" + containertest.BuildEngine(t)}
	first, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Stop(context.Background(), spec.Game, time.Second) })
	good, err := os.ReadFile(d.file(spec.Game))
	require.NoError(t, err)
	next, err := New(d.Path())
	require.NoError(t, err)
	for name, spoil := range map[string]func(file string) error{
		"half of it":         func(file string) error { return os.WriteFile(file, good[:len(good)/2], 0o600) },
		"nothing":            func(file string) error { return os.WriteFile(file, nil, 0o600) },
		"an empty object":    func(file string) error { return os.WriteFile(file, []byte("{}"), 0o600) },
		"a directory":        func(file string) error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o755)) },
		"a link to itself":   func(file string) error { return errors.Join(os.Remove(file), os.Symlink(file, file)) },
		"a link into a file": func(file string) error { return errors.Join(os.Remove(file), os.Symlink("/dev/null/x", file)) },
	} {
		require.NoError(t, spoil(d.file(spec.Game)), name)
		for call, do := range onDriver(next, spec) {
			if call != "copy" && call != "logs" {
				require.NoError(t, unconcluded(do()), "%s: %s", name, call)
			}
		}
		require.NoError(t, os.Remove(d.file(spec.Game)))
		require.NoError(t, os.WriteFile(d.file(spec.Game), good, 0o600))
	}
	again, err := next.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
}

func TestARootThatIsAwayHoldsNoListOfNone(t *testing.T) {
	d, err := New(filepath.Join(t.TempDir(), "games"))
	require.NoError(t, err)
	spec := galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Version: "1.0.0", ImageRef: "file://" + containertest.BuildEngine(t)}
	first, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Stop(context.Background(), spec.Game, time.Second) })
	away := d.Path() + ".away"
	require.NoError(t, os.Rename(d.Path(), away))
	for call, do := range onDriver(d, spec) {
		if call != "logs" {
			require.NoError(t, unconcluded(do()), call)
		}
	}
	require.NoDirExists(t, d.Path(), "nothing is begun where its disk is to be mounted")
	require.NoError(t, os.Rename(away, d.Path()))
	again, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
}

// TestABinaryIsJudgedOnlyWhenItIsSeen: what cannot be looked at may be there.
func TestABinaryIsJudgedOnlyWhenItIsSeen(t *testing.T) {
	if os.Getuid() == 0 && os.Getenv(helperRoot) == "" {
		root := t.TempDir()
		for dir := root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			require.NoError(t, os.Chmod(dir, 0o755))
		}
		require.NoError(t, os.Mkdir(filepath.Join(root, "secret"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(root, "secret", "engine"), nil, 0o755))
		self := copyTo(t, os.Args[0], filepath.Join(root, "self"))
		cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestABinaryIsJudgedOnlyWhenItIsSeen$", "-test.v")
		cmd.Dir, cmd.Env = root, append(os.Environ(), helperRoot+"="+root)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), "--- PASS: TestABinaryIsJudgedOnlyWhenItIsSeen")
		return
	}
	root := os.Getenv(helperRoot)
	if root == "" {
		t.Skip("only root can make a directory that it may not look into")
	}
	_, err := binaryOf("file://" + filepath.Join(root, "secret", "engine"))
	require.NoError(t, unconcluded(err), strconv.Itoa(os.Getuid()))
	_, err = binaryOf("file://" + filepath.Join(root, "nothing"))
	require.ErrorIs(t, err, galaxy.ErrImagePull)
}
