package drill

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgproto3"
)

// wire is a way to Postgres that knows the transactions which go over it by the tables that they write, and that can end
// the service just before or just after any of them is committed.
type wire struct {
	l      net.Listener
	target string

	mu       sync.Mutex
	trap     *trap
	seen     []string // commits since listen was called, by their tables
	listened bool
}

// trap ends the service at a commit.
type trap struct {
	at     func(commit string) bool
	nth    int  // from 1, of the commits that fit
	after  bool // Postgres has committed, and the service has not heard of it; else nothing is committed
	kill   func()
	sprung chan struct{} // closed when the service has ended
	hit    bool
}

func newTrap(at func(string) bool, nth int, after bool, kill func()) *trap {
	return &trap{at: at, nth: nth, after: after, kill: kill, sprung: make(chan struct{})}
}

// lay makes a wire to the server that dsn names, and gives the DSN that leads over it.
func lay(dsn string) (w *wire, over string, err error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, "", err
	}
	w = &wire{target: u.Host}
	if w.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, "", err
	}
	u.Host = w.l.Addr().String()
	go func() {
		for {
			client, err := w.l.Accept()
			if err != nil {
				return
			}
			go w.carry(client)
		}
	}()
	return w, u.String(), nil
}

// arm sets the trap; nil takes it away. It tells whether the one before was sprung.
func (w *wire) arm(t *trap) (sprung bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	sprung = w.trap != nil && w.trap.hit
	w.trap = t
	return sprung
}

// listen forgets the commits seen so far, and begins or ends to note them.
func (w *wire) listen(on bool) (seen []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen, w.seen, w.listened = w.seen, nil, on
	return seen
}

// commits says that a transaction is about to be committed, and gives the trap that it has sprung.
func (w *wire) commits(tables string) *trap {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listened {
		w.seen = append(w.seen, tables)
	}
	t := w.trap
	if t == nil || t.hit || !t.at(tables) {
		return nil
	}
	if t.nth--; t.nth > 0 {
		return nil
	}
	t.hit = true
	return t
}

// link is one connection of the service.
type link struct {
	*wire
	client, server net.Conn
	statements     map[string][]string // tables that each prepared statement writes
	begun          bool                // a transaction is open that ends by a statement of its own
	writes         []string            // of the transaction under way

	mu         sync.Mutex
	sent, back int   // syncs that went out, and their answers
	held       *trap // waits for the answer of the last one
}

// The codes with which a client begins.
const (
	cancelCode = 80877102
	maxStartup = 10000
)

