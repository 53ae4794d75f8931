package http

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"galaxy/backend/galaxy"
)

const (
	// hushed is how long a connection must have been quiet to be closed by a stop, or hushedShare of its time when that
	// is less. A client that has just connected is about to send.
	hushed      = time.Second
	hushedShare = 8
	// answerShare is the part of a stop's time that is kept for the answers of requests whose work is cut off.
	answerShare = 4
	// defaultStop bounds a stop that has no other bound.
	defaultStop = 15 * time.Second
	// settle is how long handshakes in flight have before the listener is closed, or a sixteenth of the stop's time
	// when that is less. It is less than a client waits before it repeats one.
	settle = 500 * time.Millisecond
	// poll is how often a stop looks whether requests are still being answered.
	poll = 5 * time.Millisecond
)

var (
	errStopping = &galaxy.Error{Code: galaxy.ServiceUnavailable, Message: "this backend is stopping; try again shortly",
		RetryAfter: time.Second}
	errCutOff = &galaxy.Error{Code: galaxy.ServiceUnavailable, RetryAfter: time.Second,
		Message: "this backend is stopping before the answer came; the request may still have been carried out"}
	errCrowded = &galaxy.Error{Code: galaxy.ServiceUnavailable,
		Message: "too many connections are open; try again shortly", RetryAfter: time.Second}
)

// Refuse answers every new request but probes with 503 from now on, and has each answer close its connection.
func (f *Front) Refuse() {
	f.stopping.Store(true)
	if s := f.surface.Load(); s != nil {
		s.stopping.Store(true)
	}
}

// Stop refuses new requests, takes no new connections once load balancers could see that, and waits for the requests in
// flight. Shortly before ctx is done their contexts end, so that each is still answered; what is left when ctx is done
// is cut off.
//
// It does not use http.Server.Shutdown, which drops every request whose header is read after it was called.
func (f *Front) Stop(ctx context.Context) (err error) {
	f.Refuse()
	f.stop.Do(func() { err = f.drain(ctx) })
	return err
}

func (f *Front) drain(ctx context.Context) error {
	defer func() { _ = f.http.Close() }()
	until, bounded := ctx.Deadline()
	if !bounded {
		until = time.Now().Add(cmp.Or(f.conf.ShutdownTimeout, defaultStop))
	}
	left := time.Until(until)
	working, cancel := context.WithTimeout(ctx, left-left/answerShare)
	defer cancel()
	if f.surface.Load() != nil {
		pause(working, min(f.conf.Drain, left/2))
	}
	f.door.close(min(settle, left/16))
	select {
	case <-f.served: // what was accepted last is known
	case <-working.Done():
	}
	if f.quiesce(working, min(hushed, left/hushedShare), false) == 0 {
		return nil
	}
	f.cut()
	answering, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if n := f.quiesce(answering, 0, true); n > 0 {
		return fmt.Errorf("%d requests were cut off without an answer", n)
	}
	return nil
}

// quiesce waits until no connection is open or ctx is done, and gives how many are. Those on which nothing has happened
// for as long as quiet are closed; with cut, nothing more is read from the others.
func (f *Front) quiesce(ctx context.Context, quiet time.Duration, cut bool) int {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if cut {
			f.door.interrupt()
		}
		n := f.door.hush(quiet)
		if n == 0 || ctx.Err() != nil {
			return n
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// unreadFor is how long the rest of a request that was refused is read: a client that is still sending would not see
// the answer.
const unreadFor = time.Second

// refuse answers a request before its body was read.
func (s *Server) refuse(c *gin.Context, err error) {
	if c.Request.ContentLength != 0 {
		_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(unreadFor))
	}
	s.fail(c, err)
}

// cutOff gives what a request is answered that was given up: by a stop when the service stops, else by its caller.
func (s *Server) cutOff(ctx context.Context, otherwise error) error {
	if ctx.Err() != nil && s.stopping.Load() {
		return errCutOff
	}
	return otherwise
}
