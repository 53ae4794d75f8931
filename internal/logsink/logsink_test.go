package logsink_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/internal/logsink"
)

const eventually, tick = 10 * time.Second, time.Millisecond

func lost(n uint64) []byte { return fmt.Appendf(nil, "lost %d\n", n) }

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

func put(t *testing.T, s *logsink.Sink, line string) {
	t.Helper()
	n, err := s.Write([]byte(line + "\n"))
	require.NoError(t, err)
	require.Equal(t, len(line)+1, n)
}

// follow checks that numbered lines come in order, with gaps exactly where the lines say so, until the last one has
// come.
func follow(t *testing.T, r io.Reader, last int) (missing int) {
	t.Helper()
	next := 0
	for lines := bufio.NewScanner(r); next <= last; {
		require.True(t, lines.Scan(), "the end came at %d: %v", next, lines.Err())
		word, rest, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.Atoi(strings.TrimSpace(strings.Trim(rest, "x")))
		require.NoError(t, err, lines.Text())
		if word == "lost" {
			missing += n
			next += n
			continue
		}
		require.Equal(t, next, n)
		next++
	}
	return missing
}

func TestWhatIsWrittenArrivesInOrder(t *testing.T) {
	r, w := pipe(t)
	s := logsink.New(w, lost)
	go func() {
		for n := range 50_000 {
			_, _ = s.Write(fmt.Appendf(nil, "line %d\n", n))
			if n%1000 == 0 {
				_ = s.Sync()
			}
		}
	}()
	require.Zero(t, follow(t, r, 49_999))
	require.NoError(t, s.Sync())
	require.NoError(t, s.Healthy())
	require.Zero(t, s.Dropped())
}

// TestAReaderThatStandsStillHoldsNobodyUp: neither by lines nor by bytes does what waits grow without bound.
func TestAReaderThatStandsStillHoldsNobodyUp(t *testing.T) {
	for name, long := range map[string]string{"many lines": "", "long lines": strings.Repeat("x", 20_000)} {
		t.Run(name, func(t *testing.T) {
			r, w := pipe(t)
			s := logsink.New(w, lost)
			n := 0
			for ; s.Dropped() < 100; n++ {
				put(t, s, fmt.Sprintf("line %d %s", n, long))
			}
			require.Less(t, n, 100_000)
			require.Error(t, s.Healthy())
			require.ErrorIs(t, s.Sync(), logsink.ErrStuck)
			stuck := func() bool { return strings.Contains(s.Healthy().Error(), "nobody has read the log since") }
			require.Eventually(t, stuck, eventually, tick)

			var got bytes.Buffer
			copied := make(chan struct{})
			go func() { // the reader reads again
				_, _ = io.Copy(&got, r)
				close(copied)
			}()
			require.Eventually(t, func() bool { return s.Healthy() == nil }, eventually, tick,
				"it is well again, and nothing more is written")
			dropped := s.Dropped()
			for more := range 10 {
				put(t, s, fmt.Sprintf("line %d", n+more))
			}
			require.Eventually(t, func() bool { return s.Sync() == nil }, eventually, tick)
			require.NoError(t, w.Close())
			<-copied
			require.EqualValues(t, dropped, follow(t, &got, n+9))
		})
	}
}

func TestWithoutAReaderLinesAreCounted(t *testing.T) {
	r, w := pipe(t)
	s := logsink.New(w, lost)
	require.NoError(t, r.Close())
	for n := range 10 {
		put(t, s, fmt.Sprint("line ", n))
	}
	require.Error(t, s.Sync())
	require.ErrorContains(t, s.Healthy(), "cannot be written")
	require.EqualValues(t, 10, s.Dropped())
}

// disk is full, by half a line, until there is room.
type disk struct {
	mu   sync.Mutex
	full bool
	all  bytes.Buffer
}

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		n, _ := d.all.Write(p[:min(len(p), 3)])
		return n, errors.New("no space left on the device")
	}
	return d.all.Write(p)
}

func (d *disk) fill(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

func TestALineThatFailedByHalfSpoilsNoOther(t *testing.T) {
	d := &disk{}
	s := logsink.New(d, lost)
	put(t, s, "first")
	require.NoError(t, s.Sync())
	d.fill(true)
	put(t, s, "second")
	require.Error(t, s.Sync())
	require.EqualValues(t, 1, s.Dropped())
	d.fill(false)
	put(t, s, "third")
	require.NoError(t, s.Sync())
	require.NoError(t, s.Healthy())
	require.Equal(t, "first\nsec\nlost 1\nthird\n", d.all.String())
}

func TestLastWordsAreNotWaitedForInVain(t *testing.T) {
	r, w := pipe(t)
	logsink.Say(w, "the end\n")
	got := make([]byte, 8)
	_, err := io.ReadFull(r, got)
	require.NoError(t, err)
	require.Equal(t, "the end\n", string(got))
	began := time.Now()
	logsink.Say(w, strings.Repeat("x", 1<<20))
	require.Less(t, time.Since(began), 30*time.Second)
}

func BenchmarkWrite(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(b, err)
	defer null.Close()
	s := logsink.New(null, lost)
	line := []byte(strings.Repeat("x", 300) + "\n")
	for b.Loop() {
		_, _ = s.Write(line)
	}
}
