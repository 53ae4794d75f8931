package galaxy

import (
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// NameMove says what happens to a race name.
type NameMove string

// A name is reserved when a seat is taken, released when the seat or the game ends, or won at the end of a game; a name
// that was won is registered, or expires.
const (
	NameReserve  NameMove = "reserved"
	NameRelease  NameMove = "released"
	NameWin      NameMove = "won"
	NameRegister NameMove = "registered"
	NameExpire   NameMove = "expired"
)

// NameChange is one entry of the Race Name Directory that a change touches. Reserving a key that somebody else holds
// fails the whole commit with NameTaken.
type NameChange struct {
	Move    NameMove
	Key     string // canonical
	Name    string
	User    UserID
	Expires *time.Time // of NameWin
}

// NameStatus is how a canonical key is held.
type NameStatus string

// How a key can be held. A key that nobody holds has no status.
const (
	RegisteredName NameStatus = "registered"
	ReservedName   NameStatus = "reserved"
	PendingName    NameStatus = "pending_registration"
)

// HeldName is one entry of the directory.
type HeldName struct {
	Key         string
	User        UserID
	Name        string
	Status      NameStatus
	Since       time.Time
	ExpiresAt   *time.Time // of PendingName
	Games       []GameID   // in which it is reserved
	Idempotency Idempotency
}

// DirectoryChange is a decision about names that no game holds, stored in one transaction.
type DirectoryChange struct {
	At          time.Time
	Names       []NameChange
	Quota       *int // of registered names, of the one user of Names; Unlimited is possible
	Idempotency Idempotency
	Audit       []Audit
	Notices     []Notice
}

// Capable reports whether a race has grown: both its planets and its population peaked above those of turn 0.
func (r RaceRecord) Capable() bool {
	return r.PeakPlanets > r.StartPlanets && r.PeakPopulation > r.StartPopulation
}

// winNames gives the members whose races were capable their names to register.
func (c *GameChange) winNames(s EngineStatus, by By) {
	records := map[string]RaceRecord{}
	for _, r := range s.Settlement.Records {
		records[r.Race] = r
	}
	for _, p := range s.Players {
		r := records[p.Race]
		r.PeakPlanets, r.PeakPopulation = max(r.PeakPlanets, p.Planets), max(r.PeakPopulation, p.Population)
		records[p.Race] = r
	}
	expires := by.At.Add(s.Settlement.NameTTL)
	for i, m := range c.Next.Members {
		if m.Status != MemberActive || !records[m.Race].Capable() || slices.Contains(s.Settlement.Registered, m.RaceKey) ||
			slices.Contains(s.Settlement.Gone, m.User) {
			continue
		}
		m.HoldsName = false
		c.member(i, m)
		c.Names = append(c.Names, NameChange{Move: NameWin, Key: m.RaceKey, Name: m.Race, User: m.User, Expires: &expires})
		c.tell(NameWon, m.ID.String(), by.RequestID, []UserID{m.User},
			Payload{Game: &c.Next.ID, GameName: c.Next.Name, Race: m.Race, ExpiresAt: &expires})
	}
}

// Register decides on a player's wish to keep a name for good. The name that was registered before is the answer to a
// repeated request, without anything to store.
func (h HeldName) Register(idem Idempotency, by By) (DirectoryChange, error) {
	user, _ := by.UserID()
	switch {
	case h.User != user:
		return DirectoryChange{}, Errorf(NameTaken, "this race name, or one that looks like it, belongs to another player")
	case h.Status == RegisteredName:
		_, err := h.Idempotency.Repeats(idem)
		return DirectoryChange{}, err
	case h.Status != PendingName:
		return DirectoryChange{}, Errorf(Conflict, "this race name has not been won yet: it is reserved in a game that is not over")
	case past(h.ExpiresAt, by.At):
		return DirectoryChange{}, Errorf(NameWindowExpired, "the time to register this race name was over at %s", h.ExpiresAt.UTC().Format(time.RFC3339))
	}
	quota := by.Rights.Numbers(by.At).MaxRegisteredRaceNames
	return DirectoryChange{At: by.At, Quota: &quota, Idempotency: idem,
		Names:   []NameChange{{Move: NameRegister, Key: h.Key, Name: h.Name, User: user}},
		Audit:   []Audit{{By: by.Principal, Action: "race_name.register", Subject: "user:" + user.String(), RequestID: by.RequestID, After: map[string]any{"race_key": h.Key}}},
		Notices: []Notice{{Kind: NameRegistered, Key: user.String() + ":" + h.Key, Recipients: []UserID{user}, RequestID: by.RequestID, Payload: Payload{Race: h.Name}}}}, nil
}

// ExpireNames gives back names that were won and not registered in time.
func ExpireNames(names []HeldName, at time.Time) DirectoryChange {
	c := DirectoryChange{At: at}
	for _, h := range names {
		c.Names = append(c.Names, NameChange{Move: NameExpire, Key: h.Key, Name: h.Name, User: h.User})
		c.Notices = append(c.Notices, Notice{Kind: NameExpired, Key: h.User.String() + ":" + h.Key + ":" + strconv.FormatInt(h.ExpiresAt.UnixMilli(), 10),
			Recipients: []UserID{h.User}, Payload: Payload{Race: h.Name}})
		c.Audit = append(c.Audit, Audit{By: System("races"), Action: "race_name.expire", Subject: "user:" + h.User.String(), After: map[string]any{"race_key": h.Key}})
	}
	return c
}

// NameAnswer says whether a player could take a race name, and if not, why.
type NameAnswer struct {
	Key    string
	Free   bool
	Own    bool   // it is the player's already
	Reason string // invalid, registered, reserved or pending_registration; empty when it is free
	Detail string // what is wrong with an invalid name
}

// CheckName answers for a user, given who holds the key.
func CheckName(name string, user UserID, holder func(key string) (UserID, NameStatus, bool)) NameAnswer {
	key, err := RaceKey(name)
	if err != nil {
		return NameAnswer{Reason: "invalid", Detail: message(err)}
	}
	by, status, held := holder(key)
	if !held || by == user {
		return NameAnswer{Key: key, Free: true, Own: held}
	}
	return NameAnswer{Key: key, Reason: string(status)}
}

// NameEvent is one line of a race name's history.
type NameEvent struct {
	ID   uuid.UUID
	Name string
	User UserID
	Move NameMove
	Game *GameID
	At   time.Time
}
