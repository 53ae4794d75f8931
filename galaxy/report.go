package galaxy

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
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

// ReportsWanted gives the oldest turn of which reports are not stored yet.
func (g Game) ReportsWanted() (turn int, wanted bool) {
	r := g.Runtime
	return r.Reports + 1, r.Reports < r.Turn
}

// unreadable notes that the last reports of a finished game cannot be had, for its engine does not come up. Nothing further is
// tried, and its container is kept, until an operator has it restarted.
func (g Game) unreadable(cause string, by By) GameChange {
	turn, wanted := g.ReportsWanted()
	if g.Status != Finished || !wanted || g.Runtime.Op != nil || g.Runtime.Why == WhyReports {
		return GameChange{}
	}
	c := g.change(by, "runtime.reports_missing")
	reason := fmt.Sprintf("the game is over, but the reports of turn %d are not stored: %s", turn, cause)
	c.Next.Runtime.Failure = &Failure{At: by.At, Cause: cause}
	c.Next.Runtime.note(WhyReports, reason, by)
	c.alert(EngineUnreachableNotice, g.turnKey("reports-missing", turn), by, Payload{Turn: &turn, Reason: reason})
	return c
}

// readAgain has the engine of a finished game started again for its last reports.
func (g Game) readAgain(by By) GameChange {
	c := g.change(by, "game.restart")
	c.Next.Runtime.note(WhyFinished, "the game is over", by)
	return c
}

// ReportsFetched stores the reports of the oldest turn that lacks them. A race that has none in the engine has none here.
func (g Game) ReportsFetched(turn int, reports []Report, by By) GameChange {
	if wanted, ok := g.ReportsWanted(); !ok || turn != wanted {
		return GameChange{}
	}
	c := GameChange{Next: g}
	c.Next.UpdatedAt = by.At
	c.Next.Runtime.Reports = turn
	for _, r := range reports {
		r.Epoch, r.Turn = g.Runtime.Epoch, turn
		c.Reports = append(c.Reports, r)
	}
	return c
}

// ReportsGivenUp is ReportsFetched without those that the engine would not give: the later ones, and the clean-up, do not wait for
// them for ever.
func (g Game) ReportsGivenUp(turn int, reports []Report, missing []string, cause string, by By) GameChange {
	c := g.ReportsFetched(turn, reports, by)
	if c.Nothing() {
		return c
	}
	c.Next.Runtime.Failure = &Failure{At: by.At, Cause: fmt.Sprintf("reports of turn %d could not be read (%s): %s", turn, strings.Join(missing, ", "), cause)}
	c.audit(by, "runtime.reports_missing", nil, map[string]any{"turn": turn, "races": missing, "cause": cause})
	return c
}
