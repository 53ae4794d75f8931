package bench

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/push"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
	pushv1 "galaxy/backend/proto/push/v1"
)

const (
	subscribers = 10
	payloadSize = 256
	queueSize   = 1024 // the service's default, and the bare loop's channels
	outstanding = queueSize / 4
)

// benchFanout: events published until ten subscribers have received them, and one encoded message through ten channels.
func benchFanout(t *testing.T) {
	w := newWorld(t, enginetest.New(t))
	// The notices' worker publishes all it has claimed within one deadline, too.
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	user, payload := galaxy.UserID{UUID: galaxy.NewID()}, blob(strings.Repeat("p", payloadSize))
	ours := newReceivers(t, w.push)
	limit := newFanout(t, payload)
	loop := newReceivers(t, limit.address)
	comparison{name: "push/fanout-10", unit: "events/s",
		ours: func() float64 {
			return ours.perSecond(func() error {
				_, err := kit.Ask(ctx, w.system.Push, push.Publish{User: user, Event: payload, EventID: "event"})
				return err
			})
		},
		limit: func() float64 { return loop.perSecond(limit.publish) },
	}.run(t)
}

// blob is an event without a table.
type blob string

func (blob) Kind() string               { return "game.turn.ready" }
func (b blob) Marshal() ([]byte, error) { return []byte(b), nil }

// receivers are subscribed gateways that count.
type receivers struct {
	*testing.T
	counts [subscribers]atomic.Int64
	more   chan struct{}
}

func newReceivers(t *testing.T, address string) *receivers {
	r := &receivers{T: t, more: make(chan struct{}, 1)}
	var ready sync.WaitGroup
	for i := range subscribers {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		stream, err := pushv1.NewPushClient(conn).SubscribePush(t.Context(), &pushv1.GatewaySubscribeRequest{GatewayClientId: "gateway-" + strconv.Itoa(i)})
		require.NoError(t, err)
		_, err = stream.Header()
		require.NoError(t, err)
		ready.Go(func() { r.receive(i, stream) })
	}
	return r
}

func (r *receivers) receive(i int, stream grpc.ServerStreamingClient[pushv1.PushEvent]) {
	go func() {
		for {
			if _, err := stream.Recv(); err != nil {
				return
			}
			r.counts[i].Add(1)
			select {
			case r.more <- struct{}{}:
			default:
			}
		}
	}()
}

// slowest is how many events the slowest subscriber has.
func (r *receivers) slowest() int64 {
	least := r.counts[0].Load()
	for i := range r.counts {
		least = min(least, r.counts[i].Load())
	}
	return least
}

// perSecond publishes for one sample's time, with a bounded number of events under way, and gives the events per second
// that everybody has received. An event that is lost fails the run.
func (r *receivers) perSecond(publish func() error) float64 {
	first, began := r.slowest(), time.Now()
	published := first
	for time.Since(began) < sample() {
		for published-r.slowest() >= outstanding {
			r.wait(began)
		}
		if err := publish(); err != nil {
			r.Errorf("publish: %v", err)
			return 1
		}
		published++
	}
	for r.slowest() < published {
		if !r.wait(began) {
			return 1
		}
	}
	return float64(published-first) / time.Since(began).Seconds()
}

func (r *receivers) wait(began time.Time) bool {
	select {
	case <-r.more:
	case <-time.After(time.Second):
		if time.Since(began) > 20*time.Second {
			r.Errorf("events were dropped: the slowest subscriber has %d", r.slowest())
			return false
		}
	}
	return true
}

// fanout is the bare loop: a message that is encoded already, and a channel per subscriber.
type fanout struct {
	pushv1.UnimplementedPushServer
	address string
	encoded []byte

	mu       sync.Mutex
	channels []chan []byte
}

func newFanout(t *testing.T, payload blob) *fanout {
	encoded, err := proto.Marshal(&pushv1.PushEvent{Cursor: strings.Repeat("0", 20), Kind: &pushv1.PushEvent_ClientEvent{ClientEvent: &pushv1.ClientEvent{
		UserId: galaxy.NewID().String(), Kind: payload.Kind(), Payload: []byte(payload), EventId: "event"}}})
	require.NoError(t, err)
	f := &fanout{encoded: encoded}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer(grpc.ForceServerCodecV2(asIs{encoding.GetCodecV2("proto")}))
	pushv1.RegisterPushServer(s, f)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	f.address = l.Addr().String()
	return f
}

func (f *fanout) publish() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.channels {
		c <- f.encoded
	}
	return nil
}

func (f *fanout) SubscribePush(_ *pushv1.GatewaySubscribeRequest, stream grpc.ServerStreamingServer[pushv1.PushEvent]) error {
	c := make(chan []byte, queueSize)
	f.mu.Lock()
	f.channels = append(f.channels, c)
	f.mu.Unlock()
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	for {
		select {
		case b := <-c:
			if err := stream.SendMsg(b); err != nil {
				return err
			}
		case <-stream.Context().Done():
			return context.Cause(stream.Context())
		}
	}
}

// asIs sends bytes as they are.
type asIs struct{ encoding.CodecV2 }

func (a asIs) Marshal(v any) (mem.BufferSlice, error) {
	if b, ok := v.([]byte); ok {
		return mem.BufferSlice{mem.SliceBuffer(b)}, nil
	}
	return a.CodecV2.Marshal(v)
}
