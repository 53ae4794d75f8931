// Package server puts the rules and a state directory behind the engine contract.
package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/cases"

	"galaxy/backend/engine/disk"
	"galaxy/backend/engine/rules"
	"galaxy/backend/engineapi"
)

// Engine is one game. Readers use an immutable snapshot and wait for nobody.
type Engine struct {
	dir     *disk.Dir
	version string
	log     *slog.Logger
	now     func() time.Time

	mu      sync.Mutex
	game    *disk.Saved              // nil before init; replaced, never changed
	pending map[string]*disk.Pending // of the turn being prepared
	making  *generation              // the turn being made, if one is
	failed  bool                     // the last generation failed
	last    int                      // the turn that this game's newest generation made, -1 for none
}

// generation is a turn being made. It goes on when its callers go away.
type generation struct {
	done chan struct{}
	turn int
	err  *failure
}

// failure is an answer that is no success.
type failure struct {
	status int
	engineapi.ErrorBody
}

func fail(status int, code, format string, args ...any) *failure {
	return &failure{status, engineapi.ErrorBody{Code: code, Message: fmt.Sprintf(format, args...)}}
}

var errNotInitialised = fail(501, engineapi.CodeNotInitialised, "this engine holds no game")

// New loads what the directory holds.
func New(dir *disk.Dir, version string, log *slog.Logger) (*Engine, error) {
	e := &Engine{dir: dir, version: version, log: log, now: time.Now, pending: map[string]*disk.Pending{}, last: -1}
	if err := dir.Sweep(); err != nil {
		return nil, err
	}
	saved, err := dir.Load()
	if err != nil || saved == nil {
		return e, err
	}
	e.game, e.last = saved, saved.State.Turn
	e.pending, err = dir.Orders(saved.State.Turn + 1)
	return e, err
}

func (e *Engine) init(in engineapi.InitRequest) (engineapi.Status, *failure) {
	names, bad := checkRaces(in)
	if bad != nil {
		return engineapi.Status{}, bad
	}
	seed := in.Seed
	if seed == "" {
		var b [16]byte
		_, _ = rand.Read(b[:])
		seed = hex.EncodeToString(b[:])
	} else if b, err := hex.DecodeString(seed); err != nil || len(b) != 16 {
		return engineapi.Status{}, fail(400, engineapi.CodeInvalid, "seed must be 32 hex digits")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.game != nil {
		return engineapi.Status{}, fail(409, engineapi.CodeInitialised, "this engine holds a game already")
	}
	state := rules.NewGame(in.GameID, names, seed)
	saved := disk.Saved{Digest: state.Digest(), State: state}
	if err := e.dir.Init(saved, reports(state, nil)); err != nil {
		if errors.Is(err, disk.ErrInitialised) {
			return engineapi.Status{}, fail(409, engineapi.CodeInitialised, "this engine holds a game already")
		}
		return engineapi.Status{}, e.storage(err)
	}
	e.game, e.last = &saved, 0
	return e.status(), nil
}

func checkRaces(in engineapi.InitRequest) ([]string, *failure) {
	if id := strings.Trim(in.GameID, "0-"); id == "" || len(in.GameID) != 36 {
		return nil, fail(400, engineapi.CodeInvalid, "gameId must be a UUID other than zero")
	}
	if n := len(in.Races); n < engineapi.MinRaces || n > engineapi.MaxRaces {
		return nil, fail(400, engineapi.CodeInvalid, "a game has %d to %d races", engineapi.MinRaces, engineapi.MaxRaces)
	}
	seen, names := map[string]bool{}, []string(nil)
	for _, r := range in.Races {
		key := cases.Fold().String(r.RaceName)
		if r.RaceName == "" || len(r.RaceName) > 200 || seen[key] {
			return nil, fail(400, engineapi.CodeInvalid, "race names must be given and differ in more than case")
		}
		seen[key] = true
		names = append(names, r.RaceName)
	}
	return names, nil
}

func (e *Engine) storage(err error) *failure {
	e.log.Error("the state directory failed", "error", err)
	return fail(503, engineapi.CodeStorage, "the state directory cannot be written")
}

// status needs mu.
func (e *Engine) status() engineapi.Status {
	s := e.game.State
	out := engineapi.Status{GameID: s.GameID, EngineVersion: e.version, EngineStatus: engineapi.StateRunning, CurrentTurn: s.Turn, StateDigest: e.game.Digest}
	switch {
	case e.making != nil:
		out.EngineStatus = engineapi.StateGenerating
	case s.Over != nil:
		out.EngineStatus, out.Finished, out.Winners, out.FinishReason = engineapi.StateFinished, true, s.Over.Winners, s.Over.Reason
	case e.failed:
		out.EngineStatus = engineapi.StateFailed
	}
	for _, t := range s.Tallies() {
		p := engineapi.Player{RaceName: t.Race.Name, Planets: t.Planets, Population: t.Population, Industry: t.Industry, Ships: t.Ships, Votes: t.Votes,
			Extinct: t.Race.Extinct, Banished: t.Race.Banished, IdleTurns: t.Race.IdleTurns, LastOrderTurn: t.Race.LastOrderTurn}
		if o := e.pending[t.Race.Name]; o != nil {
			p.OrderRevision, p.LastOrderAt = o.Revision, o.At.UTC().Format(time.RFC3339)
		}
		out.Players = append(out.Players, p)
	}
	return out
}

// Status gives the game, or a failure before it is made.
func (e *Engine) Status() (engineapi.Status, *failure) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.game == nil {
		return engineapi.Status{}, errNotInitialised
	}
	return e.status(), nil
}

