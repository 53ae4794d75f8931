package drill

import (
	"net"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// door is a way to a server that can be shut, that can hang, that can cut a call off, and that can lead elsewhere.
type door struct {
	network, address string

	mu    sync.Mutex
	to    string // where it leads
	l     net.Listener
	conns map[net.Conn]bool
	hangs chan struct{} // closed when it no longer hangs; nil while it does not
	cut   *cut
}

// cut ends a call in its middle.
type cut struct {
	nth   int  // from 1, of the pieces that are sent to the server
	after bool // the server has got it and answers; else it has not
	made  bool
}

// hangDoor makes a way at an address to a server.
func hangDoor(t *testing.T, network, address, to string) *door {
	d := &door{network: network, address: address, to: to, conns: map[net.Conn]bool{}}
	require.NoError(t, d.open())
	t.Cleanup(d.shut)
	return d
}

// open lets calls through, also those that hang.
func (d *door) open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = nil
	if d.hangs != nil {
		close(d.hangs)
		d.hangs = nil
	}
	if d.l != nil {
		return nil
	}
	var err error
	if d.l, err = net.Listen(d.network, d.address); err != nil {
		return err
	}
	d.address = d.l.Addr().String()
	go d.welcome(d.l)
	return nil
}

// lead makes the way lead elsewhere, and ends the calls under way.
func (d *door) lead(to string) error {
	d.shut()
	d.mu.Lock()
	d.to = to
	d.mu.Unlock()
	return d.open()
}

// shut lets nobody in any more, and ends the calls under way.
func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.l != nil {
		d.l.Close()
		d.l = nil
	}
	if d.network == "unix" {
		_ = os.Remove(d.address)
	}
	for c := range d.conns {
		c.Close()
	}
	clear(d.conns)
}

// hang answers nothing until it is opened.
func (d *door) hang() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hangs == nil {
		d.hangs = make(chan struct{})
	}
}

// cutAt cuts the nth piece off.
func (d *door) cutAt(nth int, after bool) *cut {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = &cut{nth: nth, after: after}
	return d.cut
}

func (d *door) welcome(l net.Listener) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		d.mu.Lock()
		to := d.to
		d.mu.Unlock()
		out, err := net.Dial(d.network, to)
		if err != nil {
			in.Close()
			continue
		}
		d.mu.Lock()
		d.conns[in], d.conns[out] = true, true
		d.mu.Unlock()
		end := func() {
			in.Close()
			out.Close()
			d.mu.Lock()
			defer d.mu.Unlock()
			delete(d.conns, in)
			delete(d.conns, out)
		}
		go d.carry(in, out, d.asked, end)
		go d.carry(out, in, d.answered, end)
	}
}

// carry hands pieces on from one side to the other, as long as may says so.
func (d *door) carry(from, to net.Conn, may func() bool, end func()) {
	defer end()
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if err != nil || !may() {
			return
		}
		d.mu.Lock()
		hangs := d.hangs
		d.mu.Unlock()
		if hangs != nil {
			<-hangs
		}
		if _, err := to.Write(piece[:n]); err != nil {
			return
		}
	}
}

// asked reports whether a piece of a call may go on to the server.
func (d *door) asked() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.cut
	if c == nil || c.made {
		return true
	}
	c.nth--
	if c.nth == 0 && !c.after {
		c.made = true
		return false
	}
	return true
}

// answered reports whether a piece of an answer may go back.
func (d *door) answered() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.cut
	if c == nil || c.made || !c.after || c.nth > 0 {
		return true
	}
	c.made = true
	return false
}
