package push

import (
	"sort"
	"strconv"
	"strings"
	"time"
)

// Frame is one event as it goes to every gateway: encoded once.
type Frame struct {
	// Encoded is a galaxy.push.v1.PushEvent.
	Encoded []byte
	cursor  uint64
	at      time.Time
}

// A cursor is the boot number in the high bits and the number of the event in the low ones, as 20 decimal digits.
const (
	cursorDigits = 20
	counterBits  = 40
	bootMask     = 1<<(64-counterBits) - 1
)

func cursorText(c uint64) string {
	digits := strconv.FormatUint(c, 10)
	return strings.Repeat("0", cursorDigits-len(digits)) + digits
}

// parseCursor reads a cursor that some process lifetime may have given out.
func parseCursor(s string) (uint64, bool) {
	if len(s) != cursorDigits {
		return 0, false
	}
	c, err := strconv.ParseUint(s, 10, 64)
	return c, err == nil
}

// ring keeps recent frames, oldest first, within a time, a number and a size.
type ring struct {
	conf   Config
	frames []*Frame // from head on
	head   int
	bytes  int
}

func (r *ring) live() []*Frame { return r.frames[r.head:] }

func (r *ring) add(f *Frame) {
	r.frames = append(r.frames, f)
	r.bytes += len(f.Encoded)
	for len(r.live()) > r.conf.RingEvents || r.bytes > r.conf.RingBytes && len(r.live()) > 1 {
		r.drop()
	}
	r.expire(f.at)
}

// expire forgets what is older than the time to live.
func (r *ring) expire(now time.Time) {
	for live := r.live(); len(live) > 0 && now.Sub(live[0].at) > r.conf.TTL; live = r.live() {
		r.drop()
	}
}

func (r *ring) drop() {
	r.bytes -= len(r.frames[r.head].Encoded)
	r.frames[r.head] = nil
	if r.head++; r.head*2 > len(r.frames) {
		r.frames = append([]*Frame(nil), r.live()...)
		r.head = 0
	}
}

// after gives the frames behind a cursor; ok is false when some of them are forgotten already. newest is the cursor
// of the newest event ever given out.
func (r *ring) after(cursor, newest uint64) (frames []*Frame, ok bool) {
	live := r.live()
	switch {
	case cursor > newest:
		return nil, false
	case cursor == newest:
		return nil, true
	case len(live) == 0 || live[0].cursor > cursor+1:
		return nil, false
	}
	i := sort.Search(len(live), func(i int) bool { return live[i].cursor > cursor })
	return append([]*Frame(nil), live[i:]...), true
}