// banish flags a race. The state's digest stays that of its turn.
func (e *Engine) banish(race string) *failure {
	e.mu.Lock()
	defer e.mu.Unlock()
	if bad := e.writable(); bad != nil {
		return bad
	}
	next := e.game.State.Clone()
	if !next.Banish(race) {
		return fail(404, engineapi.CodeRaceUnknown, "there is no race %q", race)
	}
	saved := disk.Saved{Digest: e.game.Digest, State: next}
	if err := e.dir.Save(saved); err != nil {
		return e.storage(err)
	}
	e.game = &saved
	return nil
}

// writable refuses writes before there is a game and while a turn is made. It needs mu.
func (e *Engine) writable() *failure {
	switch {
	case e.game == nil:
		return errNotInitialised
	case e.making != nil:
		return fail(409, engineapi.CodeTurnInProgress, "turn %d is being made", e.making.turn)
	case e.game.State.Over != nil:
		return fail(409, engineapi.CodeGameFinished, "the game is over")
	}
	return nil
}

// turn makes the next turn, or joins the making of it.
func (e *Engine) turn(ctx context.Context, expected *int) (engineapi.TurnResult, *failure) {
	e.mu.Lock()
	g, replay, bad := e.begin(expected)
	e.mu.Unlock()
	if bad != nil {
		return engineapi.TurnResult{}, bad
	}
	if g != nil {
		select {
		case <-g.done:
		case <-ctx.Done():
			return engineapi.TurnResult{}, fail(503, engineapi.CodeTurnInProgress, "the caller went away")
		}
		if g.err != nil {
			return engineapi.TurnResult{}, g.err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return engineapi.TurnResult{Status: e.status(), GeneratedTurn: e.game.State.Turn, Replayed: replay}, nil
}

// begin decides what a call for a turn means. It needs mu.
func (e *Engine) begin(expected *int) (g *generation, replay bool, bad *failure) {
	if e.game == nil {
		return nil, false, errNotInitialised
	}
	current := e.game.State.Turn
	switch {
	case expected != nil && *expected == current-1 && e.last == current && e.making == nil:
		return nil, true, nil
	case expected != nil && *expected != current:
		return nil, false, fail(409, engineapi.CodeTurnMismatch, "turn %d is current, not %d", current, *expected)
	case e.making != nil:
		return e.making, false, nil
	case e.game.State.Over != nil:
		return nil, false, fail(409, engineapi.CodeGameFinished, "the game is over")
	}
	e.making = &generation{done: make(chan struct{}), turn: current + 1}
	go e.generate(e.making, e.game, e.pending)
	return e.making, false, nil
}

func (e *Engine) generate(g *generation, from *disk.Saved, pending map[string]*disk.Pending) {
	saved, err := e.make(from, pending)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.making = nil
	if e.failed = err != nil; e.failed {
		g.err = err
	} else {
		e.game, e.last, e.pending = saved, saved.State.Turn, map[string]*disk.Pending{}
	}
	close(g.done)
}

func (e *Engine) make(from *disk.Saved, pending map[string]*disk.Pending) (saved *disk.Saved, bad *failure) {
	defer func() {
		if r := recover(); r != nil {
			e.log.Error("the turn could not be made", "panic", r)
			saved, bad = nil, fail(500, engineapi.CodeGenerationFail, "the turn could not be made")
		}
	}()
	orders := rules.Orders{}
	for race, p := range pending {
		orders[race] = p.All()
	}
	made := from.State.Next(orders)
	saved = &disk.Saved{Digest: made.State.Digest(), State: made.State}
	if err := e.dir.Commit(*saved, reports(made.State, made.Outcomes)); err != nil {
		return nil, e.storage(err)
	}
	return saved, nil
}

// reports gives every race's report, by race id.
func reports(s *rules.State, outcomes map[string][]rules.Outcome) map[int]rules.Report {
	out := map[int]rules.Report{}
	for _, r := range s.Races {
		out[r.ID] = s.ReportFor(r, outcomes[r.Name])
	}
	return out
}

func (e *Engine) report(race string, turn int) (json.RawMessage, *failure) {
	e.mu.Lock()
	game := e.game
	e.mu.Unlock()
	if game == nil {
		return nil, errNotInitialised
	}
	r := game.State.Race(race)
	if r == nil {
		return nil, fail(404, engineapi.CodeRaceUnknown, "there is no race %q", race)
	}
	if turn < 0 || turn > game.State.Turn {
		return nil, fail(404, engineapi.CodeTurnUnknown, "there is no report of turn %d", turn)
	}
	b, err := e.dir.Report(turn, r.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail(404, engineapi.CodeTurnUnknown, "there is no report of turn %d", turn)
	}
	if err != nil {
		return nil, e.storage(err)
	}
	return b, nil
}

// orders gives a race's stored list.
func (e *Engine) orders(race string, turn int) (engineapi.OrderList, *failure) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.game == nil {
		return engineapi.OrderList{}, errNotInitialised
	}
	if e.game.State.Race(race) == nil {
		return engineapi.OrderList{}, fail(404, engineapi.CodeRaceUnknown, "there is no race %q", race)
	}
	out := engineapi.OrderList{Turn: turn, Commands: []json.RawMessage{}}
	if p := e.pending[race]; p != nil && p.Turn == turn {
		out.Revision, out.Commands = p.Revision, slices.Clone(p.Commands)
	}
	return out, nil
}
