package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"galaxy/backend/engineapi"
)

// report is what the judge reads of a race's report.
type report struct {
	Turn    int
	Planets []struct {
		ID   int
		Name string
	}
	Orders []json.RawMessage
}

// judge compares what the service has recorded with what the engine shows, and with what the players were told.
func (g *game) judge(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// The reports come first: asking for them is how the service notices that an engine is dead.
	for _, r := range g.races {
		if err := g.judgeOrders(ctx, r); err != nil {
			return fmt.Errorf("judge %s in game %s: %w", r.name, g.id, err)
		}
	}
	if err := g.judgeTurn(ctx); err != nil {
		return fmt.Errorf("judge game %s: %w", g.id, err)
	}
	g.count(&g.turns, 1)
	return nil
}

// judgeTurn looks at the number of turns, and at their digests.
func (g *game) judgeTurn(ctx context.Context) error {
	var shown engineapi.Status
	if err := g.ask(ctx, "/api/v1/admin/status", &shown); err != nil {
		return err
	}
	recorded := map[int]string{}
	rows, err := g.db.Query(ctx, "SELECT turn, digest FROM game_turns WHERE game_id = $1", g.id)
	if err != nil {
		return err
	}
	for rows.Next() {
		var turn int
		var digest string
		if err := rows.Scan(&turn, &digest); err != nil {
			return err
		}
		recorded[turn] = digest
	}
	if err := rows.Err(); err != nil {
		return err
	}
	switch {
	case shown.GameID != g.id.String():
		g.problem("game %s: the engine holds game %s", g.id, shown.GameID)
	case shown.CurrentTurn > g.turn:
		g.count(&g.doubled, shown.CurrentTurn-g.turn)
		g.problem("game %s: turn %d was asked for, and the engine shows turn %d", g.id, g.turn, shown.CurrentTurn)
	case shown.CurrentTurn < g.turn:
		g.count(&g.lost, 1)
		g.problem("game %s: turn %d was recorded, and the engine shows turn %d", g.id, g.turn, shown.CurrentTurn)
	case len(recorded) != g.turn+1 || recorded[g.turn] != shown.StateDigest:
		g.count(&g.lost, 1)
		g.problem("game %s: the engine shows turn %d with digest %s, and %d turns are recorded, the newest with digest %s", g.id, g.turn, shown.StateDigest, len(recorded), recorded[g.turn])
	}
	g.turn = max(g.turn, shown.CurrentTurn) // one fault is counted once
	return errors.Join(g.judgeArchive(recorded), g.judgeTimeline(ctx))
}

