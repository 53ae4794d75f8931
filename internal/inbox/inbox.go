// Package inbox is an SMTP server that keeps what it is sent, for development and tests. It can be told to misbehave,
// and shows its mails as a web page and as JSON.
package inbox

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Message is a mail that arrived.
type Message struct {
	ID         string              `json:"id"`
	From       string              `json:"from"`
	To         []string            `json:"to"`
	Subject    string              `json:"subject"`
	Text       string              `json:"text"`
	HTML       string              `json:"html,omitempty"`
	Headers    map[string][]string `json:"headers"`
	ReceivedAt time.Time           `json:"received_at"`
}

// Mode is a way to treat recipients.
type Mode string

// The modes: take the mail, refuse it for now, refuse it for good, drop the connection, or think for a while first.
const (
	OK       Mode = "ok"
	TempFail Mode = "tempfail"
	PermFail Mode = "permfail"
	Drop     Mode = "drop"
	Slow     Mode = "slow"
)

// Fault is misbehaviour: towards one address or all, for the next Count recipients or until told otherwise.
type Fault struct {
	Mode  Mode   `json:"mode"`
	To    string `json:"to,omitempty"`
	Count int    `json:"count,omitempty"`
}

func (f Fault) validate() error {
	if !slices.Contains([]Mode{OK, TempFail, PermFail, Drop, Slow}, f.Mode) {
		return errors.New("mode must be ok, tempfail, permfail, drop or slow")
	}
	if f.Count < 0 {
		return errors.New("count must not be negative")
	}
	return nil
}

// slowness is how long Slow thinks: longer than the patience of most clients' tests, shorter than a relay's.
const slowness = 15 * time.Second

// kept is how many mails are kept; older ones are forgotten.
const kept = 10_000

// Options say how the inbox listens.
type Options struct {
	Addr string // e.g. 127.0.0.1:0
	// Certificate lets clients encrypt: by STARTTLS, or from the first byte when ImplicitTLS is set.
	Certificate *tls.Certificate
	ImplicitTLS bool
	// Username and Password, when set, must be given by clients.
	Username, Password string
}

// Inbox is a running server.
type Inbox struct {
	opts     Options
	server   *smtp.Server
	listener net.Listener
	closing  chan struct{}
	once     sync.Once

	mu       sync.Mutex
	messages []Message // oldest first
	number   int
	faults   []Fault // newest last
	changed  chan struct{}
}

// Start listens.
func Start(opts Options) (*Inbox, error) {
	in := &Inbox{opts: opts, closing: make(chan struct{}), changed: make(chan struct{})}
	l, err := net.Listen("tcp", opts.Addr)
	if err != nil {
		return nil, fmt.Errorf("inbox: %w", err)
	}
	in.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{inbox: in, conn: c.Conn(), known: opts.Username == ""}, nil
	}))
	in.server.Domain = "localhost"
	in.server.MaxMessageBytes = 10 << 20
	in.server.MaxRecipients = 100
	in.server.ReadTimeout, in.server.WriteTimeout = time.Minute, time.Minute
	in.server.AllowInsecureAuth = opts.Certificate == nil
	in.server.ErrorLog = silent{}
	in.listener = l
	if opts.Certificate != nil {
		conf := &tls.Config{Certificates: []tls.Certificate{*opts.Certificate}, MinVersion: tls.VersionTLS12}
		if opts.ImplicitTLS {
			l = tls.NewListener(l, conf)
		} else {
			in.server.TLSConfig = conf
		}
	}
	go func() { _ = in.server.Serve(l) }()
	return in, nil
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// Addr is where the server listens.
func (in *Inbox) Addr() *net.TCPAddr { return in.listener.Addr().(*net.TCPAddr) }

// Close ends the server and its conversations.
func (in *Inbox) Close() error {
	in.once.Do(func() {
		close(in.closing)
		// The server closes only what it serves already.
		_ = in.listener.Close()
		_ = in.server.Close()
	})
	return nil
}

// Messages gives what arrived for an address, newest first; everything for the empty one.
func (in *Inbox) Messages(to string) []Message {
	in.mu.Lock()
	defer in.mu.Unlock()
	found := []Message{}
	for _, m := range slices.Backward(in.messages) {
		if to == "" || slices.ContainsFunc(m.To, func(a string) bool { return strings.EqualFold(a, to) }) {
			found = append(found, m)
		}
	}
	return found
}

// Clear forgets all mails.
func (in *Inbox) Clear() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.messages = nil
}

// Changed is closed when the next mail arrives.
func (in *Inbox) Changed() <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.changed
}

// Misbehave adds a fault. OK without an address takes all faults back.
func (in *Inbox) Misbehave(f Fault) error {
	if err := f.validate(); err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if f.Mode == OK && f.To == "" {
		in.faults = nil
		return nil
	}
	in.faults = append(in.faults, f)
	return nil
}

// fault gives how a recipient is to be treated now, and counts it.
func (in *Inbox) fault(to string) Mode {
	in.mu.Lock()
	defer in.mu.Unlock()
	for i, f := range slices.Backward(in.faults) {
		if f.To != "" && !strings.EqualFold(f.To, to) {
			continue
		}
		if f.Count == 1 {
			in.faults = slices.Delete(in.faults, i, i+1)
		} else if f.Count > 1 {
			in.faults[i].Count--
		}
		return f.Mode
	}
	return OK
}

func (in *Inbox) add(m Message) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.number++
	m.ID, m.ReceivedAt = strconv.Itoa(in.number), time.Now().UTC()
	in.messages = append(in.messages, m)
	if len(in.messages) > kept {
		in.messages = slices.Delete(in.messages, 0, len(in.messages)-kept)
	}
	close(in.changed)
	in.changed = make(chan struct{})
}
