package galaxy

import (
	"time"

	"github.com/google/uuid"
)

// RuntimeStatus is where a game's engine stands.
type RuntimeStatus string

// The statuses of a runtime. RuntimeNone is that of a game that was never started.
const (
	RuntimeNone        RuntimeStatus = "none"
	RuntimeStarting    RuntimeStatus = "starting"
	RuntimeRunning     RuntimeStatus = "running"
	RuntimeGenerating  RuntimeStatus = "generation_in_progress"
	RuntimeFailed      RuntimeStatus = "generation_failed"
	RuntimeUnreachable RuntimeStatus = "engine_unreachable"
	RuntimeStopped     RuntimeStatus = "stopped"
	RuntimeFinished    RuntimeStatus = "finished"
	RuntimeRemoved     RuntimeStatus = "removed"
)

// NoTurn is a Runtime's Turn before the engine was initialised.
const NoTurn = -1

// Runtime is the recorded life of a game's engine and its turns.
type Runtime struct {
	Status RuntimeStatus
	Pin
	// Writer is the engine that has written the state last, while none of the Pin is known to have been started on it
	// since. nil: one of the Pin has written it.
	Writer   *Pin
	Patch    *Pin // what an open patch leads to
	Epoch    int  // lets a turn's number come again after a rewind
	Turn     int  // last recorded turn, NoTurn before the first
	Reports  int  // newest turn whose reports are stored, but for Gaps; NoTurn before the first
	Digest   string
	Deadline *time.Time // when turn Turn+1 is due; nil while none is
	// DeadlineSetAt is when the deadline was last determined, so that no outage moves it twice.
	DeadlineSetAt *time.Time
	// EarlyAt is when the turn is made because everybody is ready; an earlier Deadline wins.
	EarlyAt *time.Time
	// Broken is set while the schedule gives no tick; nil while it does.
	Broken *ScheduleBreak
	// Makeup: the deadline stands for ticks that an outage has swallowed.
	Makeup bool
	// ClosedSince is since when no orders can be given although the game runs; nil while they can.
	ClosedSince *time.Time
	// Remaining is what a pause has left of the time to the deadline; nil when there is none, or the schedule has changed.
	Remaining *time.Duration
	// Op is what is going on with the engine right now; at most one thing at a time. It is committed, so that a
	// new incarnation finds it and goes on.
	Op *Operation
	// OpNumber is the number of the newest operation ever begun.
	OpNumber  int64
	Pauses    int       // pauses in the turn being prepared
	Why       WhyCode   // what the game is doing or waiting for
	WhyText   string    // the same in a sentence, for operators
	WhySince  time.Time // since when
	StartedAt *time.Time
	EndedAt   *time.Time // when the game was over, and the container's retention began
	Failure   *Failure   // what last went wrong with the engine; nil before anything did
	// KeptCopies are numbers of patches whose copies of the state operators may have need of: nothing clears them.
	KeptCopies []int64
	Gaps       []int // turns, up to Reports, of which not every report could be read; those first that are asked for next
}

// Pin is the engine that a game is played on.
type Pin struct {
	EngineVersion string
	ImageRef      string
	ExpectedTurn  bool // the engine is known to honour expectedTurn
}

// Failure is what went wrong with an engine, for operators: its death, a patch that was taken back, or reports that it would not give.
type Failure struct {
	At    time.Time
	Cause string
	Log   string // the last lines of an engine that died
}

// OperationKind names what can be done to an engine's life.
type OperationKind string

// The kinds of operations.
const (
	OpStart OperationKind = "start"
	OpTurn  OperationKind = "turn"
	OpStop  OperationKind = "stop"
	// OpResume brings the engine up, or looks at one that is up, so that a paused game can go on.
	OpResume OperationKind = "resume"
	// OpRestart ends the container and starts it again on the same version.
	OpRestart OperationKind = "restart"
	// OpPatch moves the game to Runtime.Patch, or back when the new engine is not what the old one was.
	OpPatch OperationKind = "patch"
	// OpRemove takes away the container of a game that is over, or whose state was put back; its state directory is
	// kept.
	OpRemove OperationKind = "remove"
)

// Operation is a committed intention. A result that names another number or attempt is stale and is dropped.
type Operation struct {
	Kind    OperationKind
	Number  int64
	Attempt int
	Since   time.Time
	// Turn, Cause and Due are of OpTurn: the turn being made, why, and the deadline that it consumes. Other kinds carry
	// them while they interrupt it, so that it is claimed again when they are over.
	Turn  int
	Cause TurnCause
	By    Principal
	Due   *time.Time
}

// TurnCause says why a turn is made.
type TurnCause string

// The causes of a turn.
const (
	CauseSchedule TurnCause = "schedule"
	CauseForced   TurnCause = "forced"
	CauseEarly    TurnCause = "early"
	CauseCatchUp  TurnCause = "catch_up" // for the ticks that an outage has swallowed
)

// WhyCode says in one word what a game does or waits for.
type WhyCode string

