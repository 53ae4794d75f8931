package enginehttp

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/google/uuid"

	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
)

// answer reads an answer. What an engine refuses, it refuses with its header: a body that breaks off, or never ends, only costs words.
func answer(call galaxy.EngineCall, res *http.Response, limit int64) ([]byte, error) {
	if res.StatusCode < 200 || res.StatusCode >= 300 {
		b, _ := io.ReadAll(io.LimitReader(res.Body, maxRefusal))
		e := galaxy.ReadAnswer(call, res.StatusCode, b)
		e.Code, e.Message = shortened(e.Code), shortened(e.Message)
		return nil, e
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil:
		return nil, unanswered(call, err)
	case int64(len(b)) > limit:
		return nil, unreadable(call, "the answer is larger than the contract allows", nil)
	}
	return b, nil
}

// unreadable is an answer that says that the call is done, in a way that is not of the contract.
func unreadable(call galaxy.EngineCall, why string, cause error) error {
	return &galaxy.EngineError{Kind: galaxy.EngineUnanswered, Call: call, Status: http.StatusOK, Message: why, Cause: cause}
}

// lenient decodes what has the type that is expected, and leaves out what has not: engines of other makes have fields of the same name.
func lenient(b []byte, into any) error {
	err := json.Unmarshal(b, into)
	var other *json.UnmarshalTypeError
	if errors.As(err, &other) {
		return nil
	}
	return err
}

// shownStatus is a status as any engine may show it: all but the game's id and its races may be missing.
type shownStatus struct {
	GameID        string        `json:"gameId"`
	EngineVersion string        `json:"engineVersion"`
	EngineStatus  string        `json:"engineStatus"`
	CurrentTurn   *int          `json:"currentTurn"`
	StateDigest   string        `json:"stateDigest"`
	Finished      bool          `json:"finished"`
	FinishReason  string        `json:"finishReason"`
	Players       []shownPlayer `json:"players"`
}

type shownPlayer struct {
	RaceName      *string  `json:"raceName"`
	Planets       *float64 `json:"planets"`
	Population    *float64 `json:"population"`
	Industry      *float64 `json:"industry"`
	Ships         *float64 `json:"ships"`
	Votes         *float64 `json:"votes"`
	Extinct       *bool    `json:"extinct"`
	Banished      *bool    `json:"banished"`
	OrderRevision *int64   `json:"orderRevision"`
}

func status(call galaxy.EngineCall, b []byte) (galaxy.EngineStatus, error) {
	var s shownStatus
	if err := lenient(b, &s); err != nil {
		return galaxy.EngineStatus{}, unreadable(call, "the answer is no JSON of the contract", err)
	}
	id, err := uuid.Parse(s.GameID)
	if err != nil {
		return galaxy.EngineStatus{}, unreadable(call, "the status names no game", err)
	}
	out := galaxy.EngineStatus{Game: galaxy.GameID{UUID: id}, EngineVersion: text(s.EngineVersion), State: text(s.EngineStatus), Turn: galaxy.NoTurn,
		Digest: text(s.StateDigest), Finished: s.Finished || s.EngineStatus == engineapi.StateFinished, FinishReason: text(s.FinishReason)}
	if s.CurrentTurn != nil {
		out.Turn = *s.CurrentTurn
	}
	named := make(map[string]bool, len(s.Players))
	for _, p := range s.Players {
		if p.RaceName == nil {
			return galaxy.EngineStatus{}, unreadable(call, "the status has a player without a race", nil)
		}
		one := p.shown()
		if named[one.Race] {
			return galaxy.EngineStatus{}, unreadable(call, "the status names a race twice", nil)
		}
		named[one.Race] = true
		out.Players = append(out.Players, one)
	}
	return out, nil
}

