package push

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	pushv1 "galaxy/backend/proto/push/v1"
)

type note struct {
	text string
	err  error
}

func (note) Kind() string               { return "test" }
func (n note) Marshal() ([]byte, error) { return []byte(n.text), n.err }

type hub struct {
	t   *testing.T
	ref kit.Ref
	now time.Time
}

func start(t *testing.T, conf Config, boot uint64) *hub {
	h := &hub{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	ref, err := Start(kittest.System(t), Deps{Config: conf, Boot: boot, Now: func() time.Time { return h.now }, Log: zap.NewNop(), Meter: noop.Meter{}}, kittest.Never)
	require.NoError(t, err)
	h.ref = ref
	return h
}

func (h *hub) publish(texts ...string) {
	h.t.Helper()
	for _, text := range texts {
		_, err := kit.Ask(h.t.Context(), h.ref, Publish{Event: note{text: text}})
		require.NoError(h.t, err)
	}
}

func (h *hub) subscribe(cursor string) *Subscription {
	h.t.Helper()
	sub, err := kit.Ask(h.t.Context(), h.ref, Subscribe{Client: "g", Cursor: cursor})
	require.NoError(h.t, err)
	return sub
}

// take reads n events, and gives their texts and the last cursor.
func (h *hub) take(sub *Subscription, n int) (texts []string, cursor string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 10*time.Second)
	defer cancel()
	for len(texts) < n {
		frames, err := sub.Take(ctx)
		require.NoError(h.t, err)
		for _, f := range frames {
			var e pushv1.PushEvent
			require.NoError(h.t, proto.Unmarshal(f.Encoded, &e))
			texts, cursor = append(texts, string(e.GetClientEvent().GetPayload())), e.GetCursor()
		}
	}
	require.Len(h.t, texts, n)
	return texts, cursor
}

var roomy = Config{TTL: time.Minute, RingEvents: 100, RingBytes: 1 << 20, Queue: 100}

func TestWhatACursorBringsBack(t *testing.T) {
	for name, c := range map[string]struct {
		conf   Config
		cursor func(h *hub) string // after "a", before "b" and "c" are published
		later  time.Duration
		want   []string
	}{
		"the newest cursor":                    {roomy, func(h *hub) string { return cursorText(7<<counterBits + 1) }, 0, []string{"b", "c", "new"}},
		"no cursor":                            {roomy, func(*hub) string { return "" }, 0, []string{"new"}},
		"a cursor of an earlier lifetime":      {roomy, func(*hub) string { return cursorText(6<<counterBits + 1) }, 0, []string{"a", "b", "c", "new"}},
		"a cursor that was never given out":    {roomy, func(*hub) string { return cursorText(7<<counterBits + 99) }, 0, []string{"new"}},
		"a cursor before the first event":      {roomy, func(*hub) string { return cursorText(7 << counterBits) }, 0, []string{"a", "b", "c", "new"}},
		"a cursor whose followers are too old": {roomy, func(*hub) string { return cursorText(7<<counterBits + 1) }, 2 * time.Minute, []string{"new"}},
		"a cursor behind a short ring": {Config{TTL: time.Minute, RingEvents: 1, RingBytes: 1 << 20, Queue: 100},
			func(*hub) string { return cursorText(7<<counterBits + 1) }, 0, []string{"new"}},
		"a cursor at the edge of a short ring": {Config{TTL: time.Minute, RingEvents: 2, RingBytes: 1 << 20, Queue: 100},
			func(*hub) string { return cursorText(7<<counterBits + 1) }, 0, []string{"b", "c", "new"}},
		"a cursor behind a ring of few bytes": {Config{TTL: time.Minute, RingEvents: 100, RingBytes: 10, Queue: 100},
			func(*hub) string { return cursorText(7<<counterBits + 1) }, 0, []string{"new"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, c.conf, 7)
			h.publish("a", "b", "c")
			h.now = h.now.Add(c.later)
			sub := h.subscribe(c.cursor(h))
			h.publish("new")
			texts, _ := h.take(sub, len(c.want))
			require.Equal(t, c.want, texts)
		})
	}
}

func TestTheOldestEventsOfASlowGatewayAreDropped(t *testing.T) {
	h := start(t, Config{TTL: time.Minute, RingEvents: 100, RingBytes: 1 << 20, Queue: 3}, 1)
	sub := h.subscribe("")
	for n := range 10 {
		h.publish(fmt.Sprint(n))
	}
	require.Eventually(t, func() bool {
		sub.mu.Lock()
		defer sub.mu.Unlock()
		return len(sub.queue) == 3 && sub.queue[2].cursor == 1<<counterBits+10
	}, 10*time.Second, time.Millisecond)
	texts, _ := h.take(sub, 3)
	require.Equal(t, []string{"7", "8", "9"}, texts)
}

func TestTheQueueDoesNotBoundTheReplay(t *testing.T) {
	h := start(t, Config{TTL: time.Minute, RingEvents: 100, RingBytes: 1 << 20, Queue: 3}, 1)
	h.publish("0", "1", "2", "3", "4", "5")
	texts, cursor := h.take(h.subscribe(cursorText(1<<counterBits)), 6)
	require.Equal(t, []string{"0", "1", "2", "3", "4", "5"}, texts)
	require.Equal(t, cursorText(1<<counterBits+6), cursor)
}

func TestAnEventThatCannotBeEncodedIsItsPublishersError(t *testing.T) {
	h := start(t, roomy, 1)
	_, err := kit.Ask(t.Context(), h.ref, Publish{Event: note{err: errors.New("no")}})
	require.ErrorContains(t, err, "no")
	sub := h.subscribe("")
	h.publish("a")
	_, cursor := h.take(sub, 1)
	require.Equal(t, cursorText(1<<counterBits+1), cursor)
}

func TestTheRingForgetsWhatIsOld(t *testing.T) {
	r := ring{conf: Config{TTL: time.Minute, RingEvents: 10, RingBytes: 1 << 20}}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range uint64(100) {
		r.add(&Frame{Encoded: []byte("12345"), cursor: n, at: at.Add(time.Duration(n) * time.Second)})
		require.LessOrEqual(t, len(r.live()), 10)
		require.LessOrEqual(t, len(r.frames), 20)
		require.Equal(t, 5*len(r.live()), r.bytes)
	}
	r.expire(at.Add(time.Hour))
	require.Empty(t, r.live())
	require.Zero(t, r.bytes)
}
