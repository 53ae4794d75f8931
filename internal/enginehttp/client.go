// Package enginehttp speaks the engine contract. Every failure is a *galaxy.EngineError that tells whether a write may
// have been done. It never repeats a call by itself.
package enginehttp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/trace"

	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
)

// Config bounds the calls to engines.
type Config struct {
	CallTimeout  time.Duration `env:"BACKEND_ENGINE_CALL_TIMEOUT" envDefault:"60s" help:"Longest time for one write to an engine (init, turn, banish, command, order)."`
	ProbeTimeout time.Duration `env:"BACKEND_ENGINE_PROBE_TIMEOUT" envDefault:"5s" help:"Longest time for one read from an engine (status, report, healthz)."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	if c.CallTimeout <= 0 || c.ProbeTimeout <= 0 {
		return errors.New("BACKEND_ENGINE_CALL_TIMEOUT and BACKEND_ENGINE_PROBE_TIMEOUT must be positive")
	}
	return nil
}

// maxAnswer bounds what is read of an answer that is no report, and maxRefusal what is read of one that is no success.
const (
	maxAnswer  = 1 << 20
	maxRefusal = 64 << 10
)

// Client calls engines.
type Client struct {
	conf Config
	http *http.Client
	// once makes a connection for each call. An engine may close one that rests just when it is used again: of a
	// write that cannot be repeated nobody would know whether it was done.
	once *http.Client
}

// New makes a client whose calls are traced by tracers.
func New(conf Config, tracers trace.TracerProvider) *Client {
	client := func(t *http.Transport) *http.Client {
		t.DialContext = (&net.Dialer{Timeout: conf.ProbeTimeout, KeepAlive: 15 * time.Second}).DialContext
		t.DisableCompression = true
		return &http.Client{
			Transport:     otelhttp.NewTransport(t, otelhttp.WithTracerProvider(tracers), otelhttp.WithFilter(notProbe)),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return &Client{conf: conf, once: client(&http.Transport{DisableKeepAlives: true}),
		http: client(&http.Transport{
			MaxIdleConns:        quarter(), // of all engines: what waits for a next call must leave room for other files
			MaxIdleConnsPerHost: 5,         // one write and four reads
			IdleConnTimeout:     90 * time.Second,
		})}
}

// quarter is a quarter of the files and connections that this process may have open.
func quarter() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 256
	}
	return int(max(16, min(limit.Cur, 1<<20)/4))
}

const healthz = "/healthz"

// notProbe leaves probes out of traces and of what is counted per call: there are more of them than of all other calls.
func notProbe(r *http.Request) bool { return !strings.HasSuffix(r.URL.Path, healthz) }

// Healthz asks whether the engine's process lives.
func (c *Client) Healthz(ctx context.Context, address string) error {
	_, err := c.call(ctx, request{call: galaxy.CallHealth, method: "GET", address: address, path: healthz})
	return err
}

// Status asks an engine what it holds.
func (c *Client) Status(ctx context.Context, address string) (galaxy.EngineStatus, error) {
	b, err := c.call(ctx, request{call: galaxy.CallStatus, method: "GET", address: address, path: "/api/v1/admin/status"})
	if err != nil {
		return galaxy.EngineStatus{}, err
	}
	return status(galaxy.CallStatus, b)
}

// Init makes a game in an engine that holds none. An engine need not show it in its answer: the status is zero then.
func (c *Client) Init(ctx context.Context, address string, in galaxy.EngineInit) (galaxy.EngineStatus, error) {
	body := engineapi.InitRequest{GameID: in.Game.String()}
	for _, race := range in.Races {
		body.Races = append(body.Races, engineapi.InitRace{RaceName: race})
	}
	b, err := c.call(ctx, request{call: galaxy.CallInit, method: "POST", address: address, path: "/api/v1/admin/init", body: body, game: in.Game, once: true})
	if err != nil {
		return galaxy.EngineStatus{}, err
	}
	made, err := status(galaxy.CallInit, b)
	if err != nil {
		return galaxy.EngineStatus{}, nil //nolint:nilerr // the game is made, whatever the answer says
	}
	return made, nil
}

// Turn makes the turn after expected; nil leaves out the guard, for engines that do not know it.
func (c *Client) Turn(ctx context.Context, address string, game galaxy.GameID, expected *int) (galaxy.EngineStatus, error) {
	b, err := c.call(ctx, request{call: galaxy.CallTurn, method: "PUT", address: address, path: "/api/v1/admin/turn",
		body: engineapi.TurnRequest{ExpectedTurn: expected}, game: game, once: expected == nil})
	if err != nil {
		return galaxy.EngineStatus{}, err
	}
	return status(galaxy.CallTurn, b)
}

// Banish takes a race out of the game with the next turn. It can be done twice.
func (c *Client) Banish(ctx context.Context, address string, game galaxy.GameID, race string) error {
	_, err := c.call(ctx, request{call: galaxy.CallBanish, method: "POST", address: address, path: "/api/v1/admin/race/banish",
		body: engineapi.BanishRequest{RaceName: race}, game: game})
	return err
}

// PutOrders replaces a race's list.
func (c *Client) PutOrders(ctx context.Context, address string, w galaxy.OrderWrite) (galaxy.OrderResult, error) {
	body, err := verbatim(engineapi.OrderRequest{RaceName: w.Race, Turn: w.Turn, ExpectedRevision: w.Expected}, w.Commands)
	if err != nil {
		return galaxy.OrderResult{}, err
	}
	b, err := c.call(ctx, request{call: galaxy.CallOrders, method: "PUT", address: address, path: "/api/v1/order", body: body, game: w.Game})
	if err != nil {
		return galaxy.OrderResult{}, err
	}
	return results(b, w.Turn, len(w.Commands)), nil
}

// PutBatch adds a batch of commands, all or none. With an id it can be done twice.
func (c *Client) PutBatch(ctx context.Context, address string, w galaxy.BatchWrite) (galaxy.OrderResult, error) {
	body, err := verbatim(engineapi.CommandRequest{RaceName: w.Race, Turn: w.Turn, BatchID: w.Batch}, w.Commands)
	if err != nil {
		return galaxy.OrderResult{}, err
	}
	b, err := c.call(ctx, request{call: galaxy.CallBatch, method: "PUT", address: address, path: "/api/v1/command", body: body, game: w.Game, once: w.Batch == ""})
	if err != nil {
		return galaxy.OrderResult{}, err
	}
	return results(b, w.Turn, len(w.Commands)), nil
}

// verbatim writes a request with each command as the player wrote it: encoding/json would compact and escape them.
func verbatim(request any, commands []json.RawMessage) (json.RawMessage, error) {
	head, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode orders: %w", err)
	}
	head, ok := bytes.CutSuffix(head, []byte("null}"))
	if !ok {
		return nil, errors.New("encode orders: commands are not the last field")
	}
	body := append(head, '[')
	for i, command := range commands {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, command...)
	}
	return append(body, "]}"...), nil
}

// Orders asks for a race's stored list. Engines may not know this operation, and need not count revisions.
func (c *Client) Orders(ctx context.Context, address, race string, turn int) (galaxy.OrderList, error) {
	b, err := c.call(ctx, request{call: galaxy.CallReadBack, method: "GET", address: address, path: "/api/v1/order?" + query(race, turn)})
	if err != nil {
		return galaxy.OrderList{}, err
	}
	return list(b, race, turn), nil
}

// Report asks for a race's report of a turn.
func (c *Client) Report(ctx context.Context, address, race string, turn int) (json.RawMessage, error) {
	b, err := c.call(ctx, request{call: galaxy.CallReport, method: "GET", address: address, path: "/api/v1/report?" + query(race, turn), limit: engineapi.MaxReport})
	if err == nil && !json.Valid(b) {
		return nil, unreadable(galaxy.CallReport, "the report is no JSON", nil)
	}
	return bytes.TrimSpace(b), err
}

func query(race string, turn int) string {
	return url.Values{"raceName": {race}, "turn": {strconv.Itoa(turn)}}.Encode()
}

// request is one call. Only writes have a body.
type request struct {
	call                  galaxy.EngineCall
	method, address, path string
	body                  any
	game                  galaxy.GameID
	limit                 int64
	once                  bool // on a connection of its own
}

// encoded gives the body of a write; nil of a read.
func (r request) encoded() (json.RawMessage, error) {
	if ready, ok := r.body.(json.RawMessage); ok || r.body == nil {
		return ready, nil
	}
	b, err := json.Marshal(r.body)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", r.path, err)
	}
	return b, nil
}

// call gives the body of an answer that is a success.
func (c *Client) call(ctx context.Context, r request) ([]byte, error) {
	written, err := r.encoded()
	if err != nil {
		return nil, err
	}
	timeout, client := c.conf.ProbeTimeout, c.http
	var body io.Reader
	if written != nil {
		timeout = c.conf.CallTimeout
		// The transport repeats a call on a connection that broke if it can read the body again: hide that it could.
		body = io.NopCloser(bytes.NewReader(written))
	}
	if r.once {
		client = c.once
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, r.address+r.path, body)
	if err != nil {
		return nil, &galaxy.EngineError{Kind: galaxy.EngineUnreachable, Call: r.call, Message: "the engine's address is no address", Cause: err}
	}
	if written != nil {
		req.ContentLength = int64(len(written)) // engines need not read bodies in chunks
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set(engineapi.GameHeader, r.game.String())
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, unanswered(r.call, err)
	}
	defer res.Body.Close()
	return answer(r.call, res, max(r.limit, maxAnswer))
}

// unanswered tells a call that never went out from one that may have arrived.
func unanswered(call galaxy.EngineCall, err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		if galaxy.Exhausted(err) { // by us: it says nothing about the engine
			err = fmt.Errorf("%w: %w", galaxy.ErrShortage, err)
		}
		return &galaxy.EngineError{Kind: galaxy.EngineUnreachable, Call: call, Message: "no connection to the engine", Cause: err}
	}
	return &galaxy.EngineError{Kind: galaxy.EngineUnanswered, Call: call, Message: "the engine did not answer", Cause: err}
}
