package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"galaxy/backend/internal/gateway"
	"galaxy/backend/internal/stack"
)

// drillTwo has two services on one database. The one that serves is killed, stopped, or frozen until the other has taken
// over and then woken: it must write nothing, and answer nothing from what it remembers.
func drillTwo(t *testing.T, d *drill) {
	p, err := newPair(t, d)
	if err != nil {
		d.problem("%v", err)
		return
	}
	var kills, stops, gaps, wakes []time.Duration
	for range of(1, 10) {
		killed, err := p.change(t.Context(), func(*stack.Backend) (time.Time, error) {
			at := time.Now()
			p.kill()
			return at, nil
		})
		kills = append(kills, killed)
		if err == nil {
			var stopped, refused time.Duration
			stopped, refused, err = p.stop(t.Context())
			stops, gaps = append(stops, stopped), append(gaps, refused)
		}
		if err == nil {
			var woken time.Duration
			woken, err = p.freeze(t.Context(), p.cutLease)
			wakes = append(wakes, woken)
		}
		if err != nil {
			d.problem("%v", err)
			return
		}
	}
	// Nobody cuts the lease: the standby finds out by itself.
	for range of(0, 2) {
		took, err := p.freeze(t.Context(), func(context.Context) error { return nil })
		if err != nil {
			d.problem("%v", err)
			return
		}
		d.note("the standby served %d ms after the other was frozen", took.Milliseconds())
	}
	d.note("the standby served %s after the other was killed, %s after it was told to stop (%s after it served no more), %s after the lease of a frozen one was cut",
		times(kills), times(stops), times(gaps), times(wakes))
}

// times gives median and greatest of durations.
func times(all []time.Duration) string {
	slices.Sort(all)
	return fmt.Sprintf("%d ms (at most %d)", all[len(all)/2].Milliseconds(), all[len(all)-1].Milliseconds())
}

// pair is two services on one database. Players and operators come in by a door that leads to the one that serves.
type pair struct {
	*world
	front   *door
	standby *stack.Backend
	games   []*game
	usual   time.Duration
}

func newPair(t *testing.T, d *drill) (*pair, error) {
	p := &pair{world: begin(t, d, options{})}
	p.front = hangDoor(t, "tcp", "127.0.0.1:0", local(p.service()))
	var err error
	if p.gateway, err = gateway.New("http://"+p.front.address, fmt.Sprintf("http://127.0.0.1:%d", p.stack.Ports.Inbox), ""); err != nil {
		return nil, err
	}
	if p.games, err = p.set(t.Context(), 2, 2); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := all(t.Context(), p.games, (*game).next); err != nil {
		return nil, err
	}
	p.usual = time.Since(began)
	t.Cleanup(func() {
		if p.standby != nil {
			p.standby.Kill()
		}
	})
	return p, p.reserve(t.Context(), ports(t))
}

func local(b *stack.Backend) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.Ports.HTTP)) }

// reserve starts a service that stands by, and waits until it does.
func (p *pair) reserve(ctx context.Context, ports stack.Ports) (err error) {
	const waiting = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'galaxy-backend-lease' AND wait_event_type = 'Lock'"
	if p.standby, err = p.stack.Spawn(ports); err != nil {
		return err
	}
	for {
		var n int
		if err := p.db.QueryRow(ctx, "SELECT count(*) "+waiting).Scan(&n); err != nil || n == 1 {
			return err
		}
		if err := pause(ctx, every); err != nil {
			return fmt.Errorf("no standby waits for the lease: %w", err)
		}
	}
}

// takenOver waits until the standby serves, leads everybody to it, and gives the one that served before.
func (p *pair) takenOver(ctx context.Context) (before *stack.Backend, err error) {
	if err := p.serves(ctx, p.standby); err != nil {
		return nil, err
	}
	p.mu.Lock()
	before, p.backend, p.standby = p.backend, p.standby, nil
	p.mu.Unlock()
	return before, p.front.lead(local(p.backend))
}

