package engine

import (
	"context"
	"errors"
	"sync"

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
	life, address := a.life, a.address
	a.reading += fetchesAtOnce
	a.job(c, jobTimeout, func(ctx context.Context) any {
		var got []galaxy.Report
		err := a.fetches.do(ctx, a.Since, func() (err error) {
			got, err = a.fetch(ctx, address, m)
			return err
		})
		return fetched{life, Fetched{m.Turn, got, err}}
	}, func(err error) any { return fetched{life, Fetched{Turn: m.Turn, Err: err}} })
}

// fetch reads the report of each race. A race or a turn that the engine does not know has none.
func (a *driver) fetch(ctx context.Context, address string, m FetchReports) (got []galaxy.Report, err error) {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(fetchesAtOnce)
	for _, race := range m.Races {
		g.Go(func() error {
			raw, err := a.Client.Report(ctx, address, race, m.Turn)
			var e *galaxy.EngineError
			switch {
			case errors.As(err, &e) && (e.Code == engineapi.CodeRaceUnknown || e.Code == engineapi.CodeTurnUnknown):
				return nil
			case err != nil:
				return err
			}
			packed, err := galaxy.PackReport(race, raw)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			got = append(got, packed)
			return nil
		})
	}
	return got, g.Wait()
}

func (a *driver) onFetched(c actor.Context, m fetched) {
	a.tell(c, m.out)
	if m.life != a.life {
		return
	}
	a.reading -= fetchesAtOnce
	var e *galaxy.EngineError
	if errors.As(m.out.Err, &e) && e.Kind == galaxy.EngineUnreachable {
		a.timers.Start(c, probe, 0)
	}
	a.nextRead(c)
}
