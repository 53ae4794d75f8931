package galaxy

import (
	"regexp"
	"time"
	"unicode/utf8"
)

// SanctionKind is what a sanction forbids.
type SanctionKind string

// The sanctions.
const (
	LoginBlock             SanctionKind = "login_block"
	ProfileUpdateBlock     SanctionKind = "profile_update_block"
	PrivateGameCreateBlock SanctionKind = "private_game_create_block"
	PrivateGameManageBlock SanctionKind = "private_game_manage_block"
	GameJoinBlock          SanctionKind = "game_join_block"
	DiplomailBlock         SanctionKind = "diplomail_block"
	PermanentBlock         SanctionKind = "permanent_block" // implies all the others
)

// SanctionKinds are all of them.
var SanctionKinds = []SanctionKind{LoginBlock, ProfileUpdateBlock, PrivateGameCreateBlock, PrivateGameManageBlock, GameJoinBlock, DiplomailBlock, PermanentBlock}

// Act is what a player does, as far as it can be forbidden.
type Act string

// The acts. Each reads on from "you may not".
const (
	ActSignIn            Act = "sign in"
	ActUpdateProfile     Act = "change the profile"
	ActCreatePrivateGame Act = "make a private game"
	ActManagePrivateGame Act = "manage a private game"
	ActJoinGame          Act = "join a game"
	ActDiplomail         Act = "send diplomatic mail"
)

// Acts are all of them.
var Acts = []Act{ActSignIn, ActUpdateProfile, ActCreatePrivateGame, ActManagePrivateGame, ActJoinGame, ActDiplomail}

var forbids = map[SanctionKind]Act{LoginBlock: ActSignIn, ProfileUpdateBlock: ActUpdateProfile, PrivateGameCreateBlock: ActCreatePrivateGame,
	PrivateGameManageBlock: ActManagePrivateGame, GameJoinBlock: ActJoinGame, DiplomailBlock: ActDiplomail}

// Sanction is something that a player was forbidden.
type Sanction struct {
	ID          SanctionID
	Kind        SanctionKind
	ReasonCode  string
	Note        string // for operators
	AppliedBy   string
	AppliedAt   time.Time
	ExpiresAt   *time.Time
	LiftedBy    string
	LiftedAt    *time.Time
	LiftReason  string
	Idempotency Idempotency
}

// Active reports whether the sanction holds at now.
func (s Sanction) Active(now time.Time) bool { return s.LiftedAt == nil && !past(s.ExpiresAt, now) }

// EndsSessions reports whether a player under the sanction cannot be signed in.
func (k SanctionKind) EndsSessions() bool { return k == LoginBlock || k == PermanentBlock }

var reasonCode = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

const maxNote = 2000

func (s Sanction) validate(now time.Time) error {
	if _, ok := forbids[s.Kind]; !ok && s.Kind != PermanentBlock {
		return Errorf(InvalidRequest, "there is no sanction of kind %q", s.Kind)
	}
	if !reasonCode.MatchString(s.ReasonCode) {
		return Errorf(InvalidRequest, "reason_code must be lower-case letters, digits and underscores, at most 64")
	}
	if past(s.ExpiresAt, now) {
		return Errorf(InvalidRequest, "expires_at must be in the future")
	}
	return checkNote("text", s.Note)
}

func checkNote(name, s string) error {
	if utf8.RuneCountInString(s) > maxNote || !printable(s, true) {
		return Errorf(InvalidRequest, "%s must have at most %d printable characters", name, maxNote)
	}
	return nil
}
