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

// Get asks for the game on somebody's behalf; an unknown one, or one that To may not know of, is galaxy.NotFound. A zero To
// may know of every game.
type Get struct {
	kit.Returns[galaxy.Game]
	To galaxy.Principal
}

// Edit changes fields of the game. Version is that of the game that the edit was meant for; 0 is any.
type Edit struct {
	kit.Returns[galaxy.Game]
	By
	Version int64
	Edit    galaxy.GameEdit
}

// Forget takes a player whose account is being deleted out of the game: applications, invites, a seat before the start,
// and the ownership. It can be done twice.
type Forget struct {
	kit.Returns[galaxy.Game]
	User galaxy.UserID
}

// The moves of the lobby. Each is answered when it is recorded; what follows, as the start of an engine, comes afterwards.
type (
	// OpenEnrollment lets players in until EndsAt; nil stands for the end that the game has.
	OpenEnrollment struct {
		kit.Returns[galaxy.Game]
		By
		EndsAt *time.Time
	}
	// ReadyToStart closes the enrolment, or takes back a failed start.
	ReadyToStart struct {
		kit.Returns[galaxy.Game]
		By
	}
	// Begin starts a game that is ready; with Retry, one whose start has failed.
	Begin struct {
		kit.Returns[galaxy.Game]
		By
		Retry bool
	}
	// ForceStart starts a game whatever its minimum, and closes the enrolment if it is open.
	ForceStart struct {
		kit.Returns[galaxy.Game]
		By
	}
	// ForceStop fails a start that is under way, or pauses a running game and stops its engine, keeping the state.
	ForceStop struct {
		kit.Returns[galaxy.Game]
		By
	}
	// Pause stops the clock of a running game.
	Pause struct {
		kit.Returns[galaxy.Game]
		By
	}
	// Resume goes on with a paused game once its engine answers.
	Resume struct {
		kit.Returns[galaxy.Game]
		By
	}
	// Cancel ends the game before its time.
	Cancel struct {
		kit.Returns[galaxy.Game]
		By
		Reason string
	}
	// Restart ends the engine in order and starts it again.
	Restart struct {
		kit.Returns[galaxy.Game]
		By
	}
	// Patch moves the engine to a registered, higher patch of its line, and back if that shows another state.
	Patch struct {
		kit.Returns[galaxy.Game]
		By
		Version string
	}
	// MoveDeadline sets when Turn, which must be next, is due.
	MoveDeadline struct {
		kit.Returns[galaxy.Game]
		By
		Turn int
		At   time.Time
	}
	// Ready marks that a member has no more orders for Turn, or takes the mark back.
	Ready struct {
		kit.Returns[galaxy.Game]
		User      galaxy.UserID
		RequestID string
		Turn      int
		Ready     bool
	}
	// Transfer hands the game over to the member To.
	Transfer struct {
		kit.Returns[galaxy.Game]
		By
		To galaxy.UserID
	}
)

// ForceNextTurn makes turn Turn now. It is galaxy.Conflict unless that turn is next. The answer comes when the
// claim of the turn is recorded.
type ForceNextTurn struct {
	kit.Returns[galaxy.Game]
	By
	Turn int
}

// What players and owners do with seats. Each decision that was made before is answered again without anything to store.
type (
	// Apply asks for a seat under a race name.
	Apply struct {
		kit.Returns[galaxy.Application]
		User        galaxy.UserID
		Race        string
		Idempotency galaxy.Idempotency
		RequestID   string
	}
	// Approve gives an applicant the seat.
	Approve struct {
		kit.Returns[galaxy.Application]
		By
		Application galaxy.ApplicationID
	}
	// Reject turns an applicant down.
	Reject struct {
		kit.Returns[galaxy.Application]
		By
		Application galaxy.ApplicationID
	}
	// Withdraw takes the player's own application back.
	Withdraw struct {
		kit.Returns[galaxy.Application]
		User        galaxy.UserID
		RequestID   string
		Application galaxy.ApplicationID
	}
	// Invite asks a player into a private game until ExpiresAt; zero is the usual time from now.
	Invite struct {
		kit.Returns[galaxy.Invite]
		By
		User        galaxy.UserID
		ExpiresAt   time.Time
		Idempotency galaxy.Idempotency
	}
	// Redeem takes the seat that the player is invited to, under a race name.
	Redeem struct {
		kit.Returns[galaxy.Invite]
		User      galaxy.UserID
		RequestID string
		Invite    galaxy.InviteID
		Race      string
	}
	// Decline turns the player's own invite down.
	Decline struct {
		kit.Returns[galaxy.Invite]
		User      galaxy.UserID
		RequestID string
		Invite    galaxy.InviteID
	}
	// Revoke takes an invite back.
	Revoke struct {
		kit.Returns[galaxy.Invite]
		By
		Invite galaxy.InviteID
	}
	// Remove takes a seat away; with Block, from a player who is not to come back.
	Remove struct {
		kit.Returns[galaxy.Membership]
		By
		Membership galaxy.MembershipID
		Block      bool
		Reason     string
	}
	// Ban is Remove with Block for an operator, who knows the player.
	Ban struct {
		kit.Returns[galaxy.Membership]
		By
		User   galaxy.UserID
		Reason string
	}
	// Leave gives the player's own seat up.
	Leave struct {
		kit.Returns[galaxy.Membership]
		User      galaxy.UserID
		RequestID string
	}
)

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

// PutCommands adds a batch of commands of a member to Turn, all or none. A batch that is stored already is answered as the first
// time.
type PutCommands struct {
	kit.Returns[Ordered]
	User     galaxy.UserID
	Turn     int
	Batch    string
	Commands []json.RawMessage
	Raw      []byte
}

// Ordered is the answer to PutOrders and PutCommands, sent when what was accepted is stored.
type Ordered struct {
	Turn     int
	Revision int64 // ours, of the list
	Result   galaxy.OrderResult
}

// GetOrders asks for the member's stored orders of the turn being prepared; Revision 0 when there are none.
type GetOrders struct {
	kit.Returns[galaxy.StoredOrders]
	User galaxy.UserID
}

// GetReport asks for the member's report of Turn.
type GetReport struct {
	kit.Returns[Reported]
	User   galaxy.UserID
	Turn   int
	Engine bool // the store may lack it, and does: the engine is asked
}

// Reported is a report that the engine was asked for, or where in the store it is when Raw is nil.
type Reported struct {
	Epoch   int
	Race    string
	Raw     json.RawMessage
	MayLack bool // the store has not all of that turn
}

// Wake makes the game look at what is due. It is sent at the start and by the sweep; an extra one does no harm.
type Wake struct{}

// Seen tells what the driver knows of the game's container, unasked: that it has ended, or that there is none.
type Seen struct {
	State  galaxy.ContainerState
	Wanted bool // the game had use for an engine when that was seen
}

// Adopt names a running container that the game may have no use for.
type Adopt struct{ Container galaxy.Container }

// CleanUp takes the container of a game away that has been over for long enough.
type CleanUp struct{}
