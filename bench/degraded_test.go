package bench

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/storetest"
)

// degraded is players who order while some engines hang.
type degraded struct {
	*world
	engines *engines
	hung    []galaxy.GameID
	healthy []*load // by client, one connection for each of its games
	stuck   *load   // who play on engines that may hang
}

// degradedGames is how many games there are, one in ten of which is on an engine that hangs; the others are shared by
// degradedClients, who send one list after another, to each of their games in turn.
const (
	degradedGames   = 64
	degradedClients = 8
)

// benchDegraded: how long players wait for their orders to be accepted while a tenth of the engines takes calls and never answers;
// the 99th of a hundred requests for the other engines. The limit is the same without engines that hang, when nobody plays on
// those.
func benchDegraded(t *testing.T) {
	d := newDegraded(t)
	comparison{name: "order/degraded", unit: "ms", less: true,
		limit: d.p99,
		ours: func() float64 {
			d.engines.hang("", d.hung...)
			var waiting sync.WaitGroup
			for _, a := range d.stuck.all {
				waiting.Go(func() { // answered when the engine goes on
					if err := a.ask(); err != nil {
						t.Errorf("an order failed whose engine went on: %v", err)
					}
				})
			}
			p99 := d.p99()
			d.engines.release()
			waiting.Wait()
			return p99
		}}.run(t)
}

func newDegraded(t *testing.T) *degraded {
	e := newEngines(t)
	dsn, games := durable(t), degradedGames
	if !*full {
		games = 20
	}
	require.NoError(t, storetest.Migrate(dsn))
	l := league{games: games, running: games, accounts: turnPlayers, members: turnPlayers, due: time.Now().Add(24 * time.Hour)}
	ids := l.fill(t, dsn)
	e.hold(t, dsn, ids...)
	d := &degraded{world: newWorldOn(t, dsn, e), engines: e, hung: ids[:games/10]}
	body := `{"turn":1,"commands":` + commands() + `}`
	connect := func(games []galaxy.GameID) *load {
		return newLoadOf(t, d.rest, len(games), func(i int) *http.Request {
			g, err := d.st.Game(t.Context(), games[i])
			require.NoError(t, err)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+d.rest+"/api/v1/user/games/"+g.ID.String()+"/orders", strings.NewReader(body))
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-User-ID", g.Members[0].User.String())
			return r
		})
	}
	for some := range slices.Chunk(ids[games/10:], (games-games/10+degradedClients-1)/degradedClients) {
		d.healthy = append(d.healthy, connect(some))
	}
	d.stuck = connect(d.hung)
	for _, id := range ids {
		d.adopted(id)
	}
	return d
}

// p99 has the clients order for a while, and gives the milliseconds that all but the slowest hundredth of their requests took at
// most.
func (d *degraded) p99() float64 {
	lasts := 2 * time.Second
	if !*full {
		lasts = sample()
	}
	ctx, cancel := context.WithTimeout(d.Context(), lasts)
	defer cancel()
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	for _, client := range d.healthy {
		wg.Go(func() {
			var took []time.Duration
			for n := 0; n == 0 || ctx.Err() == nil; n++ {
				began := time.Now()
				if err := client.all[n%len(client.all)].ask(); err != nil {
					d.Errorf("an order failed: %v", err)
					return
				}
				took = append(took, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	wg.Wait()
	slices.Sort(all)
	if len(all) == 0 {
		return 1
	}
	return float64(all[(len(all)*99+99)/100-1].Microseconds()) / 1000
}