// serves waits until a service is ready, looking often.
func (p *pair) serves(ctx context.Context, b *stack.Backend) error {
	for {
		if status, _ := probe(ctx, b); status == http.StatusOK {
			return nil
		}
		select {
		case <-b.Done():
			return fmt.Errorf("the standby has ended: %w", b.Exit())
		default:
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return p.games[0].never("is not served: the standby does not take over")
		}
	}
}

func probe(ctx context.Context, b *stack.Backend) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+local(b)+"/readyz", http.NoBody)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// change plays a turn in every game while the one that serves ends; end does it, and says when it began. The turn is
// finished by the other. It gives how long nobody served.
func (p *pair) change(ctx context.Context, end func(*stack.Backend) (time.Time, error)) (gap time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var both errgroup.Group
	both.Go(func() error { return all(ctx, p.games, (*game).next) })
	both.Go(func() error {
		if err := instant(ctx, p.usual); err != nil {
			return err
		}
		ports := p.service().Ports
		ended, err := end(p.service())
		if err != nil {
			return err
		}
		if _, err := p.takenOver(ctx); err != nil {
			return err
		}
		gap = time.Since(ended)
		return p.reserve(ctx, ports)
	})
	if err := both.Wait(); err != nil {
		return gap, err
	}
	return gap, p.judge(ctx)
}

func (p *pair) judge(ctx context.Context) error {
	p.count(&p.rounds, 1)
	return all(ctx, p.games, (*game).judge)
}

// stop tells the one that serves to stop. It gives how long it took until the other served, and how long nobody did.
func (p *pair) stop(ctx context.Context) (sinceTold, sinceRefused time.Duration, err error) {
	var served time.Duration // after it was told
	sinceRefused, err = p.change(ctx, func(b *stack.Backend) (time.Time, error) {
		told := time.Now()
		if err := syscall.Kill(b.PID(), syscall.SIGTERM); err != nil {
			return told, err
		}
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		for ctx.Err() == nil {
			if status, err := probe(ctx, b); err != nil || status != http.StatusOK {
				served = time.Since(told)
				return told.Add(served), nil
			}
		}
		return told, errors.New("a backend that was told to stop still serves")
	})
	return served + sinceRefused, sinceRefused, err
}

// freeze stops the one that serves in the middle of a turn, cuts its lease, has the other play on, and wakes it.
func (p *pair) freeze(ctx context.Context, cutLease func(context.Context) error) (gap time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var both errgroup.Group
	var asleep *stack.Backend
	both.Go(func() error { return all(ctx, p.games, (*game).next) })
	both.Go(func() error {
		if err := instant(ctx, p.usual); err != nil {
			return err
		}
		if err := syscall.Kill(p.service().PID(), syscall.SIGSTOP); err != nil {
			return err
		}
		cut := time.Now()
		if err := cutLease(ctx); err != nil {
			return err
		}
		asleep, err = p.takenOver(ctx)
		gap = time.Since(cut)
		return err
	})
	err = both.Wait()
	if asleep == nil {
		return gap, err
	}
	defer asleep.Kill() // also while it is frozen, and when it has not ended by itself
	if err == nil {
		err = p.judge(ctx)
	}
	if err != nil {
		return gap, err
	}
	if err := p.wake(ctx, asleep); err != nil {
		return gap, err
	}
	if err := p.ends(ctx, asleep); err != nil {
		return gap, err
	}
	if err := all(ctx, p.games, (*game).next); err != nil {
		return gap, err
	}
	if err := all(ctx, p.games, (*game).judge); err != nil {
		return gap, err
	}
	return gap, p.reserve(ctx, asleep.Ports)
}

// cutLease ends the connection that holds the lease.
func (p *pair) cutLease(ctx context.Context) error {
	var cut int
	err := p.db.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()
		AND application_name = 'galaxy-backend-lease' AND wait_event_type IS DISTINCT FROM 'Lock'`).Scan(&cut)
	if err == nil && cut != 1 {
		err = fmt.Errorf("%d connections hold the lease", cut)
	}
	return err
}
