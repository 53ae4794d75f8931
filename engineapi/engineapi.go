// Package engineapi is the contract between the service and a game engine: what travels over HTTP, in camelCase JSON.
// openapi.yaml beside it says the same for engines written elsewhere. Unknown fields in answers are to be ignored.
package engineapi

import "encoding/json"

// The bounds of the contract.
const (
	MaxBody     = 256 << 10 // bytes of a request
	MaxReport   = 16 << 20  // bytes of a report
	MaxCommands = 1000      // in one list
	MinRaces    = 2
	MaxRaces    = 64
)

// GameHeader carries the game a write is meant for: ports and names get reused.
const GameHeader = "X-Game-ID"

// The error codes of the contract.
const (
	CodeInvalid         = "invalid_request"
	CodeInitialised     = "already_initialised"
	CodeNotInitialised  = "not_initialised"
	CodeTurnMismatch    = "turn_mismatch"
	CodeTurnInProgress  = "turn_in_progress"
	CodeGameFinished    = "game_finished"
	CodeGenerationFail  = "generation_failed"
	CodeRevision        = "revision_mismatch"
	CodeWrongGame       = "wrong_game"
	CodeRaceExtinct     = "race_extinct"
	CodeRaceUnknown     = "race_unknown"
	CodeTurnUnknown     = "turn_unknown"
	CodeTooLarge        = "payload_too_large"
	CodeTooManyCommands = "too_many_commands"
	CodeStorage         = "storage_failed"
	CodeNotFound        = "not_found"
)

// The states of an engine.
const (
	StateRunning    = "running"
	StateGenerating = "generation_in_progress"
	StateFailed     = "generation_failed"
	StateFinished   = "finished"
)

// Error is the body of every answer that is no success.
type Error struct {
	Error ErrorBody `json:"error"`
}

// ErrorBody says what is wrong.
type ErrorBody struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

// InitRequest makes the game. Seed is 32 hex digits; without one the engine draws it.
type InitRequest struct {
	GameID string     `json:"gameId"`
	Races  []InitRace `json:"races"`
	Seed   string     `json:"seed,omitempty"`
}

// InitRace is one race of a new game.
type InitRace struct {
	RaceName string `json:"raceName"`
}

// Status is what an engine says of its game.
type Status struct {
	GameID        string   `json:"gameId"`
	EngineVersion string   `json:"engineVersion"`
	EngineStatus  string   `json:"engineStatus"`
	CurrentTurn   int      `json:"currentTurn"`
	StateDigest   string   `json:"stateDigest"`
	Finished      bool     `json:"finished"`
	Winners       []string `json:"winners,omitempty"`
	FinishReason  string   `json:"finishReason,omitempty"`
	Players       []Player `json:"players"`
}

// Player is one race in numbers. OrderRevision is that of its pending list.
type Player struct {
	RaceName      string  `json:"raceName"`
	Planets       int     `json:"planets"`
	Population    float64 `json:"population"`
	Industry      float64 `json:"industry"`
	Ships         int     `json:"ships"`
	Votes         float64 `json:"votes"`
	Extinct       bool    `json:"extinct"`
	Banished      bool    `json:"banished"`
	IdleTurns     int     `json:"idleTurns"`
	LastOrderTurn int     `json:"lastOrderTurn"`
	LastOrderAt   string  `json:"lastOrderAt,omitempty"` // RFC 3339
	OrderRevision int64   `json:"orderRevision"`
}

// TurnRequest makes the next turn. With ExpectedTurn, the turn that is current now, it is safe to repeat.
type TurnRequest struct {
	ExpectedTurn *int `json:"expectedTurn,omitempty"`
}

// TurnResult is the status after the turn. Replayed says that the turn had been made before.
type TurnResult struct {
	Status
	GeneratedTurn int  `json:"generatedTurn"`
	Replayed      bool `json:"replayed"`
}

// BanishRequest takes a race out of the game.
type BanishRequest struct {
	RaceName string `json:"raceName"`
}

// CommandRequest adds commands to the turn being prepared, all or none. A repeated BatchID answers as the first did.
type CommandRequest struct {
	RaceName string            `json:"raceName"`
	Turn     int               `json:"turn"`
	BatchID  string            `json:"batchId,omitempty"`
	Commands []json.RawMessage `json:"commands"`
}

// OrderRequest replaces a race's whole list for the turn being prepared.
type OrderRequest struct {
	RaceName         string            `json:"raceName"`
	Turn             int               `json:"turn"`
	ExpectedRevision *int64            `json:"expectedRevision,omitempty"`
	Commands         []json.RawMessage `json:"commands"`
}

// OrderList is a stored list.
type OrderList struct {
	Turn     int               `json:"turn"`
	Revision int64             `json:"revision"`
	Commands []json.RawMessage `json:"commands"`
}

// Results says what became of a list or a batch.
type Results struct {
	Turn     int      `json:"turn"`
	Revision int64    `json:"revision"`
	Accepted int      `json:"accepted"`
	Rejected int      `json:"rejected"`
	Results  []Result `json:"results"`
}

// Result says what became of one command.
type Result struct {
	Index     int    `json:"index"`
	Applied   bool   `json:"applied"`
	ErrorCode string `json:"errorCode,omitempty"`
	Message   string `json:"message,omitempty"`
}
