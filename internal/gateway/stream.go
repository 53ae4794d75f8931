package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pushv1 "galaxy/backend/proto/push/v1"
)

// Stream holds the push stream: it comes back with its last cursor whenever the stream breaks.
type Stream struct {
	conn   *grpc.ClientConn
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	events []*pushv1.ClientEvent
	ended  []*pushv1.SessionInvalidation
	seen   map[string]bool // event ids: an event may come twice
	cursor string
	end    error
}

// bearer sends a token with every call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

// Subscribe opens the stream at address, under the name id and with token if there is one, and waits until it stands.
func Subscribe(ctx context.Context, address, id, token string) (*Stream, error) {
	opts := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if token != "" {
		opts = append(opts, grpc.WithPerRPCCredentials(bearer(token)))
	}
	conn, err := grpc.NewClient(address, opts...)
	if err != nil {
		return nil, err
	}
	living, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Stream{conn: conn, cancel: cancel, done: make(chan struct{}), seen: map[string]bool{}}
	stream, err := s.open(living, id)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	go s.hold(living, id, stream)
	return s, nil
}

func (s *Stream) open(ctx context.Context, id string) (grpc.ServerStreamingClient[pushv1.PushEvent], error) {
	s.mu.Lock()
	cursor := s.cursor
	s.mu.Unlock()
	stream, err := pushv1.NewPushClient(s.conn).SubscribePush(ctx, &pushv1.GatewaySubscribeRequest{GatewayClientId: id, Cursor: cursor}, grpc.WaitForReady(true))
	if err != nil {
		return nil, err
	}
	header, err := stream.Header()
	if err == nil && header == nil { // it has ended already
		_, err = stream.Recv()
	}
	return stream, err
}

func (s *Stream) hold(ctx context.Context, id string, stream grpc.ServerStreamingClient[pushv1.PushEvent]) {
	defer close(s.done)
	for {
		err := s.read(stream)
		for err != nil {
			if ctx.Err() != nil || status.Code(err) == codes.Aborted {
				s.mu.Lock()
				s.end = err
				s.mu.Unlock()
				return
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			stream, err = s.open(ctx, id)
		}
	}
}

func (s *Stream) read(stream grpc.ServerStreamingClient[pushv1.PushEvent]) error {
	for stream != nil {
		e, err := stream.Recv()
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.cursor = e.GetCursor()
		if c := e.GetClientEvent(); c != nil && !s.seen[c.GetEventId()] {
			s.seen[c.GetEventId()] = true
			s.events = append(s.events, c)
		}
		if ended := e.GetSessionInvalidation(); ended != nil {
			s.ended = append(s.ended, ended)
		}
		s.mu.Unlock()
	}
	return nil
}

// Ended gives the reason for which a session was ended, if gateways were told of it.
func (s *Stream) Ended(session uuid.UUID) (reason string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.ended {
		if e.GetDeviceSessionId() == session.String() {
			return e.GetReason(), true
		}
	}
	return "", false
}

// Events gives what has come so far, oldest first, each once.
func (s *Stream) Events() []*pushv1.ClientEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*pushv1.ClientEvent(nil), s.events...)
}

// Count counts the events of a kind.
func (s *Stream) Count(kind string) (n int) {
	for _, e := range s.Events() {
		if e.GetKind() == kind {
			n++
		}
	}
	return n
}

// Close ends the stream.
func (s *Stream) Close() {
	s.cancel()
	<-s.done
	_ = s.conn.Close()
}
