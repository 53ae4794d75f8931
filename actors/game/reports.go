package game

import (
	"cmp"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// onGetReport tells where in the store the report is, or has the engine answer the player while it is not there.
func (t *table) onGetReport(c actor.Context, m GetReport) {
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	var seat galaxy.Membership
	err := t.load(c, ctx)
	if err == nil {
		seat, err = t.mayRead(m)
	}
	if err != nil {
		kit.Reply(c, Reported{}, err)
		return
	}
	r := t.game.Runtime
	where := Reported{Epoch: r.Epoch, Race: seat.Race, MayLack: r.Gap(m.Turn)}
	if stored := !m.Engine || !where.MayLack; stored && m.Turn <= r.Reports {
		kit.Reply(c, where, nil)
		return
	}
	t.reads++
	t.reading = made(t.reading)
	t.reading[t.reads] = read{c.Sender(), where}
	t.engine.tell(c, engine.Report{ID: t.reads, Race: seat.Race, Turn: m.Turn})
}

// unreadAllowed is how often some of a turn's reports may be missing before the others are stored without them. Such gaps are asked
// for again one after another, then after gapAgain, and of every engine that has come up anew.
const (
	unreadAllowed = 12
	gapAgain      = time.Hour
)

// onFetched stores the reports of a turn.
func (t *table) onFetched(c actor.Context, m engine.Fetched) {
	if m.Turn == t.engine.fetching {
		t.engine.fetching = galaxy.NoTurn
	}
	if m.Err == nil && len(m.Missing) > 0 {
		t.engine.unread++
	}
	gap := t.game != nil && t.game.Runtime.Gap(m.Turn)
	round := false
	switch {
	case m.Err != nil, len(m.Missing) > 0 && !gap && t.engine.unread < unreadAllowed:
		t.log().Warn("reports of a turn could not be read; it is tried again", zap.Int("turn", m.Turn), zap.Strings("races", m.Missing), zap.Error(cmp.Or(m.Err, m.Cause)))
		t.timers.Start(c, refetch, t.Refetch)
	case len(m.Missing) > 0:
		t.engine.unread = 0
		t.timers.Start(c, refetch, t.Refetch)
		if gap {
			t.engine.gaps++
			round = t.engine.gaps >= len(t.game.Runtime.Gaps)
		}
		if round {
			t.engine.gaps = 0
			t.timers.Start(c, regap, gapAgain)
		}
		t.learn(c, plain("reports", func(g galaxy.Game, by galaxy.By) galaxy.GameChange {
			return g.ReportsIncomplete(m.Turn, m.Reports, galaxy.Unread{Races: m.Missing, Cause: m.Cause.Error(), Last: round}, by)
		}))
	default:
		t.engine.unread = 0
		t.learn(c, plain("reports", func(g galaxy.Game, by galaxy.By) galaxy.GameChange { return g.ReportsFetched(m.Turn, m.Reports, by) }))
	}
}

// read is a report that a player waits for.
type read struct {
	asker *actor.PID
	where Reported
}

func (t *table) onReportRead(c actor.Context, m engine.ReportRead) {
	r, ok := t.reading[m.ID]
	if !ok {
		return
	}
	delete(t.reading, m.ID)
	r.where.Raw = m.Raw
	kit.ReplyTo(c, r.asker, r.where, m.Err)
}

// refuseReads answers everybody whose report the engine will not give.
func (t *table) refuseReads(c actor.Context, err error) {
	for id, r := range t.reading {
		kit.ReplyTo(c, r.asker, nil, err)
		delete(t.reading, id)
	}
}

func (t *table) mayRead(m GetReport) (galaxy.Membership, error) {
	seat, err := t.game.Playing(m.User)
	switch {
	case err != nil:
		return seat, err
	case m.Turn < 0 || m.Turn > t.game.Runtime.Turn:
		return seat, galaxy.Errorf(galaxy.NotFound, "there is no report of turn %d", m.Turn)
	case !t.engine.up && (m.Turn > t.game.Runtime.Reports || m.Engine && t.game.Runtime.Gap(m.Turn)):
		return seat, engine.ErrAway
	}
	return seat, nil
}
