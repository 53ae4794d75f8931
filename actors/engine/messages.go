package engine

import (
	"encoding/json"

	"github.com/asynkron/protoactor-go/actor"

	"galaxy/backend/galaxy"
)

// What a game tells its engine.
type (
	// PutOrders hands a race's list to the engine; OrdersPut with the same ID answers it.
	PutOrders struct {
		ID       uint64
		Race     string
		Turn     int
		Commands []json.RawMessage
	}
	// MakeTurn makes the turn after Recorded. Before that, the races of Banish that the engine still lets play are
	// banished, and the lists of Orders that it does not hold are put again. TurnMade or TurnFailed answers it, or Down when the engine dies of it.
	MakeTurn struct {
		Number   int64
		Attempt  int
		Recorded int
		Digest   string
		Orders   []galaxy.StoredOrders
		Banish   []string
	}
	// Report asks for a race's report; the asker is answered with the raw JSON.
	Report struct {
		Race  string
		Turn  int
		Asker *actor.PID
	}
	// Stop ends the container; Stopped with the same Number answers it. Calls under way are given up.
	Stop struct{ Number int64 }
)

// What an engine tells its game. Serial is that of the Spec.
type (
	// Up: the engine answers, and holds this.
	Up struct {
		Serial uint64
		Status galaxy.EngineStatus
	}
	// Down: the engine died and is being restarted.
	Down struct {
		Serial uint64
		Cause  string
	}
	// Unknown: the container daemon does not answer; nothing is known of the engine.
	Unknown struct{ Serial uint64 }
	// Refused: the engine cannot be started, and would not be if it were tried again.
	Refused struct {
		Serial uint64
		Cause  string
	}
	// Lost: the engine of a game that has run holds no game any more.
	Lost struct {
		Serial uint64
		Cause  string
	}
	// OrdersPut is what became of a list. Err is what the player is told.
	OrdersPut struct {
		ID     uint64
		Result galaxy.OrderResult
		Err    error
	}
	// TurnMade is what the engine showed after an attempt at a turn; whether the turn was made is for the game to tell.
	TurnMade struct {
		Number  int64
		Attempt int
		Status  galaxy.EngineStatus
	}
	// TurnFailed: the engine cannot make the turn.
	TurnFailed struct {
		Number  int64
		Attempt int
		Cause   string
	}
	// Stopped: the container has ended.
	Stopped struct{ Number int64 }
)

// Results of jobs. life is the incarnation that began the job.
type (
	broughtUp struct {
		life      uint64
		container galaxy.Container
		status    galaxy.EngineStatus
		err       error
	}
	probed struct {
		life   uint64
		exited string // how the container ended, if it did
		err    error
	}
	ordersPut struct {
		life     uint64
		race     string
		revision *int64 // of the engine, when it is known for sure
		out      OrdersPut
		dead     bool // no connection: worth a look at the engine
	}
	turnTried struct {
		life    uint64
		ask     MakeTurn
		status  galaxy.EngineStatus
		failed  string // why the engine cannot make the turn
		restart string // why it must be restarted before anything can be said
	}
	reportRead struct {
		life  uint64
		asker *actor.PID
		raw   json.RawMessage
		err   error
	}
	stopped struct {
		life   uint64
		number int64 // 0: to be restarted for cause
		cause  string
		err    error
	}
)
