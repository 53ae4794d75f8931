package galaxy

import (
	"encoding/json"
	"fmt"
	"time"
)

// EngineStatus is what an engine says of itself and its game.
type EngineStatus struct {
	Game          GameID
	EngineVersion string
	State         string // running, generation_in_progress, generation_failed, finished
	Turn          int
	Digest        string
	Finished      bool
	FinishReason  string
	Players       []EnginePlayer
	// Settlement is what the store adds of a game that is finished.
	Settlement Settlement
}

// Settlement is what the race names of a finished game are settled by.
type Settlement struct {
	NameTTL    time.Duration // for how long a name that was won may be registered
	Records    []RaceRecord
	Registered []string // canonical keys that members have registered already
	Gone       []UserID // members whose accounts are deleted, or about to be: they have no use for a name
}

// RaceRecord is where a race began and the best that was recorded of it.
type RaceRecord struct {
	Race            string
	StartPlanets    int
	PeakPlanets     int
	StartPopulation float64
	PeakPopulation  float64
}

// EnginePlayer is one race as its engine counts it.
type EnginePlayer struct {
	Race          string
	Planets       int
	Population    float64
	Industry      float64
	Ships         int
	Votes         float64
	Extinct       bool
	Banished      bool
	OrderRevision int64
	Lacks         Lacks
}

// Lacks says what an engine does not show of a race. What it does not show is not known; it is not zero. The bits are
// stored.
type Lacks uint8

// What engines need not show.
const (
	LacksPlanets Lacks = 1 << iota
	LacksPopulation
	LacksIndustry
	LacksShips
	LacksVotes
	LacksExtinct
	LacksBanished
	LacksRevision // of its orders
)

// Has reports whether all of what is missing.
func (l Lacks) Has(what Lacks) bool { return l&what == what }

// OrderList is a whole list of orders of one race for one turn. Commands are passed on byte for byte.
type OrderList struct {
	Race     string
	Turn     int
	Revision int64 // of the engine; 0 when none was accepted yet
	Plain    bool  // the engine gave no revision
	Commands []json.RawMessage
}

// OrderResult is the engine's answer to a list.
type OrderResult struct {
	Turn     int
	Revision int64
	Accepted int
	Rejected int
	Results  []CommandResult
	// Plain: the engine gave no revision, so that it cannot be asked later whether it still holds this.
	Plain bool `json:",omitempty"`
	// Lost: the engine, which does not know batches by their ids, did not say what became of this one. It is never
	// put again.
	Lost bool `json:",omitempty"`
}

// CommandResult says what became of one command of a list.
type CommandResult struct {
	Index     int
	Applied   bool
	ErrorCode string
	Message   string
}

// EngineFailure tells apart what can have happened when a call to an engine did not succeed.
type EngineFailure string

// The failures of an engine call.
const (
	// EngineRefused: the engine refuses this, and would again; nothing changed.
	EngineRefused EngineFailure = "refused"
	// EngineMissing: the engine has no such call, which it need not have; nothing changed.
	EngineMissing EngineFailure = "no_such_call"
	// EngineBusy: the engine did not do it, and may when it is asked again.
	EngineBusy EngineFailure = "not_executed"
	// EngineEmpty: the engine runs but holds no game (501).
	EngineEmpty EngineFailure = "not_initialised"
	// EngineFailed: a fault of the engine's own; a write may or may not have been done.
	EngineFailed EngineFailure = "failed"
	// EngineUnreachable: no connection came about; nothing was sent.
	EngineUnreachable EngineFailure = "unreachable"
	// EngineUnanswered: the call went out and no usable answer came back; a write may or may not have been done. With
	// a Status there was an answer, which is not of the contract.
	EngineUnanswered EngineFailure = "unanswered"
)

// EngineError is why a call to an engine did not succeed. ReadAnswer makes it of an answer.
type EngineError struct {
	Kind    EngineFailure
	Call    EngineCall
	Status  int    // HTTP status, 0 without an answer
	Code    string // the engine's error code, if it gave one
	Message string // the engine's words; Words gives them fit to be shown
	Player  bool   // the refusal is about what the player sent
	Cause   error

	shaped bool // the words stand in a body of the contract, and are meant to be read
}

