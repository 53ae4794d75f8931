package bench

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// connections is how many gateways' connections ask at once.
const connections = 64

// load asks one server over connections that stay open. Its own part is small: a request is encoded once.
type load struct {
	*testing.T
	all []*asker
}

type asker struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
}

// newLoad connects to a server; connection i always sends the i-th request.
func newLoad(t *testing.T, address string, request func(i int) *http.Request) *load {
	return newLoadOf(t, address, connections, request)
}

// newLoadOf is newLoad with n connections.
func newLoadOf(t *testing.T, address string, n int, request func(i int) *http.Request) *load {
	l := &load{T: t}
	for i := range n {
		var b bytes.Buffer
		require.NoError(t, request(i).Write(&b))
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		l.all = append(l.all, &asker{conn, bufio.NewReader(conn), b.Bytes()})
	}
	return l
}

// perSecond asks for one sample's time, and gives the requests answered per second.
func (l *load) perSecond() float64 {
	var answered atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for _, a := range l.all {
		wg.Go(func() {
			n := int64(0)
			defer func() { answered.Add(n) }()
			for time.Since(began) < sample() {
				if err := a.ask(); err != nil {
					l.Errorf("a request failed: %v", err)
					return
				}
				n++
			}
		})
	}
	wg.Wait()
	return float64(answered.Load()) / time.Since(began).Seconds()
}

func (a *asker) ask() error {
	if _, err := a.conn.Write(a.request); err != nil {
		return err
	}
	res, err := http.ReadResponse(a.in, nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = &refused{res.Status, string(body)}
	}
	return err
}

type refused struct{ status, body string }

func (r *refused) Error() string { return r.status + ": " + r.body }
