package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"golang.org/x/sync/errgroup"

	"galaxy/backend/actors/kit"
	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
)

// readsAtOnce is how many reads an engine is given at a time, and fetchesAtOnce how many of them may be for the store: a player
// who asks does not wait for all. Reads for the store begin beside those of players that are under way.
const (
	readsAtOnce   = 4
	fetchesAtOnce = 3
)

// fetchingAtOnce is how many games' reports are read for the store at a time: when many turns are due at once, reports can wait,
// and turns cannot. A game counts among them for fetchCounts at most.
const (
	fetchingAtOnce = 4
	fetchCounts    = 5 * time.Second
)

func (a *driver) onReport(c actor.Context, m Report) {
	if !a.up {
		a.tell(c, ReportRead{ID: m.ID, Err: errAway})
		return
	}
	a.reads = append(a.reads, kit.Hold(c))
	a.nextRead(c)
}

func (a *driver) nextRead(c actor.Context) {
	for a.reading < readsAtOnce && len(a.reads) > 0 {
		next := a.reads[0]
		a.reads = a.reads[1:]
		m, ok := next.Message.(Report)
		if !ok {
			continue
		}
		a.reading++
		next.Resume(c)
		life, address := a.life, a.address
		a.job(c, jobTimeout, func(ctx context.Context) any {
			raw, err := a.Client.Report(ctx, address, m.Race, m.Turn)
			return reportRead{life, ReportRead{m.ID, raw, err}}
		}, func(err error) any { return reportRead{life, ReportRead{ID: m.ID, Err: err}} })
	}
}

func (a *driver) onReportRead(c actor.Context, m reportRead) {
	dead := false
	if m.out.Err != nil {
		m.out.Err, dead = a.forPlayer(m.out.Err)
	}
	a.tell(c, m.out)
	if m.life != a.life {
		return
	}
	a.reading--
	if dead {
		a.timers.Start(c, probe, 0)
	}
	a.nextRead(c)
}

// onFetchReports reads the reports of a turn for the store.
func (a *driver) onFetchReports(c actor.Context, m FetchReports) {
	if !a.up {
		a.tell(c, Fetched{Turn: m.Turn, Err: errAway})
		return
	}
	self, life, address := kit.Self(c), a.life, a.address
	let := false
	done := func(out Fetched, err error) any {
		if err != nil {
			out = Fetched{Turn: m.Turn, Err: err}
		}
		return fetched{life, let, out}
	}
	a.job(c, jobTimeout, func(ctx context.Context) any {
		var out Fetched
		err := a.fetches.doWhile(ctx, a.Since, fetchCounts, func() (err error) {
			let = true
			kit.Tell(self, fetching{life})
			out, err = a.fetch(ctx, address, m)
			return err
		})
		return done(out, err)
	}, func(err error) any { return done(Fetched{}, err) })
}

// onFetching takes the places of a fetch that has begun.
func (a *driver) onFetching(m fetching) {
	if m.life == a.life {
		a.reading += fetchesAtOnce
	}
}

// fetch reads the report of each race. A race or a turn that the engine does not know has none. It fails only when nobody is there to
// be asked, or no time is left: a report that cannot be read keeps no other back.
func (a *driver) fetch(ctx context.Context, address string, m FetchReports) (Fetched, error) {
	var mu sync.Mutex
	out := Fetched{Turn: m.Turn}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(fetchesAtOnce)
	for _, race := range m.Races {
		g.Go(func() error {
			packed, err := a.fetchOne(ctx, address, race, m.Turn)
			var e *galaxy.EngineError
			if ctx.Err() != nil || errors.As(err, &e) && e.Kind == galaxy.EngineUnreachable {
				return errors.Join(err, ctx.Err())
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.As(err, &e) && (e.Code == engineapi.CodeRaceUnknown || e.Code == engineapi.CodeTurnUnknown):
			case err != nil:
				out.Missing = append(out.Missing, race)
				if out.Cause == nil {
					out.Cause = err
				}
			default:
				out.Reports = append(out.Reports, packed)
			}
			return nil
		})
	}
	err := g.Wait()
	return out, err
}

func (a *driver) fetchOne(ctx context.Context, address, race string, turn int) (galaxy.Report, error) {
	raw, err := a.Client.Report(ctx, address, race, turn)
	if err != nil {
		return galaxy.Report{}, err
	}
	return galaxy.PackReport(race, raw)
}

func (a *driver) onFetched(c actor.Context, m fetched) {
	a.tell(c, m.out)
	if m.life != a.life {
		return
	}
	if m.let {
		a.reading -= fetchesAtOnce
	}
	var e *galaxy.EngineError
	if errors.As(m.out.Err, &e) && e.Kind == galaxy.EngineUnreachable {
		a.timers.Start(c, probe, 0)
	}
	a.nextRead(c)
}