// judgeArchive compares the newest past turns with what the engine has kept of them.
func (g *game) judgeArchive(recorded map[int]string) error {
	for turn := max(0, g.turn-9); turn < g.turn; turn++ {
		raw, err := os.ReadFile(filepath.Join(g.stack.Dir, "games", g.id.String(), "archive", strconv.Itoa(turn)+".json"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		var kept struct{ Digest string }
		if err := json.Unmarshal(raw, &kept); err != nil {
			return err
		}
		if kept.Digest != recorded[turn] {
			g.problem("game %s: turn %d is recorded with digest %q, and the engine has kept %q", g.id, turn, recorded[turn], kept.Digest)
		}
	}
	return nil
}

// judgeTimeline counts the lines about turns: each was asked for and ran once.
func (g *game) judgeTimeline(ctx context.Context) error {
	var lines, turns int
	err := g.db.QueryRow(ctx, `SELECT count(*), count(DISTINCT turn) FROM game_timeline
		WHERE game_id = $1 AND outcome IN ('ran', 'forced', 'early')`, g.id).Scan(&lines, &turns)
	if err == nil && (lines != g.turn || turns != g.turn) {
		g.problem("game %s: of %d turns the timeline has %d lines about %d turns", g.id, g.turn, lines, turns)
	}
	return err
}

// judgeOrders looks for the newest list that was accepted in the report of the turn.
func (g *game) judgeOrders(ctx context.Context, r *race) error {
	seen, raw, err := g.report(ctx, r, g.turn)
	if err != nil {
		return err
	}
	var own json.RawMessage
	if err := g.ask(ctx, "/api/v1/report?"+url.Values{"raceName": {r.name}, "turn": {strconv.Itoa(g.turn)}}.Encode(), &own); err != nil {
		return err
	}
	if !same(raw, own) {
		g.problem("game %s: the service's report of turn %d for %s is not the engine's", g.id, g.turn, r.name)
	}
	played := ""
	for _, p := range seen.Planets {
		if p.ID == r.planet && len(seen.Orders) > 0 {
			played = p.Name
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	verdict, text := fit(r.lists, played)
	switch verdict {
	case orderLost:
		g.count(&g.lostOrders, 1)
		fallthrough
	case orderWrong:
		g.problem("game %s, turn %d, %s: %s", g.id, g.turn, r.name, text)
	}
	return nil
}

// verdict says whether a turn has the right orders of a race.
type verdict int

const (
	orderRight verdict = iota
	orderLost          // a list that was accepted is not in the turn, and none that could have replaced it is
	orderWrong         // a list is in the turn that was refused, or was given for no such turn
)

// fit judges the label that a turn shows by what the player was told of each list. An empty label is a turn without orders.
func fit(lists []*list, played string) (verdict, string) {
	var last, shown *list
	for _, l := range lists {
		if l.fate == accepted && (last == nil || l.revision > last.revision) {
			last = l
		}
		if l.label == played {
			shown = l
		}
	}
	switch {
	case shown != nil && shown == last, played == "" && last == nil:
		return orderRight, ""
	case shown == nil && last == nil:
		return orderWrong, fmt.Sprintf("list %q is in the turn, and was not given for it", played)
	case shown == nil:
		return orderLost, fmt.Sprintf("list %s was accepted with revision %d, and %q is in the turn", last.label, last.revision, played)
	case shown.fate == unknown && (last == nil || shown.ended.IsZero() || shown.ended.After(last.began)):
		return orderRight, ""
	case last != nil:
		return orderLost, fmt.Sprintf("list %s was accepted with revision %d, and %s, which came before it or was refused, is in the turn", last.label, last.revision, shown.label)
	default:
		return orderWrong, fmt.Sprintf("list %s was refused, and is in the turn", shown.label)
	}
}

// same compares JSON texts.
func same(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

// report gives a player's report, asked for until it is there.
func (g *game) report(ctx context.Context, r *race, turn int) (report, []byte, error) {
	for {
		answer, err := g.gateway.API.GetReportWithResponse(ctx, g.id, int32(turn), nil, r.player.As)
		if err == nil && answer.StatusCode() == http.StatusOK {
			var out report
			err := json.Unmarshal(answer.Body, &out)
			return out, answer.Body, err
		}
		if stopped := pause(ctx, every); stopped != nil {
			last := ""
			if answer != nil {
				last = string(answer.Body)
			}
			return report{}, nil, fmt.Errorf("there is no report of turn %d for %s: %w %s", turn, r.name, errors.Join(err, stopped), last)
		}
	}
}

// ask asks the game's engine itself until it answers: it may be on its way back.
func (g *game) ask(ctx context.Context, path string, into any) error {
	for {
		err := g.askOnce(ctx, path, into)
		if err == nil {
			return nil
		}
		if stopped := pause(ctx, every); stopped != nil {
			return fmt.Errorf("the engine does not answer: %w", errors.Join(err, stopped))
		}
	}
}

func (g *game) askOnce(ctx context.Context, path string, into any) error {
	engine, err := g.engine(ctx, g.id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, engine.Address+path, http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %s", res.StatusCode, raw)
	}
	return json.Unmarshal(raw, into)
}
