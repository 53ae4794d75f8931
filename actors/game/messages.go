package game

import (
	"encoding/json"
	"time"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// By says who asks, and in which request.
type By struct {
	Principal galaxy.Principal
	RequestID string
}

// Create makes the game that the actor is for. With an idempotency key that its maker has used before, the
// game made then is the answer.
type Create struct {
	kit.Returns[galaxy.Game]
	By
	Visibility  galaxy.Visibility
	Spec        galaxy.GameSpec
	Idempotency galaxy.Idempotency
}

// Get asks for the game; an unknown one is galaxy.NotFound.
type Get struct {
	kit.Returns[galaxy.Game]
}

// Forget takes a player whose account is being deleted out of a game that does not run yet: the application is
// withdrawn, the seat and its name are free. It can be done twice.
type Forget struct {
	kit.Returns[galaxy.Game]
	User galaxy.UserID
}

// OpenEnrollment lets players apply until EndsAt.
type OpenEnrollment struct {
	kit.Returns[galaxy.Game]
	By
	EndsAt time.Time
}

// ReadyToStart closes the enrolment, or takes back a failed start.
type ReadyToStart struct {
	kit.Returns[galaxy.Game]
	By
}

// ForceStart closes the enrolment if it is open and starts the engine. The answer comes when the start is
// recorded; the engine is brought up afterwards.
type ForceStart struct {
	kit.Returns[galaxy.Game]
	By
}

// ForceStop fails a start that is under way, or pauses a running game and stops its engine, keeping the state.
// The answer comes when the stop is recorded.
type ForceStop struct {
	kit.Returns[galaxy.Game]
	By
}

// ForceNextTurn makes turn Turn now. It is galaxy.Conflict unless that turn is next. The answer comes when the
// claim of the turn is recorded.
type ForceNextTurn struct {
	kit.Returns[galaxy.Game]
	By
	Turn int
}

// Apply asks for a seat under a race name.
type Apply struct {
	kit.Returns[galaxy.Application]
	User        galaxy.UserID
	Race        string
	Idempotency galaxy.Idempotency
	RequestID   string
}

// Approve gives an applicant the seat.
type Approve struct {
	kit.Returns[galaxy.Application]
	By
	Application galaxy.ApplicationID
}

// View asks for what a member may see of the game: the game and the member's own seat. Whoever never was a
// member gets galaxy.Forbidden.
type View struct {
	kit.Returns[Viewed]
	User galaxy.UserID
}

// Viewed is a game as one of its members sees it, with the newest recorded numbers of every race.
type Viewed struct {
	Game    galaxy.Game
	Seat    galaxy.Membership
	Players []galaxy.EnginePlayer
}

// PutOrders replaces the member's orders for Turn.
type PutOrders struct {
	kit.Returns[Ordered]
	User     galaxy.UserID
	Turn     int
	Expected *int64            // the stored revision the player saw; nil: whatever holds
	Commands []json.RawMessage // of Raw, as galaxy.SplitCommands gives them
	Raw      []byte            // the JSON array byte for byte as the player sent it
}

// Ordered is the answer to PutOrders, sent when the list is stored.
type Ordered struct {
	Turn     int
	Revision int64 // ours
	Result   galaxy.OrderResult
}

// GetOrders asks for the member's stored orders of the turn being prepared; Revision 0 when there are none.
type GetOrders struct {
	kit.Returns[galaxy.StoredOrders]
	User galaxy.UserID
}

// GetReport asks the engine for the member's report of Turn.
type GetReport struct {
	kit.Returns[json.RawMessage]
	User galaxy.UserID
	Turn int
}

// Wake makes the game look at what is due. It is sent at the start and by the sweep; an extra one does no harm.
type Wake struct{}
