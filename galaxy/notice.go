package galaxy

import (
	"encoding/json"
	"fmt"
	"time"
)

// Kind names a notice of the catalogue.
type Kind string

// The catalogue.
const (
	AuthLoginCode        Kind = "auth.login_code"    // mailed directly, never a notice
	AuthEmailCode        Kind = "auth.email_code"    // mailed directly to the address that is to be confirmed
	AuthEmailChanged     Kind = "auth.email_changed" // mailed directly to the address that was replaced
	ApplicationSubmitted Kind = "lobby.application.submitted"
	ApplicationApproved  Kind = "lobby.application.approved"
	ApplicationRejected  Kind = "lobby.application.rejected"
	InviteReceived       Kind = "lobby.invite.received"
	InviteWithdrawn      Kind = "lobby.invite.revoked" // also when it has expired
	MembershipRemoved    Kind = "lobby.membership.removed"
	MembershipBlocked    Kind = "lobby.membership.blocked"
	NameWon              Kind = "lobby.race_name.pending"
	NameRegistered       Kind = "lobby.race_name.registered"
	NameExpired          Kind = "lobby.race_name.expired"
	GameUpdated          Kind = "lobby.game.updated"
	TurnReady            Kind = "game.turn.ready"
	GamePaused           Kind = "game.paused"

	// These go to operators.
	ImagePullFailed         Kind = "runtime.image_pull_failed"
	ContainerStartFailed    Kind = "runtime.container_start_failed"
	StartConfigInvalid      Kind = "runtime.start_config_invalid" // trying again is no use before something is set right
	EngineUnreachableNotice Kind = "runtime.engine_unreachable"
	StateMismatchNotice     Kind = "runtime.state_mismatch"
	DiskLow                 Kind = "runtime.disk_low"
	ExternalTurn            Kind = "runtime.external_turn"  // a turn was found made that nobody had claimed
	BanishRefused           Kind = "runtime.banish_refused" // the engine does not know a race that was to be banished
	ClockSkew               Kind = "runtime.clock_skew"     // the clocks of the database and of the service differ
	ScheduleBroken          Kind = "runtime.schedule_broken"
)

// Channel is a way to a player, or to the operators.
type Channel string

// The channels.
const (
	ChannelPush      Channel = "push"
	ChannelEmail     Channel = "email"
	ChannelOperators Channel = "admin_email" // to the one address that operators have named
)

// Channels of each kind of notice. A kind that is not in it cannot be told. What goes to operators goes to no player.
var Channels = map[Kind][]Channel{
	ApplicationSubmitted: {ChannelPush},
	ApplicationApproved:  {ChannelPush, ChannelEmail},
	ApplicationRejected:  {ChannelPush, ChannelEmail},
	InviteReceived:       {ChannelPush, ChannelEmail},
	InviteWithdrawn:      {ChannelPush},
	MembershipRemoved:    {ChannelPush, ChannelEmail},
	MembershipBlocked:    {ChannelPush, ChannelEmail},
	NameWon:              {ChannelPush, ChannelEmail},
	NameRegistered:       {ChannelPush},
	NameExpired:          {ChannelPush},
	GameUpdated:          {ChannelPush},
	TurnReady:            {ChannelPush},
	GamePaused:           {ChannelPush},

	ImagePullFailed:         {ChannelOperators},
	ContainerStartFailed:    {ChannelOperators},
	StartConfigInvalid:      {ChannelOperators},
	EngineUnreachableNotice: {ChannelOperators},
	StateMismatchNotice:     {ChannelOperators},
	DiskLow:                 {ChannelOperators},
	ExternalTurn:            {ChannelOperators},
	BanishRefused:           {ChannelOperators},
	ClockSkew:               {ChannelOperators},
	ScheduleBroken:          {ChannelOperators},
}

// Notice is something that players or operators must be told. It is stored in the transaction of the fact it tells of.
type Notice struct {
	Kind       Kind
	Key        string   // dedupe key, unique per kind
	Recipients []UserID // nobody, when it goes to operators
	Payload    Payload
	RequestID  string
}

// Payload is what a notice carries, the same for push, mail and operators. Fields that a kind does not use are absent.
type Payload struct {
	Game        *GameID        `json:"game_id,omitempty"`
	GameName    string         `json:"game_name,omitempty"`
	Application *ApplicationID `json:"application_id,omitempty"`
	Turn        *int           `json:"turn,omitempty"`
	Reason      string         `json:"reason,omitempty"`
	ImageRef    string         `json:"image_ref,omitempty"`
	Inviter     *UserID        `json:"inviter_user_id,omitempty"`
	Race        string         `json:"race_name,omitempty"`
	ExpiresAt   *time.Time     `json:"expires_at,omitempty"`
}

// JSON gives the stored form.
func (p Payload) JSON() json.RawMessage {
	b, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("a payload of ids and strings cannot fail to encode: %v", err))
	}
	return b
}

// Route is one notice on its way to one player, or to the operators, through one channel.
type Route struct {
	ID        RouteID
	Notice    NoticeID
	Kind      Kind
	Channel   Channel
	User      UserID // zero when the route leads to operators
	Email     string // of the player, read when the route is claimed; empty once the account is deleted
	Unwanted  bool   // the player has switched mails of the kind off
	Payload   Payload
	RequestID string // of the request that caused the notice, else the notice's key
	Attempt   int
	CreatedAt time.Time
}

// RouteState is where a route stands.
type RouteState string

// The states of a route.
const (
	RoutePending      RouteState = "pending"
	RouteRetrying     RouteState = "retrying"
	RouteDelivered    RouteState = "delivered"
	RouteSkipped      RouteState = "skipped"
	RouteDeadLettered RouteState = "dead_lettered"
)

// RouteRecord is what an attempt at a route came to, fenced by its attempt number. Mail, when given, is queued
// in the same transaction.
type RouteRecord struct {
	Route   RouteID
	Attempt int
	State   RouteState
	Detail  string
	At      time.Time
	NextAt  time.Time // when State is retrying
	Mail    *NewDelivery
}
