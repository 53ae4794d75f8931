package engine

import (
	"context"
	"encoding/json"
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
// who asks does not wait for all.
const (
	readsAtOnce   = 4
	fetchesAtOnce = 3
)

// fetchingAtOnce is how many games' reports are read for the store at a time: when many turns are due at once, reports can wait,
// and turns cannot. A game counts among them for fetchCounts at most.
const (
	fetchingAtOnce = 4
	fetchCounts    = 5 * time.Second
	fetchWaits     = time.Hour // to be let in
)

// read asks the engine for a report, once it has a place for reads.
func (a *driver) read(ctx context.Context, address, race string, turn int) (json.RawMessage, error) {
	if err := a.lasting.places.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer a.lasting.places.Release(1)
	return a.Client.Report(ctx, address, race, turn)
}

func (a *driver) onReport(c actor.Context, m Report) {
	if !a.up {
		a.tell(c, ReportRead{ID: m.ID, Err: ErrAway})
		return
	}
	life, address := a.life, a.address
	a.job(c, jobTimeout, func(ctx context.Context) any {
		raw, err := a.read(ctx, address, m.Race, m.Turn)
		return reportRead{life, ReportRead{m.ID, raw, err}}
	}, func(err error) any { return reportRead{life, ReportRead{ID: m.ID, Err: err}} })
}

func (a *driver) onReportRead(c actor.Context, m reportRead) {
	dead := false
	if m.out.Err != nil {
		m.out.Err, dead = a.forPlayer(m.out.Err)
	}
	a.tell(c, m.out)
	if m.life == a.life && dead {
		a.timers.Start(c, probe, 0)
	}
}

// onFetchReports reads the reports of a turn for the store. They have their time from when they are let in.
func (a *driver) onFetchReports(c actor.Context, m FetchReports) {
	if !a.up {
		a.tell(c, Fetched{Turn: m.Turn, Err: ErrAway})
		return
	}
	life, address, since := a.life, a.address, kit.Now(c)
	a.job(c, fetchWaits, func(ctx context.Context) any {
		var out Fetched
		err := a.fetches.doWhile(ctx, since, fetchCounts, func() (err error) {
			ctx, cancel := context.WithTimeout(ctx, jobTimeout)
			defer cancel()
			out, err = a.fetch(ctx, address, m)
			return err
		})
		if err != nil {
			out = Fetched{Turn: m.Turn, Err: err}
		}
		return fetched{life, out}
	}, func(err error) any { return fetched{life, Fetched{Turn: m.Turn, Err: err}} })
}

// fetch reads the report of each race. A race or a turn that the engine does not know has none. It fails only when nobody is there to
// be asked, or is to be any more: a report that cannot be read, or not in time, keeps no other back.
func (a *driver) fetch(ctx context.Context, address string, m FetchReports) (Fetched, error) {
	var mu sync.Mutex
	out := Fetched{Turn: m.Turn}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(fetchesAtOnce)
	for _, race := range m.Races {
		g.Go(func() error {
			packed, err := a.fetchOne(ctx, address, race, m.Turn)
			var e *galaxy.EngineError
			if errors.Is(ctx.Err(), context.Canceled) || errors.As(err, &e) && e.Kind == galaxy.EngineUnreachable {
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
	raw, err := a.read(ctx, address, race, turn)
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
	var e *galaxy.EngineError
	if errors.As(m.out.Err, &e) && e.Kind == galaxy.EngineUnreachable {
		a.timers.Start(c, probe, 0)
	}
}
