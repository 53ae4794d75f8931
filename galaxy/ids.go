package galaxy

import "github.com/google/uuid"

// The ids of the domain. Each wraps a UUIDv7, so that rows sort by their making and one kind of id
// cannot be passed for another.
type (
	UserID        struct{ uuid.UUID }
	SessionID     struct{ uuid.UUID }
	ChallengeID   struct{ uuid.UUID }
	GameID        struct{ uuid.UUID }
	ApplicationID struct{ uuid.UUID }
	InviteID      struct{ uuid.UUID }
	MembershipID  struct{ uuid.UUID }
	NoticeID      struct{ uuid.UUID }
	RouteID       struct{ uuid.UUID }
	DeliveryID    struct{ uuid.UUID }
	SanctionID    struct{ uuid.UUID }
)

// NewID makes a UUIDv7.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
