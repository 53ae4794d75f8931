// Package dockertest stands between a client and the Docker daemon, and lets the daemon hang, vanish and break off.
package dockertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Socket is where the daemon of this machine listens.
const Socket = "/var/run/docker.sock"

// Proxy is a daemon's socket that passes requests on to another.
type Proxy struct {
	t    testing.TB
	path string
	up   *http.Transport

	mu       sync.Mutex
	server   *http.Server
	resume   chan struct{} // while it hangs; closed when it goes on
	faults   []*fault
	requests []string
	instead  func(http.ResponseWriter, *http.Request) bool
}

// fault is what becomes of one request.
type fault struct {
	match  string
	skip   int
	before func()
	cut    bool
	bytes  int
}

// NewProxy starts one before the daemon at the socket upstream; it ends with the test.
func NewProxy(t testing.TB, upstream string) *Proxy {
	dir, err := os.MkdirTemp("", "dockertest") // a test's own has too long a path for a socket
	require.NoError(t, err)
	p := &Proxy{t: t, path: filepath.Join(dir, "docker.sock")}
	p.up = &http.Transport{DisableCompression: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", upstream)
	}}
	p.Gone(false)
	t.Cleanup(func() {
		p.Gone(true)
		p.Hang(false)
		p.up.CloseIdleConnections()
		require.NoError(t, os.RemoveAll(dir))
	})
	return p
}

// Path is that of the proxy's socket.
func (p *Proxy) Path() string { return p.path }

// Host is the proxy as BACKEND_DOCKER_HOST wants it.
func (p *Proxy) Host() string { return "unix://" + p.path }

// Gone takes the daemon away, with its socket and every connection, or brings it back.
func (p *Proxy) Gone(gone bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case gone && p.server != nil:
		_ = p.server.Close()
		p.server = nil
	case !gone && p.server == nil:
		l, err := net.Listen("unix", p.path)
		require.NoError(p.t, err)
		server := &http.Server{Handler: http.HandlerFunc(p.serve)}
		p.server = server
		go func() { _ = server.Serve(l) }()
	}
}

// Hang keeps the daemon from answering anything, also on streams that have begun, or lets it go on.
func (p *Proxy) Hang(hang bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case hang && p.resume == nil:
		p.resume = make(chan struct{})
	case !hang && p.resume != nil:
		close(p.resume)
		p.resume = nil
	}
}

// CutNext cuts the next request that contains match, as in "POST /containers/create"; an empty one fits every request.
// The daemon does what it is asked to, but only the first n bytes of its answer come back. With a negative n the request
// does not reach it either.
func (p *Proxy) CutNext(match string, n int) { p.add(&fault{match: match, cut: true, bytes: n}) }

// CutNth does the same to the nth request from now on, counted from 1.
func (p *Proxy) CutNth(nth, n int) { p.add(&fault{skip: nth - 1, cut: true, bytes: n}) }

// BeforeNext does something before the next request that contains match is passed on.
func (p *Proxy) BeforeNext(match string, do func()) { p.add(&fault{match: match, before: do}) }

func (p *Proxy) add(f *fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, f)
}

// Pending gives how many faults have met no request, and forgets them.
func (p *Proxy) Pending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.faults)
	p.faults = nil
	return n
}

// Requests gives what was asked for that contains match, without the version of the API.
func (p *Proxy) Requests(match string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.requests), func(r string) bool { return !strings.Contains(r, match) })
}

var version = regexp.MustCompile(`^/v[0-9.]+/`)

// take notes a request, and gives the fault it meets.
func (p *Proxy) take(r *http.Request) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := r.Method + " " + version.ReplaceAllString(r.URL.RequestURI(), "/")
	p.requests = append(p.requests, asked)
	for i, f := range p.faults {
		if !strings.Contains(asked, f.match) {
			continue
		}
		if f.skip--; f.skip >= 0 {
			continue
		}
		p.faults = slices.Delete(p.faults, i, i+1)
		return *f
	}
	return fault{}
}

// hangs waits while the daemon hangs; done ends the wait. It reports whether the daemon is there afterwards.
func (p *Proxy) hangs(done <-chan struct{}) bool {
	p.mu.Lock()
	resume := p.resume
	p.mu.Unlock()
	if resume != nil {
		select {
		case <-resume:
		case <-done:
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.server != nil
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	f := p.take(r)
	if p.answered(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || f.cut && f.bytes < 0 {
		panic(http.ErrAbortHandler)
	}
	if f.before != nil {
		f.before()
	}
	// What was asked of a daemon that hangs is done once it goes on, also when nobody waits for it any more.
	if !p.hangs(nil) {
		panic(http.ErrAbortHandler)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	res, err := p.pass(ctx, r, body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer res.Body.Close()
	defer context.AfterFunc(r.Context(), cancel)()
	if f.cut {
		p.cut(w, res, f.bytes)
		return
	}
	if !p.hangs(r.Context().Done()) {
		panic(http.ErrAbortHandler)
	}
	for key, values := range res.Header {
		w.Header()[key] = values
	}
	w.WriteHeader(res.StatusCode)
	p.stream(r.Context(), w, res.Body)
}

func (p *Proxy) pass(ctx context.Context, r *http.Request, body []byte) (*http.Response, error) {
	out := r.Clone(ctx)
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", "docker", ""
	out.Body, out.ContentLength, out.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	if len(body) == 0 {
		out.Body = http.NoBody
	}
	return p.up.RoundTrip(out)
}

// cut sends the beginning of an answer, and closes the connection.
func (p *Proxy) cut(w http.ResponseWriter, res *http.Response, n int) {
	var answer strings.Builder
	if err := res.Write(&limited{&answer, n}); err == nil {
		p.t.Logf("an answer of %d bytes was to be cut after %d", answer.Len(), n)
	}
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, answer.String())
	_ = conn.Close()
}

// limited takes n bytes.
type limited struct {
	w io.Writer
	n int
}

func (l *limited) Write(b []byte) (int, error) {
	part := b[:min(len(b), l.n)]
	l.n -= len(part)
	n, err := l.w.Write(part)
	if err == nil && n < len(b) {
		err = fmt.Errorf("cut: %w", io.ErrShortWrite)
	}
	return n, err
}

func (p *Proxy) stream(ctx context.Context, w http.ResponseWriter, body io.Reader) {
	_ = http.NewResponseController(w).Flush()
	b := make([]byte, 32<<10)
	for {
		n, err := body.Read(b)
		if !p.hangs(ctx.Done()) {
			panic(http.ErrAbortHandler)
		}
		if _, werr := w.Write(b[:n]); werr != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}
