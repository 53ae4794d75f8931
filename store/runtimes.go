package store

import (
	"context"
	"time"

	. "github.com/go-jet/jet/v2/postgres"
	"github.com/google/uuid"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/jet/backend/model"
	. "galaxy/backend/store/jet/backend/table"
)

// Timeline gives a page of a game's timeline, newest first, and the cursor of the next page.
func (s *Store) Timeline(ctx context.Context, game galaxy.GameID, p galaxy.Page) ([]galaxy.TimelineEntry, string, error) {
	where := GameTimeline.GameID.EQ(UUID(game.UUID))
	where, err := beyond(where, p, GameTimeline.EntryID.LT)
	if err != nil {
		return nil, "", err
	}
	found, err := rows[model.GameTimeline](ctx, s, SELECT(GameTimeline.AllColumns).FROM(GameTimeline).WHERE(where).ORDER_BY(GameTimeline.EntryID.DESC()).LIMIT(int64(p.Limit)+1))
	if err != nil {
		return nil, "", err
	}
	page, next := paged(found, p.Limit, func(m model.GameTimeline) uuid.UUID { return m.EntryID })
	out := make([]galaxy.TimelineEntry, 0, len(page))
	for _, m := range page {
		out = append(out, galaxy.TimelineEntry{ID: m.EntryID, Epoch: int(m.Epoch), Turn: int(m.Turn), Outcome: galaxy.TimelineOutcome(m.Outcome), Cause: m.Cause,
			By: galaxy.Principal{Kind: galaxy.PrincipalKind(m.ByKind), ID: m.ByID}, Deadline: m.Deadline, At: m.At, Lateness: time.Duration(m.LatenessMs) * time.Millisecond})
	}
	return out, next, nil
}

// ListRuntimes gives a page of the games that were ever started, newest first, with the cursor of the next page. Their members
// and applications are left out.
func (s *Store) ListRuntimes(ctx context.Context, f galaxy.RuntimeFilter, p galaxy.Page) ([]galaxy.Game, string, error) {
	where := Runtimes.Status.NOT_EQ(String(string(galaxy.RuntimeNone)))
	if f.Status != "" {
		where = Runtimes.Status.EQ(String(string(f.Status)))
	}
	switch {
	case f.Why == galaxy.WhyNoTick:
		where = where.AND(Runtimes.ScheduleBrokenSince.IS_NOT_NULL())
	case f.Why != "":
		where = where.AND(Runtimes.Why.EQ(String(string(f.Why))))
	}
	where, err := beyond(where, p, Runtimes.GameID.LT)
	if err != nil {
		return nil, "", err
	}
	ids := SELECT(Runtimes.GameID).FROM(Runtimes).WHERE(where).ORDER_BY(Runtimes.GameID.DESC()).LIMIT(int64(p.Limit) + 1)
	var games []model.Games
	var runtimes []model.Runtimes
	t := &tx{}
	scanAll(t.add(SELECT(Games.AllColumns).FROM(Games).WHERE(Games.GameID.IN(ids)).ORDER_BY(Games.GameID.DESC())), &games)
	scanAll(t.add(SELECT(Runtimes.AllColumns).FROM(Runtimes).WHERE(Runtimes.GameID.IN(ids)).ORDER_BY(Runtimes.GameID.DESC())), &runtimes)
	if err := s.read(ctx, t); err != nil {
		return nil, "", err
	}
	page, next := paged(games, p.Limit, func(m model.Games) uuid.UUID { return m.GameID })
	of := map[uuid.UUID]model.Runtimes{}
	for _, m := range runtimes {
		of[m.GameID] = m
	}
	out := make([]galaxy.Game, 0, len(page))
	for _, m := range page {
		r, ok := of[m.GameID]
		if !ok {
			continue // it has left the list between the two statements, which see different moments
		}
		g := game(m)
		g.Runtime = runtime(r)
		out = append(out, g)
	}
	return out, next, nil
}

// Runtimes gives what is recorded of the engines of games, of those that there are.
func (s *Store) Runtimes(ctx context.Context, ids []galaxy.GameID) (map[galaxy.GameID]galaxy.RuntimeStatus, error) {
	keys := make([]uuid.UUID, len(ids))
	for i, id := range ids {
		keys[i] = id.UUID
	}
	found, err := rows[struct {
		ID     uuid.UUID
		Status string
	}](ctx, s, literal{`SELECT game_id, status FROM runtimes WHERE game_id = ANY($1)`, []any{keys}})
	out := map[galaxy.GameID]galaxy.RuntimeStatus{}
	for _, f := range found {
		out[galaxy.GameID{UUID: f.ID}] = galaxy.RuntimeStatus(f.Status)
	}
	return out, err
}

const restingQuery = `SELECT game_id FROM runtimes WHERE status IN ('stopped', 'engine_unreachable') AND op_kind IS NULL`

// RestingGames gives games that have use for no engine but may still have a container: those that are stopped, or whose engine
// was given up.
func (s *Store) RestingGames(ctx context.Context) ([]galaxy.GameID, error) {
	return s.gameIDs(ctx, restingQuery)
}

// Outages gives the newest outages of the service, in the order of time.
func (s *Store) Outages(ctx context.Context) ([]galaxy.Outage, error) {
	const newest = 100
	found, err := rows[struct{ From, To time.Time }](ctx, s, literal{`SELECT * FROM (SELECT began_at, ended_at FROM outages ORDER BY ended_at DESC LIMIT $1) o ORDER BY 2`, []any{newest}})
	var out []galaxy.Outage
	for _, f := range found {
		out = append(out, galaxy.Outage{From: f.From, To: f.To})
	}
	return out, err
}