func (w *wire) carry(client net.Conn) {
	defer client.Close()
	var head [8]byte
	if _, err := io.ReadFull(client, head[:]); err != nil {
		return
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < 8 || size > maxStartup {
		return
	}
	rest := make([]byte, size-8)
	if _, err := io.ReadFull(client, rest); err != nil {
		return
	}
	server, err := net.Dial("tcp", w.target)
	if err != nil {
		return
	}
	defer server.Close()
	if _, err := server.Write(append(head[:], rest...)); err != nil {
		return
	}
	if binary.BigEndian.Uint32(head[4:]) == cancelCode {
		_, _ = io.Copy(io.Discard, server) // Postgres closes it when it has cancelled
		return
	}
	k := &link{wire: w, client: client, server: server, statements: map[string][]string{}}
	go k.answers()
	k.requests()
}

// requests carries what the service says, a whole transaction at a time.
func (k *link) requests() {
	in := bufio.NewReaderSize(k.client, 64<<10)
	var kept []byte
	for {
		kind, raw, err := message(in)
		if err != nil {
			return
		}
		ends := k.note(kind, raw[5:])
		if !ends {
			kept = append(kept, raw...)
			if strings.IndexByte("PBDEC", kind) >= 0 && len(kept) < 1<<20 {
				continue // waits for the message that ends what is sent together
			}
			raw = nil
		}
		if !k.pass(kept, raw, ends) {
			return
		}
		kept = kept[:0]
	}
}

// pass hands on what was kept, and then the message that ends the transaction. It is false when the service is no more.
func (k *link) pass(kept, last []byte, ends bool) bool {
	var t *trap
	if ends && !k.begun && len(k.writes) > 0 {
		t = k.commits(tables(k.writes))
	}
	if ends && !k.begun {
		k.writes = nil
	}
	if t != nil && !t.after {
		_, _ = k.server.Write(kept)
		t.kill()
		k.server.Close()
		close(t.sprung)
		return false
	}
	if ends {
		k.mu.Lock()
		k.sent++
		k.held = t
		k.mu.Unlock()
	}
	_, err := k.server.Write(append(kept, last...))
	return err == nil
}

// note reads what a message means for the transaction under way. It reports whether the message ends what is sent together.
func (k *link) note(kind byte, body []byte) (ends bool) {
	switch kind {
	case 'P':
		var m pgproto3.Parse
		if m.Decode(body) == nil {
			k.statements[m.Name] = written(m.Query)
		}
	case 'B':
		var m pgproto3.Bind
		if m.Decode(body) == nil {
			k.writes = append(k.writes, k.statements[m.PreparedStatement]...)
		}
	case 'Q':
		var m pgproto3.Query
		if m.Decode(body) == nil {
			k.statement(m.String)
		}
		return true
	}
	return kind == 'S'
}

// statement notes one that is sent as text, among them those that begin and end a transaction.
func (k *link) statement(sql string) {
	switch word, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(sql)), " "); strings.Trim(word, ";") {
	case "begin":
		k.begun = true
	case "commit":
		k.begun = false
	case "rollback":
		k.begun, k.writes = false, nil
	default:
		k.writes = append(k.writes, written(sql)...)
	}
}

// answers carries what Postgres says. The answer to a trap's commit ends the service in place of reaching it.
func (k *link) answers() {
	defer k.client.Close()
	in := bufio.NewReaderSize(k.server, 64<<10)
	var kept []byte
	for {
		kind, raw, err := message(in)
		if err != nil {
			return
		}
		kept = append(kept, raw...)
		k.mu.Lock()
		t := k.held
		if kind == 'Z' && k.sent > 0 { // the first one says that the server is ready to begin
			k.back++
		}
		due := k.back == k.sent
		k.mu.Unlock()
		switch {
		case t != nil && kind == 'Z' && due:
			t.kill()
			k.server.Close()
			close(t.sprung)
			return
		case t != nil, in.Buffered() > 0 && len(kept) < 1<<20:
			continue
		}
		if _, err := k.client.Write(kept); err != nil {
			return
		}
		kept = kept[:0]
	}
}

var errLong = errors.New("a message is longer than any should be")

// message reads one message with its head.
func message(in *bufio.Reader) (kind byte, raw []byte, err error) {
	head, err := in.Peek(5)
	if err != nil {
		return 0, nil, err
	}
	size := int(binary.BigEndian.Uint32(head[1:]))
	if size < 4 || size > 64<<20 {
		return 0, nil, errLong
	}
	raw = make([]byte, 1+size)
	_, err = io.ReadFull(in, raw)
	return raw[0], raw, err
}

var writing = regexp.MustCompile(`(?i)(DO\s+|KEY\s+|FOR\s+)?\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(?:ONLY\s+)?(?:"?backend"?\.)?"?([a-z_]+)"?`)

// written names the tables that a statement writes.
func written(sql string) (tables []string) {
	for _, found := range writing.FindAllStringSubmatch(sql, -1) {
		if found[1] == "" { // FOR UPDATE only locks, and DO UPDATE is part of an INSERT
			tables = append(tables, strings.ToLower(found[2]))
		}
	}
	return tables
}

func tables(writes []string) string {
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(writes))), "+")
}
