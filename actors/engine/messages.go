package engine

import (
	"encoding/json"
	"time"

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
		Until    time.Time // nobody waits for the answer any more; zero: somebody always does
	}
	// CloseOrders gives back what waits of PutOrders and PutBatch, for their turn is about to be claimed.
	CloseOrders struct{}
	// MakeTurn makes the turn after Recorded. Before that, the races of Banish that the engine still lets play are
	// banished, and those of Out that it shows as playing; the lists of Orders that it does not hold are put again. TurnMade or
	// TurnFailed answers it, or Down when the engine dies of it.
	MakeTurn struct {
		Number   int64
		Attempt  int
		Recorded int
		Digest   string
		Orders   []galaxy.StoredOrders
		Banish   []string
		Out      []string
		// Uncertain are races whose revision does not tell what the engine holds: what is stored of them, be it
		// nothing, is put again.
		Uncertain []string
		Due       time.Time // who has waited longest is served first
	}
	// PutBatch hands a race's batch of commands to the engine; OrdersPut with the same ID answers it. It is repeated
	// only to an engine that knows batches by their ids.
	PutBatch struct {
		ID       uint64
		Race     string
		Turn     int
		Batch    string
		Commands []json.RawMessage
		Until    time.Time
	}
	// Banish takes a race out of the game; Banished answers it.
	Banish struct{ Race string }
	// FetchReports reads the reports of Turn of every race; Fetched answers it.
	FetchReports struct {
		Turn  int
		Races []string
	}
	// Look has the engine looked at now, for its container may have ended.
	Look struct{}
	// Remove ends the container and takes it away; Removed with the same Number answers it.
	Remove struct{ Number int64 }
	// DropCopy gives up the copy of the state that a patch has made.
	DropCopy struct{ Label string }
	// Report asks for a race's report; ReportRead with the same ID answers it.
	Report struct {
		ID   uint64
		Race string
		Turn int
	}
	// Stop ends the container; Stopped with the same Number answers it. Calls under way are given up.
	Stop struct{ Number int64 }
)

// What an engine tells its game. Serial is that of the Spec.
type (
	// Up: the engine answers, and holds this.
	Up struct {
		Serial  uint64
		Status  galaxy.EngineStatus
		Making  bool   // the MakeTurn that it was told is, or was until now, under way
		Address string // where it answers
	}
	// Down: the engine died and is being restarted. Log is what it said last.
	Down struct {
		Serial uint64
		Cause  string
		Log    string
	}
	// LastWords: what the engine that is Down for that cause had said, when that was not known yet.
	LastWords struct {
		Serial uint64
		Cause  string
		Log    string
	}
	// Unknown: the container daemon does not answer; nothing is known of the engine. Cause says what keeps it from
	// being known, if it is something else than that silence.
	Unknown struct {
		Serial uint64
		Cause  string
	}
	// ImageAwaited: the engine's image cannot be had for now. It is asked for again until it comes.
	ImageAwaited struct {
		Serial uint64
		Cause  string
	}
	// Known: the container daemon answers again; of the engine nothing is known yet.
	Known struct{ Serial uint64 }
	// Refused: the engine cannot be started, and would not be if it were tried again. Kind is what operators are told.
	Refused struct {
		Serial uint64
		Kind   galaxy.Kind
		Cause  string
	}
	// Unfit: the engine answers, but does not take a game that is to be started, and would not if it were asked
	// again. Cause is what it answered.
	Unfit struct {
		Serial uint64
		Cause  string
	}
	// Lost: the engine of a game that has run holds no game any more.
	Lost struct {
		Serial uint64
		Cause  string
	}
	// Found: the container that there is after a start that failed, or after a stop, is of another version than has
	// written the state last.
	Found struct{ Container galaxy.Container }
	// OrdersPut is what became of a list or a batch. Err is what the player is told. Lost: nobody knows whether the
	// engine has done a batch, and it must not be sent again.
	OrdersPut struct {
		ID     uint64
		Result galaxy.OrderResult
		Err    error
		Lost   bool
		Doubt  bool // the engine may hold it all the same
		// Closed: it was not given to the engine because of CloseOrders. Err holds once the turn is claimed.
		Closed bool
	}
	// ReportRead is a report, or what the player is told instead.
	ReportRead struct {
		ID  uint64
		Raw json.RawMessage
		Err error
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
	// Removed: the container is gone.
	Removed struct{ Number int64 }
	// Patched: the new engine shows what the old one showed.
	Patched struct{ Number int64 }
	// PatchFailed: the state is what it was before the patch, unless the copy of that is kept.
	PatchFailed struct {
		Number int64
		Cause  string
		// Written: nor was the state, and the new engine was started on it.
		Written bool
		Kept    bool // the copy is there and could not be put back: operators may have need of it
		Unread  bool // whether there is a copy could not be read: none is dropped
	}
	// Banished: the engine has taken a banish, or does not know the race.
	Banished struct {
		Race  string
		Known bool
		Err   error // nobody knows yet
	}
	// Fetched: the reports of a turn. A race that has none is left out.
	Fetched struct {
		Turn    int
		Reports []galaxy.Report
		Missing []string // races whose reports could not be read although the engine was there
		Cause   error    // why the first of them could not
		Err     error    // why none could be read
	}
)

// room: there is room for a container job of that incarnation.
type room struct {
	life uint64
	work string // name of its timer
}

// daemonBack: the container daemon, which did not answer, has answered that incarnation.
type daemonBack struct{ life uint64 }

// jobDone: a job need not be cancelled any more. Its result comes as a message of its own.
type jobDone struct{ job uint64 }

// Results of jobs. life is the incarnation that began the job.
type (
	broughtUp struct {
		life      uint64
		container galaxy.Container
		status    galaxy.EngineStatus
		ended     bool // a container that was to be started afresh was ended
		began     bool // the container was not running before
		making    bool // it was at a turn that it was told to make: what it showed is not what came of that
		deaf      bool // a container that was running before does not answer, or takes no orders: it must be ended
		log       string
		there     galaxy.Container // what there is after a start that failed
		err       error
	}
	probed struct {
		life   uint64
		exited string // how the container ended, if it did
		log    string // what the engine said last
		err    error
	}
	banished struct {
		life uint64
		said Banished
	}
	fetched struct {
		life uint64
		out  Fetched
	}
	patched struct {
		life uint64
		back string // why it was, or is being, taken back
		err  error  // why nothing can be said yet
		progress
		there     galaxy.Container // the container after the state could not be put back
		untouched bool             // it has not begun, and the engine of before serves
		kept      copyFate         // of one that could not be rolled back
	}
	removed struct {
		life   uint64
		number int64
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
		banned  []Banished
		failed  string // why the engine cannot make the turn
		late    bool   // and its call, which would be obeyed again, may still arrive
		restart string // why it must be restarted before anything can be said
		// unserved: this backend does not serve the database now, or lacks what it needs to ask the engine, and so
		// has given up before anything could be said.
		unserved bool
	}
	reportRead struct {
		life uint64
		out  ReportRead
	}
	stopped struct {
		life   uint64
		number int64 // 0: to be restarted for cause
		cause  string
		log    string // what the engine had said, of one that is to be restarted
		there  galaxy.Container
		err    error
	}
)
