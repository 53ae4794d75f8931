package galaxy

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// packers are kept: a new one makes a megabyte of tables.
var packers = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // there is no such level
	}
	return w
}}

// PackReport compresses the JSON that an engine has written for a race.
func PackReport(race string, body []byte) (Report, error) {
	var out bytes.Buffer
	w, _ := packers.Get().(*gzip.Writer)
	defer packers.Put(w)
	w.Reset(&out)
	_, err := w.Write(body)
	if err = errors.Join(err, w.Close()); err != nil {
		return Report{}, fmt.Errorf("compress the report of %s: %w", race, err)
	}
	return Report{Race: race, Packed: out.Bytes()}, nil
}

// Body gives the JSON of a report.
func (r Report) Body() ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(r.Packed))
	if err != nil {
		return nil, fmt.Errorf("the report of %s is damaged: %w", r.Race, err)
	}
	return io.ReadAll(z)
}

// Played names the races that the engine was given: those of members who were in when the game started, or left later.
func (g Game) Played() []string {
	var races []string
	for _, m := range g.Members {
		if m.Status == MemberActive || m.EndedAt != nil && g.Runtime.StartedAt != nil && !m.EndedAt.Before(*g.Runtime.StartedAt) {
			races = append(races, m.Race)
		}
	}
	return races
}

// ReportsWanted gives the turn whose reports are to be read next: the oldest one that was not asked for, or else one of which some
// could not be read.
func (g Game) ReportsWanted() (turn int, wanted bool) {
	r := g.Runtime
	switch {
	case r.Reports < r.Turn:
		return r.Reports + 1, true
	case len(r.Gaps) > 0:
		return r.Gaps[0], true
	}
	return NoTurn, false
}

// Gap reports whether some reports of a turn could not be read.
func (r Runtime) Gap(turn int) bool { return slices.Contains(r.Gaps, turn) }

// unreadable notes that reports of a finished game cannot be had, for its engine does not come up. Nothing further is
// tried, and its container is kept, until an operator has it restarted.
func (g Game) unreadable(cause string, by By) GameChange {
	turn, wanted := g.ReportsWanted()
	if g.Status != Finished || !wanted || g.Runtime.Op != nil || g.Runtime.Why == WhyReports {
		return GameChange{}
	}
	return g.restUnread(fmt.Sprintf("reports of turn %d are not stored: %s", turn, cause), by)
}

// restUnread has a finished game wait for an operator to see to its reports.
func (g Game) restUnread(cause string, by By) GameChange {
	c := g.change(by, "runtime.reports_missing")
	reason := "the game is over, but " + cause
	c.Next.Runtime.Failure = &Failure{At: by.At, Cause: cause}
	c.Next.Runtime.note(WhyReports, reason, by)
	c.alert(EngineUnreachableNotice, g.turnKey("reports-missing", g.Runtime.Turn), by, Payload{Turn: &g.Runtime.Turn, Reason: reason})
	return c
}

// readAgain has the engine of a finished game started again for its last reports.
func (g Game) readAgain(by By) GameChange {
	c := g.change(by, "game.restart")
	c.Next.Runtime.note(WhyFinished, "the game is over", by)
	return c
}

// ReportsFetched stores the reports of the turn that is wanted. A race that has none in the engine has none here.
func (g Game) ReportsFetched(turn int, reports []Report, by By) GameChange {
	if wanted, ok := g.ReportsWanted(); !ok || turn != wanted {
		return GameChange{}
	}
	c := GameChange{Next: g}
	c.Next.UpdatedAt = by.At
	r := &c.Next.Runtime
	r.Reports, r.Gaps = max(r.Reports, turn), slices.DeleteFunc(slices.Clone(r.Gaps), func(gap int) bool { return gap == turn })
	for _, r := range reports {
		r.Epoch, r.Turn = g.Runtime.Epoch, turn
		c.Reports = append(c.Reports, r)
	}
	return c
}

// Unread is what could not be read of a turn's reports.
type Unread struct {
	Races []string
	Cause string
	Last  bool // every gap was asked for again by now
}

// ReportsIncomplete is ReportsFetched without those that the engine would not give. The turn stays a gap: it is asked for again, but
// later ones do not wait for it. When there is nothing else to be read of a finished game, an operator is called.
func (g Game) ReportsIncomplete(turn int, reports []Report, unread Unread, by By) GameChange {
	c := g.ReportsFetched(turn, reports, by)
	if c.Nothing() {
		return c
	}
	known := g.Runtime.Gap(turn)
	c.Next.Runtime.Gaps = append(c.Next.Runtime.Gaps, turn)
	failed := fmt.Sprintf("reports of turn %d could not be read (%s): %s", turn, strings.Join(unread.Races, ", "), unread.Cause)
	if !known {
		c.Next.Runtime.Failure = &Failure{At: by.At, Cause: failed}
		c.audit(by, "runtime.report_gap", nil, map[string]any{"turn": turn, "races": unread.Races, "cause": unread.Cause})
		return c
	}
	if unread.Last && g.Status == Finished && g.Runtime.Op == nil {
		rests := c.Next.restUnread(failed, by)
		rests.Reports = c.Reports
		return rests
	}
	return c
}