func (e *EngineError) Error() string {
	return fmt.Sprintf("engine %s (status %d, code %q): %s", e.Kind, e.Status, e.Code, e.Words())
}

func (e *EngineError) Unwrap() error { return e.Cause }

// Words gives what the engine said in at most 200 printable characters.
func (e *EngineError) Words() string { return legible(e.Message, maxSaid) }

// Said tells operators what the engine answered: status, code and words.
func (e *EngineError) Said() string {
	said := fmt.Sprintf("status %d, code %q", e.Status, legible(e.Code, maxSaid))
	if words := e.Words(); words != "" {
		said += ": " + words
	}
	return said
}

// Settled reports whether the failure leaves no doubt that a write was not done.
func (e *EngineError) Settled() bool {
	switch e.Kind {
	case EngineRefused, EngineMissing, EngineBusy, EngineEmpty, EngineUnreachable:
		return true
	}
	return false
}

// ForPlayer gives what a player is told when a call on their behalf failed. The engine's own words stay in the log,
// unless they are about what the player sent.
func (e *EngineError) ForPlayer() *Error {
	switch e.Kind {
	case EngineEmpty:
		return Errorf(Conflict, "the game's engine holds no game, or cannot do this").Because(e)
	case EngineMissing:
		return e.missing().Because(e)
	case EngineFailed, EngineUnreachable, EngineBusy:
		return Errorf(ServiceUnavailable, "the game's engine cannot take this now; try again shortly").Because(e)
	case EngineUnanswered:
		if e.Status != 0 {
			return Errorf(ServiceUnavailable, "the game's engine gave an answer that cannot be read; try again later").Because(e)
		}
		return Errorf(Timeout, "the game's engine did not answer in time; what was asked may still have been done").Because(e)
	}
	if refusal, ok := refusals[e.Code]; ok {
		return refusal.Because(e)
	}
	switch words := e.Words(); {
	case e.Status == statusRequestEntityTooLarge:
		return refusals["payload_too_large"].Because(e)
	case e.Player && e.shaped && words != "":
		return Errorf(InvalidRequest, "the game's engine refuses this: %s", words).Because(e)
	case e.Player:
		return Errorf(InvalidRequest, "the game's engine does not understand this").Because(e)
	case e.Call == CallReport && e.Status == statusNotFound:
		return refusals["turn_unknown"].Because(e)
	}
	return Errorf(Conflict, "the game's engine refuses this now").Because(e)
}

func (e *EngineError) missing() *Error {
	if e.Call == CallBatch {
		return Errorf(Conflict, "this game takes no commands; send orders")
	}
	return Errorf(Conflict, "the game's engine cannot do this")
}

// refusals are the engine's codes that mean something to a player.
var refusals = map[string]*Error{
	"turn_in_progress":  Errorf(TurnAlreadyClosed, "the turn is being made"),
	"turn_mismatch":     Errorf(TurnAlreadyClosed, "the turn is closed"),
	"race_extinct":      Errorf(Forbidden, "your race is extinct"),
	"race_unknown":      Errorf(NotFound, "the game's engine does not know your race"),
	"turn_unknown":      Errorf(NotFound, "there is no report of this turn"),
	"too_many_commands": Errorf(InvalidRequest, "the list has too many commands"),
	"payload_too_large": Errorf(PayloadTooLarge, "the list is too large"),
}

// OrderWrite is what is sent to an engine to replace the orders of one race.
type OrderWrite struct {
	Game     GameID
	Race     string
	Turn     int
	Expected *int64 // revision that must still hold; nil: whatever holds
	Commands []json.RawMessage
}

// BatchWrite is what is sent to an engine to add a batch of commands of one race: all of them or none. With its Batch
// it can be repeated.
type BatchWrite struct {
	Game     GameID
	Race     string
	Turn     int
	Batch    string // empty for an engine that does not know batches by their ids
	Commands []json.RawMessage
}

// EngineInit is what makes a game in an engine.
type EngineInit struct {
	Game  GameID
	Races []string
}
