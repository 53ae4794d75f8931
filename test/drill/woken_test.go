package drill

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"syscall"
	"time"

	"galaxy/backend/client"
	"galaxy/backend/internal/stack"
)

// wake lets a frozen service go on whose lease another one has, and asks it what it must not answer: calls that have waited
// for it meanwhile, and calls that come within the time that it has to notice.
func (p *pair) wake(ctx context.Context, b *stack.Backend) error {
	epoch, err := p.epoch(ctx)
	if err != nil {
		return err
	}
	calls, err := p.calls(ctx)
	if err != nil {
		return err
	}
	var waiting []net.Conn
	for range 5 {
		for _, call := range calls {
			c, err := send(local(b), call())
			if err != nil {
				return err
			}
			defer c.Close()
			waiting = append(waiting, c)
		}
	}
	if err := syscall.Kill(b.PID(), syscall.SIGCONT); err != nil {
		return err
	}
	woken := time.Now()
	for _, c := range waiting {
		p.refuses(c, woken)
	}
	for time.Since(woken) < lateness {
		for _, call := range calls {
			if c, err := send(local(b), call()); err == nil {
				p.refuses(c, woken)
				c.Close()
			}
		}
		if err := pause(ctx, every); err != nil {
			return err
		}
	}
	after, err := p.epoch(ctx)
	if err == nil && after != epoch {
		p.problem("the woken service has raised the epoch from %d to %d", epoch, after)
	}
	var orders int
	for _, g := range p.games {
		if err == nil {
			err = p.db.QueryRow(ctx, "SELECT count(*) FROM orders WHERE game_id = $1 AND turn > $2", g.id, g.turn).Scan(&orders)
		}
		if orders > 0 {
			p.problem("the woken service has stored orders in game %s", g.id)
		}
	}
	return err
}

// ends waits until the woken service has ended by itself, and not as one that was told to.
func (p *pair) ends(ctx context.Context, b *stack.Backend) error {
	select {
	case <-b.Done():
	case <-ctx.Done():
		return fmt.Errorf("the woken service does not end: %w", ctx.Err())
	}
	if b.Exit() == nil {
		p.problem("the woken service ended with exit code 0: nobody would start it again")
	}
	return nil
}

func (p *pair) epoch(ctx context.Context) (epoch int64, err error) {
	err = p.db.QueryRow(ctx, "SELECT epoch FROM lease").Scan(&epoch)
	return epoch, err
}

// calls are what the woken service is asked: to read what it remembers, to take orders and to make a turn.
func (p *pair) calls(ctx context.Context) (calls []func() *http.Request, err error) {
	g := p.games[rand.IntN(len(p.games))]
	r := g.races[0]
	orders, err := json.Marshal(client.PutOrdersRequest{Turn: int32(g.turn + 1), Commands: json.RawMessage(fmt.Sprintf(`[{"type":"planet.rename","planet":%d,"name":"woken"}]`, r.planet))})
	if err != nil {
		return nil, err
	}
	forced, err := json.Marshal(client.ForceNextTurnRequest{Turn: int32(g.turn + 1)})
	if err != nil {
		return nil, err
	}
	for _, one := range []struct {
		method, path string
		body         []byte
		as           client.RequestEditorFn
	}{
		{http.MethodGet, "/api/v1/user/account", nil, r.player.As},
		{http.MethodGet, "/api/v1/user/games/" + g.id.String(), nil, r.player.As},
		{http.MethodGet, "/api/v1/user/games/" + g.id.String() + "/orders", nil, r.player.As},
		{http.MethodPut, "/api/v1/user/games/" + g.id.String() + "/orders", orders, r.player.As},
		{http.MethodGet, "/api/v1/internal/sessions/" + r.player.Session.String(), nil, nil},
		{http.MethodGet, "/api/v1/admin/runtimes/" + g.id.String(), nil, p.admin},
		{http.MethodPost, "/api/v1/admin/runtimes/" + g.id.String() + "/force-next-turn", forced, p.admin},
	} {
		calls = append(calls, func() *http.Request {
			req, err := http.NewRequestWithContext(ctx, one.method, "http://service"+one.path, bytes.NewReader(one.body))
			if err == nil && one.as != nil {
				err = one.as(ctx, req)
			}
			if err != nil {
				p.problem("make a call: %v", err)
			}
			req.Header.Set("Content-Type", "application/json")
			req.Close = true
			return req
		})
	}
	return calls, nil
}

// send sends a call and does not wait for its answer.
func send(address string, req *http.Request) (net.Conn, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return c, req.Write(c)
}

// refuses reads an answer, and notes one that should not have been given.
func (p *pair) refuses(c net.Conn, woken time.Time) {
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return // refused in its way
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode < 300 {
		p.problem("%d ms after it was woken the service answered with %d %.200s", time.Since(woken).Milliseconds(), res.StatusCode, body)
	}
}
