package test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// freezePostgres stops every process of the cluster where it is, until the test ends or thaw is called.
func (w *world) freezePostgres() (thaw func()) {
	w.Helper()
	conn, err := pgx.Connect(w.Context(), w.stack.DSN)
	require.NoError(w, err)
	var own int
	require.NoError(w, conn.QueryRow(w.Context(), "SELECT pg_backend_pid()").Scan(&own))
	master := parentOf(own)
	require.NoError(w, conn.Close(w.Context()))
	require.NoError(w, syscall.Kill(master, syscall.SIGSTOP)) // it starts no more
	frozen := []int{master}
	all, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(w, err)
	for _, dir := range all {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if parentOf(pid) == master && syscall.Kill(pid, syscall.SIGSTOP) == nil {
			frozen = append(frozen, pid)
		}
	}
	thaw = func() {
		for _, pid := range frozen {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	}
	w.Cleanup(thaw)
	return thaw
}

func parentOf(pid int) int {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	parent, _ := strconv.Atoi(fields[1])
	return parent
}

// blackHole listens, takes what it is sent, and never answers. Taken gets a value for each connection.
func blackHole(t *testing.T, network, address string, greet func(net.Conn)) (l net.Listener, taken chan struct{}) {
	l, err := net.Listen(network, address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	taken = make(chan struct{}, 1000)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			go func() {
				if greet != nil {
					greet(c)
				}
				taken <- struct{}{}
				_, _ = io.Copy(io.Discard, c)
			}()
		}
	}()
	return l, taken
}

// relay speaks SMTP until a mail begins.
func relay(c net.Conn) {
	in := bufio.NewReader(c)
	_, _ = io.WriteString(c, "220 relay\r\n")
	for {
		line, err := in.ReadString('\n')
		switch {
		case err != nil:
			return
		case strings.HasPrefix(line, "DATA"):
			_, _ = io.WriteString(c, "354 go on\r\n")
			return
		default:
			_, _ = io.WriteString(c, "250 fine\r\n")
		}
	}
}

func port(l net.Listener) string { return strconv.Itoa(l.Addr().(*net.TCPAddr).Port) }

func arrives(t *testing.T, what <-chan struct{}) {
	t.Helper()
	select {
	case <-what:
	case <-time.After(time.Minute):
		require.Fail(t, "nothing came")
	}
}

// call is a request whose answer is awaited later.
type call struct {
	status int
	body   string
	err    error
}

func (w *world) later(method, path, body string) <-chan call {
	done := make(chan call, 1)
	go func() {
		req, err := http.NewRequestWithContext(w.Context(), method, w.stack.URL()+path, strings.NewReader(body))
		if err != nil {
			done <- call{err: err}
			return
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			done <- call{err: err}
			return
		}
		defer res.Body.Close()
		raw, err := io.ReadAll(res.Body)
		done <- call{res.StatusCode, string(raw), err}
	}()
	return done
}

const sendCode = "/api/v1/public/auth/send-email-code"

// unavailable requires the answer of a request that could not be carried out.
func unavailable(t *testing.T, status int, body string) {
	t.Helper()
	require.Contains(t, []int{http.StatusServiceUnavailable, http.StatusGatewayTimeout}, status, body)
	var e struct{ Error struct{ Code string } }
	require.NoError(t, json.Unmarshal([]byte(body), &e), body)
	require.Contains(t, []string{"service_unavailable", "timeout"}, e.Error.Code)
}

// tap passes bytes to and from the push listener, until stall stops it where it is.
func (w *world) tap() (address string, stall func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w, err)
	stalled, over := make(chan struct{}), make(chan struct{})
	w.Cleanup(func() {
		_ = l.Close()
		close(over)
	})
	pass := func(to, from net.Conn) {
		defer to.Close()
		b := make([]byte, 4096)
		for {
			n, err := from.Read(b)
			select {
			case <-stalled:
				<-over
				return
			default:
			}
			if _, werr := to.Write(b[:n]); err != nil || werr != nil {
				return
			}
		}
	}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", w.stack.Push())
			if err != nil {
				_ = in.Close()
				continue
			}
			go pass(out, in)
			go pass(in, out)
		}
	}()
	return l.Addr().String(), func() { close(stalled) }
}

// slowBody begins a request and sends its body byte by byte.
func (w *world) slowBody() net.Conn {
	c, err := net.Dial("tcp", strings.TrimPrefix(w.stack.URL(), "http://"))
	require.NoError(w, err)
	_, err = fmt.Fprintf(c,
		"POST %s HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n", sendCode, token)
	require.NoError(w, err)
	over := make(chan struct{})
	w.Cleanup(func() {
		close(over)
		_ = c.Close()
	})
	go func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(50 * time.Millisecond):
				_, _ = c.Write([]byte(" "))
			}
		}
	}()
	return c
}
