package http

import (
	"container/list"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Spare is how many connections are accepted beyond the bound: probes are answered on them, everything else is refused.
const Spare = 16

// door is the listener of the surface. It bounds how many connections are open at once, and knows which are quiet:
// those on which no request is being read or answered. A quiet one makes room for a new one, and is closed by a stop
// without losing a request.
type door struct {
	*net.TCPListener
	most int // connections at once; zero is no bound

	mu      sync.Mutex
	changed sync.Cond // a connection was closed, or became quiet
	open    map[*conn]struct{}
	going   int       // of these, how many were dismissed
	quiet   list.List // of *conn, the one first that has been quiet for longest
	shut    bool      // no connection is to come
}

func newDoor(l *net.TCPListener, most int) *door {
	d := &door{TCPListener: l, most: most, open: map[*conn]struct{}{}}
	d.changed.L = &d.mu
	return d
}

// conn is one connection.
type conn struct {
	*net.TCPConn
	door    *door
	crowded atomic.Bool // it is one of the spare
	hushed  atomic.Bool
	cut     atomic.Bool // what is read from it was ended by a stop
	closing atomic.Bool

	element *list.Element // of door.quiet; guarded by door.mu, as since is
	since   time.Time     // when it became quiet
	going   bool          // it was dismissed
}

// Accept waits for the next connection, and while all of the spare are in use.
func (d *door) Accept() (net.Conn, error) {
	d.awaitRoom()
	in, err := d.AcceptTCP()
	if err != nil {
		return nil, err
	}
	c := &conn{TCPConn: in, door: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open[c] = struct{}{}
	c.crowded.Store(!d.fits(infancy))
	d.rest(c)
	return c, nil
}

// infancy is how long a connection is quiet before a new one may take its place: a client that has just connected, or
// was just answered, is about to send. A request that has come takes the place of any.
const infancy = 100 * time.Millisecond

// fits reports whether all open connections are within the bound, or one that is quiet for longer could make room. It
// needs mu.
func (d *door) fits(longer time.Duration) bool {
	return d.most == 0 || len(d.open)-d.going <= d.most || d.evict(longer)
}

// awaitRoom lets clients wait in the backlog while not even a spare connection is free.
func (d *door) awaitRoom() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.most > 0 && len(d.open) >= d.most+Spare && !d.shut {
		d.evict(infancy)
		wake := time.AfterFunc(infancy, d.changed.Signal)
		d.changed.Wait()
		wake.Stop()
	}
}

// evict ends the connection that has been quiet for longest, and reports whether there was one that was for longer. It
// needs mu.
func (d *door) evict(longer time.Duration) bool {
	before := time.Now().Add(-longer)
	for e := d.quiet.Front(); e != nil; e = e.Next() {
		c, ok := e.Value.(*conn)
		if !ok || c.since.After(before) {
			return false
		}
		if d.dismiss(c) {
			return true
		}
	}
	return false
}

// dismiss ends a quiet connection, unless a request waits on it to be read. Its server closes it: a request that has
// been read in this very moment is still answered. It needs mu.
func (d *door) dismiss(c *conn) bool {
	if readable(c.TCPConn) {
		return false
	}
	d.rouse(c)
	c.going = true
	d.going++
	_ = c.SetReadDeadline(past)
	return true
}

// stays notes that a connection is no longer about to be closed, or is closed. It needs mu.
func (d *door) stays(c *conn) {
	if c.going {
		c.going = false
		d.going--
	}
}

var past = time.Unix(1, 0)

// rest notes that a connection is quiet. It needs mu.
func (d *door) rest(c *conn) {
	if _, open := d.open[c]; open && c.element == nil {
		d.stays(c)
		c.since, c.element = time.Now(), d.quiet.PushBack(c)
		c.hushed.Store(true)
		d.changed.Signal()
	}
}

// rouse notes that a connection is not quiet. It needs mu.
func (d *door) rouse(c *conn) {
	if c.element != nil {
		d.quiet.Remove(c.element)
		c.element = nil
		c.hushed.Store(false)
	}
}

// state follows what the server does with a connection.
func (d *door) state(in net.Conn, s http.ConnState) {
	c, ok := in.(*conn)
	switch {
	case !ok:
	case s == http.StateActive && c.hushed.Load():
		d.mu.Lock()
		d.rouse(c)
		d.mu.Unlock()
	case s == http.StateIdle:
		d.mu.Lock()
		d.rest(c)
		d.mu.Unlock()
	}
}

// Read reads; the first byte of a request ends the quiet.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if n > 0 && c.hushed.Load() {
		c.door.mu.Lock()
		c.door.rouse(c)
		c.door.mu.Unlock()
	}
	return n, err
}

// linger is how long a connection whose request was cut off waits for its client to read the answer. If it were closed
// with bytes of the request unread, then the client's system might drop the answer.
const linger = 100 * time.Millisecond

// Close closes the connection.
func (c *conn) Close() error {
	if !c.closing.Swap(true) && c.cut.Load() && c.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(linger))
		_, _ = io.Copy(io.Discard, c.TCPConn)
	}
	err := c.TCPConn.Close()
	d := c.door
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rouse(c)
	d.stays(c)
	delete(d.open, c)
	d.changed.Signal()
	return err
}

// close takes no more connections. Those whose clients believe that they are connected are accepted first: they would
// be reset otherwise, with what was sent on them. Handshakes that have begun have as long as settle to be completed.
func (d *door) close(settle time.Duration) {
	d.mu.Lock()
	d.shut = true
	d.changed.Broadcast()
	d.mu.Unlock()
	if refuseHandshakes(d.TCPListener) == nil {
		time.Sleep(settle)
	}
	for until := time.Now().Add(settle); readable(d.TCPListener) && time.Now().Before(until); {
		time.Sleep(time.Millisecond)
	}
	_ = d.TCPListener.Close()
}

// hush ends the connections that have been quiet for a while, and gives how many are open.
func (d *door) hush(longer time.Duration) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := time.Now().Add(-longer)
	for e := d.quiet.Front(); e != nil; {
		c, next := e.Value.(*conn), e.Next()
		if c.since.After(before) {
			break
		}
		d.dismiss(c)
		e = next
	}
	return len(d.open)
}

// interrupt ends what is being read from clients, so that whoever reads it can still answer.
func (d *door) interrupt() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.open {
		if c.cut.Store(true); !c.closing.Load() {
			_ = c.SetReadDeadline(past)
		}
	}
}

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// crowded reports whether a request came on a spare connection, and there is no room for it now either.
func crowded(ctx context.Context) bool {
	c, ok := ctx.Value(connKey{}).(*conn)
	if !ok || !c.crowded.Load() {
		return false
	}
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	if c.door.fits(0) {
		c.crowded.Store(false)
	}
	return c.crowded.Load()
}

// isSpare reports whether a request came on a spare connection.
func isSpare(ctx context.Context) bool {
	c, ok := ctx.Value(connKey{}).(*conn)
	return ok && c.crowded.Load()
}
