package enginehttp

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
)

// answer reads an answer. What an engine refuses, it refuses with its header: a body that breaks off, or never ends,
// only costs words.
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

// lenient decodes what has the type that is expected, and leaves out what has not: engines of other makes have fields
// of the same name.
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
	CurrentTurn   whole         `json:"currentTurn"`
	StateDigest   string        `json:"stateDigest"`
	Finished      bool          `json:"finished"`
	FinishReason  string        `json:"finishReason"`
	Players       []shownPlayer `json:"players"`
}

type shownPlayer struct {
	RaceName      string `json:"raceName"`
	Planets       number `json:"planets"`
	Population    number `json:"population"`
	Industry      number `json:"industry"`
	Ships         number `json:"ships"`
	Votes         number `json:"votes"`
	Extinct       flag   `json:"extinct"`
	Banished      flag   `json:"banished"`
	OrderRevision whole  `json:"orderRevision"`
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
	if s.CurrentTurn.ok {
		out.Turn = int(s.CurrentTurn.v)
	}
	named := make(map[string]bool, len(s.Players))
	for _, p := range s.Players {
		if p.RaceName == "" {
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
	return galaxy.EnginePlayer{Race: text(p.RaceName), Planets: int(p.Planets.v), Population: p.Population.v, Industry: p.Industry.v,
		Ships: int(p.Ships.v), Votes: p.Votes.v, Extinct: p.Extinct.v, Banished: p.Banished.v, OrderRevision: p.OrderRevision.v,
		Lacks: unless(p.Planets.ok, galaxy.LacksPlanets) | unless(p.Population.ok, galaxy.LacksPopulation) |
			unless(p.Industry.ok, galaxy.LacksIndustry) | unless(p.Ships.ok, galaxy.LacksShips) | unless(p.Votes.ok, galaxy.LacksVotes) |
			unless(p.Extinct.ok, galaxy.LacksExtinct) | unless(p.Banished.ok, galaxy.LacksBanished) |
			unless(p.OrderRevision.ok, galaxy.LacksRevision)}
}

func unless(shown bool, what galaxy.Lacks) galaxy.Lacks {
	if shown {
		return 0
	}
	return what
}

// shownList is a stored list.
type shownList struct {
	Turn     whole             `json:"turn"`
	Revision whole             `json:"revision"`
	Commands []json.RawMessage `json:"commands"`
}

// list gives a stored list: an empty one, without a revision, when the engine says that there is none.
func list(b []byte, race string, turn int) galaxy.OrderList {
	var l shownList
	if lenient(b, &l) != nil {
		l = shownList{}
	}
	out := galaxy.OrderList{Race: race, Turn: turn, Revision: l.Revision.v, Plain: !l.Revision.ok, Commands: l.Commands}
	if l.Turn.ok {
		out.Turn = int(l.Turn.v)
	}
	return out
}

// shownResults is what became of a list or a batch: beside what was stored, or in each command of that.
type shownResults struct {
	Turn     whole        `json:"turn"`
	Revision whole        `json:"revision"`
	Accepted whole        `json:"accepted"`
	Rejected whole        `json:"rejected"`
	Results  []verdict    `json:"results"`
	Commands []cmdVerdict `json:"commands"`
	Cmd      []cmdVerdict `json:"cmd"`
}

type verdict struct {
	Index     whole           `json:"index"`
	Applied   flag            `json:"applied"`
	ErrorCode json.RawMessage `json:"errorCode"`
	Message   json.RawMessage `json:"message"`
}

// cmdVerdict is a verdict that stands in the command.
type cmdVerdict struct {
	Applied   flag            `json:"cmdApplied"`
	ErrorCode json.RawMessage `json:"cmdErrorCode"`
}

// results reads what became of commands that the engine has taken. An engine that says no more has taken them all.
func results(b []byte, turn, commands int) galaxy.OrderResult {
	var r shownResults
	if lenient(b, &r) != nil {
		r = shownResults{}
	}
	out := galaxy.OrderResult{Turn: turn, Revision: r.Revision.v, Plain: !r.Revision.ok, Results: r.verdicts()}
	if r.Turn.ok {
		out.Turn = int(r.Turn.v)
	}
	refused := 0
	for _, one := range out.Results {
		if !one.Applied {
			refused++
		}
	}
	out.Accepted, out.Rejected = max(0, commands-refused), refused
	if r.Accepted.ok {
		out.Accepted = int(r.Accepted.v)
	}
	if r.Rejected.ok {
		out.Rejected = int(r.Rejected.v)
	}
	return out
}

// verdicts gives those that the engine has given, each with the command that it is of.
func (r shownResults) verdicts() (out []galaxy.CommandResult) {
	for i, v := range r.Results {
		if !v.Applied.ok {
			continue
		}
		if v.Index.ok {
			i = int(v.Index.v)
		}
		out = append(out, galaxy.CommandResult{Index: i, Applied: v.Applied.v, ErrorCode: text(scalar(v.ErrorCode)), Message: text(scalar(v.Message))})
	}
	if out != nil {
		return out
	}
	stored := r.Commands
	if len(stored) == 0 {
		stored = r.Cmd
	}
	for i, v := range stored {
		if !v.Applied.ok {
			continue
		}
		one := galaxy.CommandResult{Index: i, Applied: v.Applied.v}
		if !one.Applied {
			one.ErrorCode = text(scalar(v.ErrorCode))
		}
		out = append(out, one)
	}
	return out
}

// number, whole and flag are values that an engine may leave out, or give another type: ok says whether they are there.
type (
	number struct {
		v  float64
		ok bool
	}
	whole struct {
		v  int64
		ok bool
	}
	flag struct{ v, ok bool }
)

// UnmarshalJSON never fails.
func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(string(b), 64)
	if n.ok = err == nil; n.ok {
		n.v = v
	}
	return nil
}

// UnmarshalJSON never fails.
func (n *whole) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(string(b), 10, 64)
	if n.ok = err == nil; n.ok {
		n.v = v
	}
	return nil
}

// UnmarshalJSON never fails.
func (f *flag) UnmarshalJSON(b []byte) error {
	f.v = string(b) == "true"
	f.ok = f.v || string(b) == "false"
	return nil
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
