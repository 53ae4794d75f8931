package push

import (
	"context"
	"errors"
	"sync"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// Why a stream ends.
var (
	ErrReplaced = galaxy.Errorf(galaxy.Conflict, "a newer subscription of this gateway_client_id has replaced this one")
	ErrDraining = galaxy.Errorf(galaxy.ServiceUnavailable, "the service is stopping")
)

// Subscription is where a gateway's stream takes its events from. It is the one thing that the subscriber's actor
// shares with another goroutine.
type Subscription struct {
	client  string
	hub     kit.Ref
	limit   int
	resumed bool
	ready   chan struct{} // holds a token when there may be something to take

	mu     sync.Mutex
	replay []*Frame // of the ring, outside the limit
	queue  []*Frame
	taken  []*Frame // what Take gave last; queue's next memory
	ended  error
}

func newSubscription(client string, hub kit.Ref, limit int, replay []*Frame, resumed bool) *Subscription {
	s := &Subscription{client: client, hub: hub, limit: limit, resumed: resumed, ready: make(chan struct{}, 1), replay: replay}
	s.signal()
	return s
}

// Resumed reports whether the stream goes on where the gateway's cursor stood, with nothing missing in between. A gateway
// whose stream does not must not trust what it has cached of sessions.
func (s *Subscription) Resumed() bool { return s.resumed }

func (s *Subscription) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Take waits for events and gives all that wait, oldest first; they are the caller's until it takes again. Once nothing is
// left it gives the reason for which the subscription has ended.
func (s *Subscription) Take(ctx context.Context) ([]*Frame, error) {
	for {
		frames, err := s.take()
		if len(frames) > 0 || err != nil {
			return frames, err
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *Subscription) take() ([]*Frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.replay) > 0 {
		frames := s.replay
		s.replay = nil
		return frames, nil
	}
	if len(s.queue) > 0 {
		clear(s.taken)
		s.taken, s.queue = s.queue, s.taken[:0]
		return s.taken, nil
	}
	return nil, s.ended
}

// push appends a frame, and reports whether the oldest had to be dropped for it.
func (s *Subscription) push(f *Frame) (dropped bool) {
	s.mu.Lock()
	if dropped = len(s.queue) >= s.limit; dropped {
		s.queue[0] = nil
		s.queue = s.queue[1:]
	}
	s.queue = append(s.queue, f)
	s.mu.Unlock()
	s.signal()
	return dropped
}

// end lets the stream finish with what is queued, and then with reason. A replaced stream gets nothing more: its
// successor has been given the same events.
func (s *Subscription) end(reason error) {
	s.mu.Lock()
	if s.ended == nil {
		s.ended = reason
		if errors.Is(reason, ErrReplaced) {
			s.replay, s.queue = nil, nil
		}
	}
	s.mu.Unlock()
	s.signal()
}

// Close tells the hub that the stream has ended, for whatever reason.
func (s *Subscription) Close() { kit.Tell(s.hub, unsubscribed{s}) }
