package process

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
)

func copyTo(t *testing.T, from, to string) string {
	in, err := os.Open(from)
	require.NoError(t, err)
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
	return to
}

func TestTheDriverPassesTheSuite(t *testing.T) {
	engine := containertest.BuildEngine(t)
	d, err := New(t.TempDir())
	require.NoError(t, err)
	other := copyTo(t, engine, filepath.Join(t.TempDir(), "other"))
	containertest.Run(t, d, containertest.Images{One: "file://" + engine, Two: "file://" + other, None: "file:///nowhere/engine"})
}

func TestAnotherDriverAdoptsWhatRunsAndNoticesWhatDied(t *testing.T) {
	root := t.TempDir()
	d, err := New(root)
	require.NoError(t, err)
	spec := galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Version: "1.0.0", ImageRef: "file://" + containertest.BuildEngine(t)}
	started, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	next, err := New(root)
	require.NoError(t, err)
	adopted, err := next.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, started, adopted)

	pid, err := strconv.Atoi(started.ID)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Eventually(t, func() bool {
		c, err := next.Inspect(t.Context(), spec.Game)
		return err == nil && c.State == galaxy.ContainerExited && !c.ExitKnown
	}, 10*time.Second, 5*time.Millisecond, "how an adopted process ended is not known")
	require.Eventually(t, func() bool {
		c, err := d.Inspect(t.Context(), spec.Game)
		return err == nil && c.State == galaxy.ContainerExited && c.ExitKnown
	}, 10*time.Second, 5*time.Millisecond)
}

func TestAReferenceThatIsNoBinaryIsRefused(t *testing.T) {
	d, err := New(t.TempDir())
	require.NoError(t, err)
	for ref, want := range map[string]error{"galaxy/engine:1": galaxy.ErrStartConfig, "file://": galaxy.ErrStartConfig, "file:///tmp": galaxy.ErrImagePull} {
		_, err := d.Ensure(t.Context(), galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, ImageRef: ref})
		require.ErrorIs(t, err, want, ref)
	}
}