// What a game can be doing or waiting for.
const (
	WhyIdle           WhyCode = "idle"             // nothing is wanted of an engine
	WhyStarting       WhyCode = "starting"         // the engine is being started
	WhyDeadline       WhyCode = "waiting_deadline" // orders are open until the deadline
	WhyGenerating     WhyCode = "generating"       // the engine makes a turn
	WhyRestarting     WhyCode = "restarting"       // the engine died and is being restarted
	WhyDriverUnknown  WhyCode = "driver_unknown"   // the container daemon does not answer
	WhyMismatch       WhyCode = "state_mismatch"   // the engine shows another game or turn than recorded
	WhyGenerationFail WhyCode = "generation_failed"
	WhyUnreachable    WhyCode = "engine_unreachable"
	WhyStopped        WhyCode = "stopped"
	WhyPaused         WhyCode = "paused"   // the owner or an operator has paused the game
	WhyResuming       WhyCode = "resuming" // the game goes on when its engine answers
	WhyFinished       WhyCode = "finished"
	WhyReports        WhyCode = "reports_missing" // the game is over, and its reports cannot all be read
	WhyStartFailed    WhyCode = "start_failed"
	WhyPatching       WhyCode = "patching"
	WhyRemoved        WhyCode = "removed"
)

// TurnRecord is one made turn, stored with its players' numbers.
type TurnRecord struct {
	Epoch   int
	Turn    int
	Digest  string
	Players []EnginePlayer
	MadeAt  time.Time
}

// TimelineOutcome is what became of a deadline.
type TimelineOutcome string

// The outcomes of the timeline.
const (
	TimelineRan      TimelineOutcome = "ran"
	TimelineEarly    TimelineOutcome = "early"
	TimelineForced   TimelineOutcome = "forced"
	TimelineSkipped  TimelineOutcome = "skipped"
	TimelineHeld     TimelineOutcome = "held"
	TimelineFailed   TimelineOutcome = "failed"
	TimelineExternal TimelineOutcome = "external"
)

// TimelineEntry is one line of a game's timeline: one per deadline, and one per turn made outside of one.
type TimelineEntry struct {
	ID       uuid.UUID // nil until it is stored
	Epoch    int
	Turn     int
	Outcome  TimelineOutcome
	Cause    string
	By       Principal
	Deadline *time.Time
	At       time.Time
	Lateness time.Duration // from the deadline to the commit; 0 without a deadline
}

// StoredOrders is a list that the engine has accepted and the store holds.
type StoredOrders struct {
	Game           GameID
	Epoch          int
	Turn           int
	Race           string
	User           UserID
	Revision       int64 // ours: 1, 2, … per (game, epoch, turn, race)
	EngineRevision int64
	Commands       []byte // JSON array, as the player sent it
	StoredAt       time.Time
	Batches        []StoredBatch // in the order in which they were accepted
}

// StoredBatch is a batch of commands that the engine has accepted, beside the list.
type StoredBatch struct {
	Game           GameID
	Epoch          int
	Turn           int
	Race           string
	User           UserID
	ID             string
	EngineRevision int64
	Commands       []byte // JSON array, as the player sent it
	Result         OrderResult
	StoredAt       time.Time
}

// Held is the engine's revision after the newest list or batch; 0 when there is neither.
func (o StoredOrders) Held() int64 {
	held := o.EngineRevision
	for _, b := range o.Batches {
		held = max(held, b.EngineRevision)
	}
	return held
}

// Again gives what of the stored orders is to be put to an engine that shows p. Without a revision nobody knows
// whether it holds the list, which replaces an earlier one and so can always be put. Batches are put only to an
// engine that tells one from another by its id, as those do that count revisions: others would run them twice. Of
// those, lost are the ones that are known to be missing. Of an uncertain race the revision tells nothing: everything
// is put, and an empty list where none is stored.
func (o StoredOrders) Again(p EnginePlayer, uncertain bool) (batches []StoredBatch, list bool, lost []StoredBatch) {
	counts, held := !p.Lacks.Has(LacksRevision), o.Held()
	if counts && !uncertain && held > 0 && held == p.OrderRevision {
		return nil, false, nil
	}
	for _, b := range o.Batches {
		switch {
		case b.Result.Lost:
		case counts && !b.Result.Plain:
			batches = append(batches, b)
		case !counts && b.Result.Plain: // whether it still holds this one cannot be told
		default:
			lost = append(lost, b)
		}
	}
	return batches, o.Revision > 0 || counts && uncertain, lost
}

// forgetful is beyond what any engine counts to.
const forgetful = int64(1) << 40

// After gives the engine's revision that a list or batch is stored with which the engine has answered with revision. An engine
// counts up; one that does not has lost what it held, and may come to the same number without it: from then on the numbers are
// ones that it never shows, so that the turn puts everything again.
func (o StoredOrders) After(revision int64) int64 {
	held := o.Held()
	if held < forgetful && revision > held {
		return revision
	}
	return max(held, forgetful) + 1
}

// Report is what a race may see of a turn, as its engine wrote it. PackReport makes one.
type Report struct {
	Epoch  int
	Turn   int
	Race   string
	Packed []byte // JSON in gzip: a turn's reports are many, and held together until they are stored
}
