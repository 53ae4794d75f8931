package grpcpush

import (
	"container/list"
	"net"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
)

// door is the listener of the push stream. It bounds how many connections are open at once. One on which nothing was
// ever said makes room for a new one; without room a new one is closed, and its gateway tries again by itself.
type door struct {
	net.Listener
	most int // connections at once; zero is no bound
	log  *zap.Logger

	mu   sync.Mutex
	open map[*conn]struct{}
	mute list.List // of *conn, the oldest first
	full bool      // it was logged that there is no room
}

func newDoor(l net.Listener, most int, log *zap.Logger) *door {
	return &door{Listener: l, most: most, log: log, open: map[*conn]struct{}{}}
}

// conn is one connection.
type conn struct {
	net.Conn
	door    *door
	silent  atomic.Bool
	element *list.Element // of door.mute; guarded by door.mu
}

// Accept waits for the next connection that there is room for.
func (d *door) Accept() (net.Conn, error) {
	for {
		in, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := d.admit(in); c != nil {
			return c, nil
		}
		_ = in.Close()
	}
}

func (d *door) admit(in net.Conn) *conn {
	d.mu.Lock()
	oldest := d.room()
	c := &conn{Conn: in, door: d}
	if d.most == 0 || len(d.open) < d.most {
		c.silent.Store(true)
		d.open[c], c.element = struct{}{}, d.mute.PushBack(c)
	} else {
		c = nil
	}
	tell := c == nil && !d.full
	d.full = c == nil
	d.mu.Unlock()
	if oldest != nil {
		_ = oldest.Conn.Close()
	}
	if tell {
		d.log.Warn("no more gateways are let in: as many connections are open as may be", zap.Int("connections",
			d.most))
	}
	return c
}

// room takes the oldest mute connection out, to be closed, when no other is left. It needs mu.
func (d *door) room() *conn {
	if d.most == 0 || len(d.open) < d.most || d.mute.Len() == 0 {
		return nil
	}
	c, _ := d.mute.Front().Value.(*conn)
	d.forget(c)
	return c
}

// forget needs mu.
func (d *door) forget(c *conn) {
	d.hear(c)
	delete(d.open, c)
}

// hear notes that a connection is not mute. It needs mu.
func (d *door) hear(c *conn) {
	if c.element != nil {
		d.mute.Remove(c.element)
		c.element = nil
		c.silent.Store(false)
	}
}

// closeMute closes the connections on which nothing was ever said, and closeAll every one: the server waits for each to
// be greeted.
func (d *door) closeMute() { d.close(func(c *conn) bool { return c.element != nil }) }

func (d *door) closeAll() { d.close(func(*conn) bool { return true }) }

func (d *door) close(which func(*conn) bool) {
	d.mu.Lock()
	var closed []*conn
	for c := range d.open {
		if which(c) {
			closed = append(closed, c)
		}
	}
	d.mu.Unlock()
	for _, c := range closed {
		_ = c.Close()
	}
}

// Read reads; the first byte ends the silence.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && c.silent.Load() {
		c.door.mu.Lock()
		c.door.hear(c)
		c.door.mu.Unlock()
	}
	return n, err
}

// Close closes the connection.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	c.door.forget(c)
	return err
}
