// Package logsink writes lines to an output whose reader may be slow, stand still or be gone, such as the pipe behind
// stdout. Who writes never waits: lines that find no room are dropped and counted, and as soon as the output takes
// lines again, one line says how many are missing at that place.
package logsink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// maxLines and maxBytes bound what waits. As much again may be with the output.
	maxLines = 16 << 10
	maxBytes = 4 << 20
	// chunk is how many bytes of whole lines are written at once: progress shows after each.
	chunk = 32 << 10
	// kept is how large a buffer may have grown and still be kept for reuse.
	kept = 256 << 10
	// syncTimeout bounds Sync.
	syncTimeout = time.Second
	// stuckAfter is how long one chunk may take before the output counts as stuck.
	stuckAfter = 3 * time.Second
)

// ErrStuck says that the output did not take in time what was written.
var ErrStuck = errors.New("the reader of the log does not read")

// Sink is a bounded buffer in front of an output, and the one goroutine that empties it. Lines keep their order. Any
// goroutine may use it.
type Sink struct {
	out  io.Writer
	lost func(lines uint64) []byte
	wake chan struct{}
	torn bool // the output ends in half a line; touched by the goroutine only

	mu       sync.Mutex
	pending  []byte        // whole lines
	spare    []byte        // a buffer for reuse
	lines    uint64        // in pending
	full     bool          // everything is dropped until pending is taken out, so that the gap is one
	over     uint64        // lines dropped since full, which come after pending
	after    uint64        // lines dropped after what is being written, before pending
	owed     uint64        // lines dropped before what is written next, and not told yet
	accepted uint64        // lines so far, …
	settled  uint64        // … and those of them that were written, or have failed
	dropped  uint64        // lines so far, for whatever reason
	since    time.Time     // when the write in progress began; zero without one
	failed   error         // of the last write
	passed   chan struct{} // closed by the next progress; nil while nobody waits
}

// New makes a sink for the rest of the process's life. lost gives the line that says how many lines are missing.
func New(out io.Writer, lost func(lines uint64) []byte) *Sink {
	s := &Sink{out: out, lost: lost, wake: make(chan struct{}, 1)}
	go func() {
		for range s.wake {
			for s.pass() {
			}
		}
	}()
	return s
}

// Write accepts whole lines, or drops them. It never waits and never fails.
func (s *Sink) Write(text []byte) (int, error) {
	lines := uint64(bytes.Count(text, newline))
	s.mu.Lock()
	if s.full || s.lines+lines > maxLines || len(s.pending)+len(text) > maxBytes {
		s.full = true
		s.over += lines
		s.dropped += lines
	} else {
		s.pending = append(s.pending, text...)
		s.lines += lines
		s.accepted += lines
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return len(text), nil
}

var newline = []byte{'\n'}

// Sync waits until everything accepted so far is written or has failed, a second at most.
func (s *Sink) Sync() error {
	late := time.NewTimer(syncTimeout)
	defer late.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for until := s.accepted; s.settled < until; {
		if s.passed == nil {
			s.passed = make(chan struct{})
		}
		passed, inTime := s.passed, true
		s.mu.Unlock()
		select {
		case <-passed:
		case <-late.C:
			inTime = false
		}
		s.mu.Lock()
		if !inTime {
			return ErrStuck
		}
	}
	return s.failed
}

// Dropped counts the lines that were dropped so far.
func (s *Sink) Dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

// Healthy gives an error while lines are dropped, or the output takes none.
func (s *Sink) Healthy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.failed != nil:
		return fmt.Errorf("the log cannot be written (%w); lines dropped so far: %d", s.failed, s.dropped)
	case !s.since.IsZero() && time.Since(s.since) > stuckAfter:
		return fmt.Errorf("nobody has read the log since %s; lines dropped so far: %d",
			s.since.UTC().Format(time.RFC3339), s.dropped)
	case s.over+s.after+s.owed > 0:
		return fmt.Errorf("the log is read too slowly; lines dropped so far: %d", s.dropped)
	}
	return nil
}

// pass writes what is pending, and how many lines are missing after it. It reports whether there may be more.
func (s *Sink) pass() bool {
	s.mu.Lock()
	batch, more := s.pending, len(s.pending) > 0 || s.over > 0
	s.pending, s.spare = s.spare, nil
	s.lines, s.over, s.after, s.full = 0, 0, s.over, false
	s.mu.Unlock()
	for rest := batch; len(rest) > 0; {
		n := wholeLines(rest)
		s.write(rest[:n])
		rest = rest[n:]
	}
	s.mu.Lock()
	s.owed, s.after = s.owed+s.after, 0
	tell := s.owed > 0 && s.failed == nil
	if cap(batch) <= kept {
		s.spare = batch[:0]
	}
	s.mu.Unlock()
	if tell {
		s.write(nil)
	}
	return more
}

// wholeLines is how many bytes of text are written next.
func wholeLines(text []byte) int {
	if len(text) <= chunk {
		return len(text)
	}
	if end := bytes.LastIndexByte(text[:chunk], '\n'); end >= 0 {
		return end + 1
	}
	if end := bytes.IndexByte(text, '\n'); end >= 0 {
		return end + 1
	}
	return len(text)
}

// write writes text, after a line about what is missing before it. What the output does not take is dropped.
func (s *Sink) write(text []byte) {
	s.mu.Lock()
	owed := s.owed
	s.since = time.Now()
	s.mu.Unlock()
	var head []byte
	if s.torn {
		head = append(head, '\n')
	}
	if owed > 0 {
		head = append(head, s.lost(owed)...)
	}
	all := text
	if len(head) > 0 {
		all = append(head, text...)
	}
	n, err := s.out.Write(all)
	if n > 0 {
		s.torn = all[n-1] != '\n'
	}
	var missing uint64
	if n < len(all) {
		missing = uint64(bytes.Count(text[max(0, n-len(head)):], newline))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n >= len(head) {
		s.owed -= owed
	}
	s.settled += uint64(bytes.Count(text, newline))
	s.owed += missing
	s.dropped += missing
	s.since, s.failed = time.Time{}, err
	if s.passed != nil {
		close(s.passed)
		s.passed = nil
	}
}
