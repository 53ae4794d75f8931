package bench

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
	"galaxy/backend/store/storetest"
)

// benchReconcile: the start of the actors until 150 engines in containers are up again in their games. By hand they are listed,
// looked over and asked for health and status, as many at once as the service looks over.
func benchReconcile(t *testing.T) {
	games := 150
	if !*full {
		games = 12
	}
	d := newDaemon(t)
	w := openWorld(t, durable(t), d.driver)
	asked := &asked{Client: w.actors.Engines}
	w.actors.Engines = asked
	w.begin()
	w.addVersion(d.image)
	ids := w.manyStarted(games)
	w.end()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 5}}
	comparison{name: "reconcile", unit: "ms", less: true,
		ours: func() float64 {
			asked.answered.Store(0)
			began := time.Now()
			w.begin()
			for asked.answered.Load() < int64(games) {
				require.Less(t, time.Since(began), time.Minute, "the engines are not adopted")
				time.Sleep(100 * time.Microsecond)
			}
			took := time.Since(began)
			for _, id := range ids {
				w.adopted(id)
			}
			w.end()
			return took.Seconds() * 1000
		},
		limit: func() float64 {
			began := time.Now()
			require.Equal(t, games, d.lookOver(client))
			return time.Since(began).Seconds() * 1000
		}}.run(t)
}

// asked counts the answers of engines that were asked what they hold. Each is asked once when it is adopted, and is up when it has
// answered.
type asked struct {
	engine.Client
	answered atomic.Int64
}

// Status counts.
func (a *asked) Status(ctx context.Context, address string) (galaxy.EngineStatus, error) {
	s, err := a.Client.Status(ctx, address)
	if err == nil {
		a.answered.Add(1)
	}
	return s, err
}

// manyStarted starts games, all at once, and waits until they run.
func (w *world) manyStarted(n int) (ids []galaxy.GameID) {
	for range n {
		g, accounts := storetest.Game(w.T, w.st, 2)
		for _, a := range accounts {
			w.system.Rights.Add(a)
		}
		_, err := kit.Ask(w.Context(), w.system.Games.Ref(g.ID), game.ForceStart{By: operator})
		require.NoError(w, err)
		ids = append(ids, g.ID)
	}
	for _, id := range ids {
		require.Eventually(w, func() bool {
			g, err := kit.Ask(w.Context(), w.system.Games.Ref(id), game.Get{})
			return err == nil && g.Status == galaxy.Running
		}, 5*time.Minute, 10*time.Millisecond)
	}
	return ids
}

// lookOver lists the containers, looks each of them over, and asks its engine how it is and what it holds. It gives how many have
// answered.
func (d *daemon) lookOver(c *http.Client) int {
	all, err := d.list(d.Context())
	require.NoError(d, err)
	looking, ctx := errgroup.WithContext(d.Context())
	looking.SetLimit(workers)
	for _, one := range all {
		looking.Go(func() error {
			address, err := d.address(ctx, one.ID)
			if err != nil {
				return err
			}
			var s engineapi.Status
			for path, into := range map[string]any{"/healthz": nil, "/api/v1/admin/status": &s} {
				if err := fetchJSON(ctx, c, address+path, into); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(d, looking.Wait())
	return len(all)
}

// fetchJSON reads an answer that must be 200, into into unless that is nil.
func fetchJSON(ctx context.Context, c *http.Client, url string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	res, err := c.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return &refused{res.Status, url}
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(into)
}
