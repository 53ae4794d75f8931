// Package renewal keeps current what is read from files that an operator, or a tool of theirs, replaces while the
// service runs. Files are polled, not watched: that works on every mount, and whether they are replaced by a rename,
// by a swapped symbolic link or in place. What is broken is refused, and what was read before stays in use.
package renewal

import (
	"crypto/sha256"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
)

const (
	// interval is how often files are polled. A change must look the same twice before it is read: it may be half
	// written.
	interval = time.Second
	// again is how often a refused version is read again: the fault may have been a passing one.
	again = 10 * time.Second
	// small is how large a file may be and still be compared by its content.
	small = 64 << 10
)

// Kept is what was read last. Any goroutine may use it.
type Kept[T any] struct {
	files   []string
	read    func() (T, error)
	current atomic.Pointer[T]

	// Touched by Open and then by the follower only.
	loaded  string // the version in use
	before  string // the version that was seen last
	refused string // the version that could not be used
	retry   time.Time
}

// Open reads the files for the first time. read reads them as they are now; it is called by one goroutine at a time.
func Open[T any](read func() (T, error), files ...string) (*Kept[T], error) {
	k := &Kept[T]{files: files, read: read}
	k.loaded = version(files) // before they are read: a change in between is seen as one
	k.before = k.loaded
	v, err := read()
	if err != nil {
		return nil, err
	}
	k.current.Store(&v)
	return k, nil
}

// Get gives what was read last.
func (k *Kept[T]) Get() T { return *k.current.Load() }

// Observer is told what becomes of the files, by the follower's goroutine.
type Observer[T any] struct {
	Log     *zap.Logger
	What    string              // names it in the log
	About   func(T) []zap.Field // what the log says of a version
	Looking func(current T)     // called at each look; may be nil
}

// Follow looks at the files from now on, until stop is called.
func (k *Kept[T]) Follow(o Observer[T]) (stop func()) {
	done := make(chan struct{})
	var once sync.Once
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			if o.Looking != nil {
				o.Looking(k.Get())
			}
			select {
			case <-done:
				return
			case <-tick.C:
				k.look(o)
			}
		}
	})
	return func() {
		once.Do(func() { close(done) })
		ended.Wait()
	}
}

func (k *Kept[T]) look(o Observer[T]) {
	now := version(k.files)
	settled := now == k.before
	k.before = now
	switch {
	case now == k.loaded:
		k.refused = ""
		return
	case !settled, now == k.refused && time.Now().Before(k.retry):
		return
	}
	v, err := k.read()
	if version(k.files) != now {
		return // it was changed while it was read
	}
	if err != nil {
		if now != k.refused {
			o.Log.Error(o.What+" was replaced by one that cannot be used; the one before stays in use",
				zap.Strings("files", k.files), zap.Error(err))
		}
		k.refused, k.retry = now, time.Now().Add(again)
		return
	}
	k.current.Store(&v)
	k.loaded, k.refused = now, ""
	o.Log.Info(o.What+" was replaced; the new one is in use", o.About(v)...)
}

// version tells two states of the files apart: by their content if they are small, else by what the file system says of
// them.
func version(files []string) string {
	all := ""
	for _, name := range files {
		all += versionOf(name) + "\n"
	}
	return all
}

func versionOf(name string) string {
	info, err := os.Stat(name)
	if err != nil {
		return err.Error()
	}
	if info.Size() <= small {
		content, err := os.ReadFile(name)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%x", sha256.Sum256(content))
	}
	var inode uint64
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = sys.Ino
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano(), inode)
}
