package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// drillDisk fills the disk that an engine keeps its game on, just before a turn, so that any of the turn's writes may be the
// first to find no room. The game must wait for an operator, and make the turn once when there is room again.
func drillDisk(t *testing.T, d *drill) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOTHING WAS TESTED: only root can mount a small disk")
	}
	w := begin(t, d, options{})
	g, err := w.make(t.Context(), 2)
	if err != nil {
		d.problem("%v", err)
		return
	}
	disk := filepath.Join(w.stack.Dir, "games", g.id.String())
	mount(t, disk)
	if err := g.begin(t.Context()); err != nil {
		d.problem("%v", err)
		return
	}
	held := 0
	for n := range of(2, 60) {
		waited, err := g.fill(t.Context(), filepath.Join(disk, "filler"), n)
		if err != nil {
			d.problem("%v", err)
			return
		}
		if waited {
			held++
		}
	}
	d.note("%d turns found no room and waited", held)
	if held == 0 {
		d.problem("no turn found the disk full")
	}
}

// mount puts a small disk at a path, for as long as the test runs.
func mount(t *testing.T, path string) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=2m,mode=0755", "tmpfs", path).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED, NOTHING WAS TESTED: no small disk can be mounted: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", path).CombinedOutput(); err != nil {
			t.Errorf("unmount: %v: %s", err, out)
		}
	})
}

// fill plays a turn for which there may be no room, and judges it. In some rounds engine or service is killed meanwhile.
func (g *game) fill(ctx context.Context, filler string, n int) (waited bool, err error) {
	g.open()
	first, second := g.races[0], g.races[1]
	for range tries {
		if g.put(ctx, first).fate == accepted {
			break
		}
	}
	if err := occupy(filler, rand.Int64N(4)*int64(os.Getpagesize())); err != nil {
		return false, err
	}
	defer os.Remove(filler)
	g.put(ctx, second)
	_, err = g.through(ctx, func(ctx context.Context) error {
		if n%4 == 3 {
			_ = g.signal(ctx, g.id, syscall.SIGKILL)
		}
		if err := g.force(ctx); err != nil {
			return err
		}
		if n%4 == 1 {
			g.kill()
		}
		err := g.await(ctx, g.turn)
		if errors.Is(err, errStuck) {
			waited = true
			if err = os.Remove(filler); err == nil {
				err = g.resume(ctx)
			}
			if err == nil {
				err = g.advance(ctx)
			}
		}
		return err
	})
	g.count(&g.rounds, 1)
	if err == nil {
		err = g.judge(ctx)
	}
	return waited, err
}

// occupy fills the disk with one file, but for the room that is left.
func occupy(filler string, left int64) error {
	f, err := os.Create(filler)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(f, zeros{})
	if !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk does not fill: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return f.Truncate(max(0, info.Size()-left))
}

// zeros never end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
