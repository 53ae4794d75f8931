package galaxy

import (
	"slices"
	"time"
	"unicode/utf8"
)

// Account is one player.
type Account struct {
	ID          UserID
	Version     int64
	Email       string
	UserName    string // immutable, unique
	DisplayName string
	Language    string // BCP 47
	TimeZone    string // IANA
	Country     string // ISO 3166-1 alpha-2, empty when the source address has none
	EmailOff    []Kind // notices that the player does not want by mail
	Rights
	CreatedAt     time.Time
	UpdatedAt     time.Time
	DeletedAt     *time.Time
	Deletion      DeletionStep
	DeletionSince *time.Time
}

// AccountChange is a decision about an account, stored in one transaction.
type AccountChange struct {
	Next Account
	// Sanctions are made or lifted, Limits set; those of ClearLimits are taken back.
	Sanctions   []Sanction
	Limits      []Limit
	ClearLimits []LimitName
	// Tier is a new entry of the entitlement's history; the snapshot is Next's.
	Tier *TierEntry
	// Revoke ends every live session, for this reason.
	Revoke RevokeReason
	Mails  []NewDelivery
	Audit  []Audit
}

// Empty reports whether there is nothing to store.
func (c AccountChange) Empty() bool { return c.Next.ID == UserID{} }

// TierEntry is one line of an entitlement's history.
type TierEntry struct {
	Tier     Tier
	Source   string
	StartsAt time.Time
	EndsAt   *time.Time
	SetAt    time.Time
	SetBy    string
}

// ErrVersion answers an edit of another version than the row has.
var ErrVersion = Errorf(Conflict, "this was changed since you read it; read it again")

// Match refuses an edit that was meant for another version; 0 matches any.
func (a Account) Match(version int64) error {
	if version != 0 && version != a.Version {
		return ErrVersion
	}
	return nil
}

func (a Account) change(by By, action string, before, after map[string]any) AccountChange {
	a.UpdatedAt = by.At
	return AccountChange{Next: a, Audit: []Audit{{By: by.Principal, Action: action, Subject: a.subject(), RequestID: by.RequestID, Before: before, After: after}}}
}

func (a Account) subject() string { return "user:" + a.ID.String() }

// changed is what the audit says of a value that names a person.
var changed = map[string]any{"value": "changed"}

const maxDisplayName = 64

// UpdateProfile changes how a player is shown to others.
func (a Account) UpdateProfile(displayName string, by By) (AccountChange, error) {
	if err := a.Allows(ActUpdateProfile, by.At); err != nil {
		return AccountChange{}, err
	}
	if utf8.RuneCountInString(displayName) > maxDisplayName || !printable(displayName, false) {
		return AccountChange{}, Errorf(InvalidRequest, "display_name must have at most %d printable characters", maxDisplayName)
	}
	if displayName == a.DisplayName {
		return AccountChange{}, nil
	}
	c := a.change(by, "account.profile", nil, map[string]any{"display_name": "changed"})
	c.Next.DisplayName = displayName
	return c, nil
}

// UpdateSettings changes language and time zone; nil leaves one as it is.
func (a Account) UpdateSettings(language, zone *string, by By) (AccountChange, error) {
	if err := a.Allows(ActUpdateProfile, by.At); err != nil {
		return AccountChange{}, err
	}
	before, after := map[string]any{}, map[string]any{}
	next := a
	if language != nil {
		tag, err := NormalLanguage(*language)
		if err != nil {
			return AccountChange{}, err
		}
		next.Language, before["preferred_language"], after["preferred_language"] = tag, a.Language, tag
	}
	if zone != nil {
		if err := CheckTimeZone(*zone); err != nil {
			return AccountChange{}, err
		}
		next.TimeZone, before["time_zone"], after["time_zone"] = *zone, a.TimeZone, *zone
	}
	if next.Language == a.Language && next.TimeZone == a.TimeZone {
		return AccountChange{}, nil
	}
	return next.change(by, "account.settings", before, after), nil
}

// MailKinds are the notices that go by mail, and can be switched off there.
func MailKinds() (kinds []Kind) {
	for kind, channels := range Channels {
		if slices.Contains(channels, ChannelEmail) {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// CheckMailKind refuses what is no kind of notice whose mails can be switched off.
func CheckMailKind(kind Kind) error {
	if !slices.Contains(MailKinds(), kind) {
		return Errorf(InvalidRequest, "%q is no kind of notice whose mails can be switched off", kind)
	}
	return nil
}

// UpdatePreferences switches notices by mail off, and all others on.
func (a Account) UpdatePreferences(off []Kind, by By) (AccountChange, error) {
	off = slices.Compact(slices.Sorted(slices.Values(off)))
	for _, kind := range off {
		if err := CheckMailKind(kind); err != nil {
			return AccountChange{}, err
		}
	}
	if slices.Equal(off, a.EmailOff) {
		return AccountChange{}, nil
	}
	c := a.change(by, "account.preferences", map[string]any{"email_off": a.EmailOff}, map[string]any{"email_off": off})
	c.Next.EmailOff = off
	return c, nil
}

// Wants reports whether the player wants notices of a kind by mail.
func (a Account) Wants(kind Kind) bool { return !slices.Contains(a.EmailOff, kind) }

// ReplaceEmail gives a player who has lost a mailbox another address.
func (a Account) ReplaceEmail(email string, notice NewDelivery, by By) (AccountChange, error) {
	if email == a.Email {
		return AccountChange{}, nil
	}
	c := a.change(by, "user.email", nil, changed)
	c.Next.Email = email
	c.Mails = []NewDelivery{notice}
	return c, nil
}

// Tell is whom the service tells of a change of address: the one who had it.
func (a Account) Tell(kind Kind, payload []byte) NewDelivery {
	id := DeliveryID{UUID: NewID()}
	return NewDelivery{ID: id, Template: string(kind), Key: id.String(), To: a.Email, Payload: payload}
}
