package statedir

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// copier copies a directory with owners, modes and times. Symbolic links are copied, never followed. Sockets, pipes and
// devices mean nothing without the engine that made them, and are left out.
type copier struct {
	ctx     context.Context
	reached func(step string)
	written []string // files and directories that are not on the disk yet
}

func (c *copier) directory(from, to string) error {
	is, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if !is.IsDir() {
		return fmt.Errorf("%s is no directory", from)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, entry := range entries {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := c.entry(entry.Type(), filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
			return err
		}
		c.reached("an entry is copied")
	}
	c.written = append(c.written, to)
	return adorn(to, is)
}

// flushed is how many files are flushed at once: the disk does many together in little more time than one alone, and the
// engine is down meanwhile.
const flushed = 32

// flush comes after all is written, so that the system has begun to write it by itself.
func (c *copier) flush() error {
	g, ctx := errgroup.WithContext(c.ctx)
	g.SetLimit(flushed)
	for _, path := range c.written {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return flush(path)
		})
	}
	return g.Wait()
}

func (c *copier) entry(kind fs.FileMode, from, to string) error {
	switch kind {
	case fs.ModeDir:
		return c.directory(from, to)
	case fs.ModeSymlink:
		return link(from, to)
	case 0:
		return c.file(from, to)
	}
	return nil
}

func link(from, to string) error {
	is, err := os.Lstat(from)
	if err != nil {
		return err
	}
	target, err := os.Readlink(from)
	if err != nil {
		return err
	}
	if err := os.Symlink(target, to); err != nil {
		return err
	}
	uid, gid := owner(is)
	return os.Lchown(to, uid, gid)
}

func (c *copier) file(from, to string) error {
	in, err := os.OpenFile(from, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	is, err := in.Stat()
	if err != nil {
		return err
	}
	if !is.Mode().IsRegular() {
		return fmt.Errorf("%s changed while it was copied", from)
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	c.written = append(c.written, to)
	return adorn(to, is)
}

// adorn gives a copy the owner, mode and time of what it was copied from. The mode comes after the owner, whose change
// takes some of its bits away.
func adorn(to string, is fs.FileInfo) error {
	uid, gid := owner(is)
	if err := os.Lchown(to, uid, gid); err != nil {
		return err
	}
	if err := os.Chmod(to, is.Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky)); err != nil {
		return err
	}
	return os.Chtimes(to, is.ModTime(), is.ModTime())
}

// owner is whom a file belongs to; -1, which is no change, where the system does not tell.
func owner(is fs.FileInfo) (uid, gid int) {
	if s, ok := is.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid), int(s.Gid)
	}
	return -1, -1
}

// flush makes a file, or what happened in a directory, last through a crash of the machine.
func flush(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