// shown gives a race that has a name, with what is not shown of it.
func (p shownPlayer) shown() galaxy.EnginePlayer {
	out := galaxy.EnginePlayer{Race: text(*p.RaceName), Planets: int(or(p.Planets)), Population: or(p.Population), Industry: or(p.Industry),
		Ships: int(or(p.Ships)), Votes: or(p.Votes), Extinct: or(p.Extinct), Banished: or(p.Banished), OrderRevision: or(p.OrderRevision)}
	out.Lacks = unless(p.Planets != nil, galaxy.LacksPlanets) | unless(p.Population != nil, galaxy.LacksPopulation) |
		unless(p.Industry != nil, galaxy.LacksIndustry) | unless(p.Ships != nil, galaxy.LacksShips) | unless(p.Votes != nil, galaxy.LacksVotes) |
		unless(p.Extinct != nil, galaxy.LacksExtinct) | unless(p.Banished != nil, galaxy.LacksBanished) |
		unless(p.OrderRevision != nil, galaxy.LacksRevision)
	return out
}

func unless(shown bool, what galaxy.Lacks) galaxy.Lacks {
	if shown {
		return 0
	}
	return what
}

// or gives what a pointer points to, and zero without one.
func or[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// shownList is a stored list.
type shownList struct {
	Turn     *int              `json:"turn"`
	Revision *int64            `json:"revision"`
	Commands []json.RawMessage `json:"commands"`
}

// list gives a stored list: an empty one, without a revision, when the engine says that there is none.
func list(b []byte, race string, turn int) galaxy.OrderList {
	var l shownList
	if lenient(b, &l) != nil {
		l = shownList{}
	}
	out := galaxy.OrderList{Race: race, Turn: turn, Revision: or(l.Revision), Plain: l.Revision == nil, Commands: l.Commands}
	if l.Turn != nil {
		out.Turn = *l.Turn
	}
	return out
}

// shownResults is what became of a list or a batch: beside what was stored, or in each command of that.
type shownResults struct {
	Turn     *int         `json:"turn"`
	Revision *int64       `json:"revision"`
	Accepted *int         `json:"accepted"`
	Rejected *int         `json:"rejected"`
	Results  []verdict    `json:"results"`
	Commands []cmdVerdict `json:"commands"`
	Cmd      []cmdVerdict `json:"cmd"`
}

type verdict struct {
	Index     *int            `json:"index"`
	Applied   *bool           `json:"applied"`
	ErrorCode json.RawMessage `json:"errorCode"`
	Message   json.RawMessage `json:"message"`
}

// cmdVerdict is a verdict that stands in the command.
type cmdVerdict struct {
	Applied   *bool           `json:"cmdApplied"`
	ErrorCode json.RawMessage `json:"cmdErrorCode"`
}

// results reads what became of commands that the engine has taken. An engine that says no more has taken them all.
func results(b []byte, turn, commands int) galaxy.OrderResult {
	var r shownResults
	if lenient(b, &r) != nil {
		r = shownResults{}
	}
	out := galaxy.OrderResult{Turn: turn, Revision: or(r.Revision), Plain: r.Revision == nil, Results: r.verdicts()}
	if r.Turn != nil {
		out.Turn = *r.Turn
	}
	refused := 0
	for _, one := range out.Results {
		if !one.Applied {
			refused++
		}
	}
	out.Accepted, out.Rejected = max(0, commands-refused), refused
	if r.Accepted != nil {
		out.Accepted = *r.Accepted
	}
	if r.Rejected != nil {
		out.Rejected = *r.Rejected
	}
	return out
}

// verdicts gives those that the engine has given, each with the command that it is of.
func (r shownResults) verdicts() (out []galaxy.CommandResult) {
	for i, v := range r.Results {
		if v.Applied == nil {
			continue
		}
		if v.Index != nil {
			i = *v.Index
		}
		out = append(out, galaxy.CommandResult{Index: i, Applied: *v.Applied, ErrorCode: text(scalar(v.ErrorCode)), Message: text(scalar(v.Message))})
	}
	if out != nil {
		return out
	}
	stored := r.Commands
	if len(stored) == 0 {
		stored = r.Cmd
	}
	for i, v := range stored {
		if v.Applied == nil {
			continue
		}
		one := galaxy.CommandResult{Index: i, Applied: *v.Applied}
		if !one.Applied {
			one.ErrorCode = text(scalar(v.ErrorCode))
		}
		out = append(out, one)
	}
	return out
}

// scalar gives the text of a JSON string, or number.
func scalar(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}
