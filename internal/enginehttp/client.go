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

	"github.com/google/uuid"
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

// maxAnswer bounds what is read of an answer that is no report.
const maxAnswer = 1 << 20

// Client calls engines.
type Client struct {
	conf Config
	http *http.Client
}

// New makes a client whose calls are traced by tracers.
func New(conf Config, tracers trace.TracerProvider) *Client {
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: conf.ProbeTimeout, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConns:        quarter(), // of all engines: what waits for a next call must leave room for other files
		MaxIdleConnsPerHost: 5,         // one write and four reads
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
	}
	return &Client{conf, &http.Client{
		Transport:     otelhttp.NewTransport(transport, otelhttp.WithTracerProvider(tracers), otelhttp.WithFilter(notProbe)),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
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
	return c.call(ctx, request{method: "GET", address: address, path: healthz}, nil)
}

// Status asks an engine what it holds.
func (c *Client) Status(ctx context.Context, address string) (galaxy.EngineStatus, error) {
	var s engineapi.Status
	if err := c.call(ctx, request{method: "GET", address: address, path: "/api/v1/admin/status"}, &s); err != nil {
		return galaxy.EngineStatus{}, err
	}
	return status(s)
}

// Init makes a game in an engine that holds none.
func (c *Client) Init(ctx context.Context, address string, in galaxy.EngineInit) (galaxy.EngineStatus, error) {
	body := engineapi.InitRequest{GameID: in.Game.String()}
	for _, race := range in.Races {
		body.Races = append(body.Races, engineapi.InitRace{RaceName: race})
	}
	var s engineapi.Status
	if err := c.call(ctx, request{method: "POST", address: address, path: "/api/v1/admin/init", body: body, game: in.Game}, &s); err != nil {
		return galaxy.EngineStatus{}, err
	}
	return status(s)
}

// Turn makes the turn after expected; nil leaves out the guard, for engines that do not know it.
func (c *Client) Turn(ctx context.Context, address string, game galaxy.GameID, expected *int) (galaxy.EngineStatus, error) {
	var t engineapi.TurnResult
	if err := c.call(ctx, request{method: "PUT", address: address, path: "/api/v1/admin/turn", body: engineapi.TurnRequest{ExpectedTurn: expected}, game: game}, &t); err != nil {
		return galaxy.EngineStatus{}, err
	}
	return status(t.Status)
}

// Banish takes a race out of the game with the next turn. It can be done twice.
func (c *Client) Banish(ctx context.Context, address string, game galaxy.GameID, race string) error {
	return c.call(ctx, request{method: "POST", address: address, path: "/api/v1/admin/race/banish", body: engineapi.BanishRequest{RaceName: race}, game: game}, nil)
}

// PutOrders replaces a race's list.
func (c *Client) PutOrders(ctx context.Context, address string, w galaxy.OrderWrite) (galaxy.OrderResult, error) {
	body, err := verbatim(engineapi.OrderRequest{RaceName: w.Race, Turn: w.Turn, ExpectedRevision: w.Expected}, w.Commands)
	if err != nil {
		return galaxy.OrderResult{}, err
	}
	return c.put(ctx, address, "/api/v1/order", w.Game, body)
}

// PutBatch adds a batch of commands, all or none. It can be done twice.
func (c *Client) PutBatch(ctx context.Context, address string, w galaxy.BatchWrite) (galaxy.OrderResult, error) {
	body, err := verbatim(engineapi.CommandRequest{RaceName: w.Race, Turn: w.Turn, BatchID: w.Batch}, w.Commands)
	if err != nil {
		return galaxy.OrderResult{}, err
	}
	return c.put(ctx, address, "/api/v1/command", w.Game, body)
}

func (c *Client) put(ctx context.Context, address, path string, game galaxy.GameID, body json.RawMessage) (galaxy.OrderResult, error) {
	var r engineapi.Results
	if err := c.call(ctx, request{method: "PUT", address: address, path: path, body: body, game: game}, &r); err != nil {
		return galaxy.OrderResult{}, err
	}
	out := galaxy.OrderResult{Turn: r.Turn, Revision: r.Revision, Accepted: r.Accepted, Rejected: r.Rejected}
	for _, one := range r.Results {
		one.ErrorCode, one.Message = text(one.ErrorCode), text(one.Message)
		out.Results = append(out.Results, galaxy.CommandResult(one))
	}
	return out, nil
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

// Orders asks for a race's stored list. Engines may not know this operation.
func (c *Client) Orders(ctx context.Context, address, race string, turn int) (galaxy.OrderList, error) {
	var l engineapi.OrderList
	err := c.call(ctx, request{method: "GET", address: address, path: "/api/v1/order?" + query(race, turn)}, &l)
	return galaxy.OrderList{Race: race, Turn: l.Turn, Revision: l.Revision, Commands: l.Commands}, err
}

// Report asks for a race's report of a turn.
func (c *Client) Report(ctx context.Context, address, race string, turn int) (json.RawMessage, error) {
	var raw json.RawMessage
	err := c.call(ctx, request{method: "GET", address: address, path: "/api/v1/report?" + query(race, turn), limit: engineapi.MaxReport}, &raw)
	return raw, err
}

func query(race string, turn int) string {
	return url.Values{"raceName": {race}, "turn": {strconv.Itoa(turn)}}.Encode()
}

func status(s engineapi.Status) (galaxy.EngineStatus, error) {
	id, err := uuid.Parse(s.GameID)
	if err != nil {
		return galaxy.EngineStatus{}, &galaxy.EngineError{Kind: galaxy.EngineUnanswered, Status: 200, Message: "the status names no game", Cause: err}
	}
	out := galaxy.EngineStatus{Game: galaxy.GameID{UUID: id}, EngineVersion: text(s.EngineVersion), State: text(s.EngineStatus), Turn: s.CurrentTurn, Digest: text(s.StateDigest),
		Finished: s.Finished, FinishReason: text(s.FinishReason)}
	named := make(map[string]bool, len(s.Players))
	for _, p := range s.Players {
		race := text(p.RaceName)
		if named[race] {
			return galaxy.EngineStatus{}, &galaxy.EngineError{Kind: galaxy.EngineUnanswered, Status: 200, Message: "the status names a race twice"}
		}
		named[race] = true
		out.Players = append(out.Players, galaxy.EnginePlayer{Race: race, Planets: p.Planets, Population: p.Population, Industry: p.Industry, Ships: p.Ships,
			Votes: p.Votes, Extinct: p.Extinct, Banished: p.Banished, OrderRevision: p.OrderRevision})
	}
	return out, nil
}

// request is one call. Only writes have a body.
type request struct {
	method, address, path string
	body                  any
	game                  galaxy.GameID
	limit                 int64
}

func (c *Client) call(ctx context.Context, r request, into any) error {
	timeout := c.conf.ProbeTimeout
	var body io.Reader
	if r.body != nil {
		timeout = c.conf.CallTimeout
		b, ready := r.body.(json.RawMessage)
		if !ready {
			var err error
			if b, err = json.Marshal(r.body); err != nil {
				return fmt.Errorf("encode %s: %w", r.path, err)
			}
		}
		// The transport repeats a call on a connection that broke if it can read the body again: hide that it could.
		body = io.NopCloser(bytes.NewReader(b))
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, r.address+r.path, body)
	if err != nil {
		return &galaxy.EngineError{Kind: galaxy.EngineUnreachable, Message: "the engine's address is no address", Cause: err}
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set(engineapi.GameHeader, r.game.String())
	}
	res, err := c.http.Do(req)
	if err != nil {
		return unanswered(err)
	}
	defer res.Body.Close()
	return decode(res, max(r.limit, maxAnswer), into)
}

// unanswered tells a call that never went out from one that may have arrived.
func unanswered(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		if galaxy.Exhausted(err) { // by us: it says nothing about the engine
			err = fmt.Errorf("%w: %w", galaxy.ErrShortage, err)
		}
		return &galaxy.EngineError{Kind: galaxy.EngineUnreachable, Message: "no connection to the engine", Cause: err}
	}
	return &galaxy.EngineError{Kind: galaxy.EngineUnanswered, Message: "the engine did not answer", Cause: err}
}

func decode(res *http.Response, limit int64, into any) error {
	b, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return unanswered(err)
	}
	if res.StatusCode >= 300 {
		return refused(res.StatusCode, b)
	}
	if int64(len(b)) > limit {
		return &galaxy.EngineError{Kind: galaxy.EngineUnanswered, Status: res.StatusCode, Message: "the answer is larger than the contract allows"}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(b, into); err != nil {
		return &galaxy.EngineError{Kind: galaxy.EngineUnanswered, Status: res.StatusCode, Message: "the answer is no JSON of the contract", Cause: err}
	}
	return nil
}

func refused(status int, body []byte) error {
	var e engineapi.Error
	_ = json.Unmarshal(body, &e)
	out := &galaxy.EngineError{Kind: galaxy.EngineRefused, Status: status, Code: shortened(e.Error.Code), Message: shortened(e.Error.Message)}
	switch {
	case status == http.StatusNotImplemented:
		out.Kind = galaxy.EngineEmpty
	case status >= 500:
		out.Kind = galaxy.EngineFailed
	case status < 400:
		out.Kind, out.Message = galaxy.EngineUnanswered, "the engine answered with a redirect"
	}
	return out
}
