package galaxy

import "time"

// DeletionStep is how far the deletion of an account has come: the step that is to be done next. Each can be done twice.
type DeletionStep string

// The steps, in order. The address goes with the last one only: the steps before find by it what else must go.
const (
	NotDeleted     DeletionStep = ""
	DeleteLobby    DeletionStep = "lobby"    // seats and applications in games that do not run yet
	DeleteMails    DeletionStep = "mails"    // what was, or was to be, mailed
	DeleteTraces   DeletionStep = "traces"   // sessions, codes, countries, preferences, notes about the player
	DeleteIdentity DeletionStep = "identity" // the address and the name
	DeletionDone   DeletionStep = "done"
)

var nextDeletion = map[DeletionStep]DeletionStep{DeleteLobby: DeleteMails, DeleteMails: DeleteTraces, DeleteTraces: DeleteIdentity, DeleteIdentity: DeletionDone}

// Delete begins the deletion: from now on nobody signs in to the account. It is over when Proceed has nothing left. A
// second request finds it begun.
func (a Account) Delete(by By) AccountChange {
	if a.Deletion != NotDeleted {
		return AccountChange{}
	}
	c := a.change(by, "user.delete", nil, nil)
	c.Next.Deletion, c.Next.DeletionSince = DeleteLobby, &by.At
	c.Revoke = RevokedByDeletion
	return c
}

// Proceed stores that a step is done. The last one leaves a row that names nobody.
func (a Account) Proceed(at time.Time) AccountChange {
	next, ok := nextDeletion[a.Deletion]
	if !ok {
		return AccountChange{}
	}
	c := AccountChange{Next: a}
	c.Next.Deletion, c.Next.UpdatedAt = next, at
	if next != DeletionDone {
		return c
	}
	c.Next.Email, c.Next.DisplayName, c.Next.Language, c.Next.TimeZone, c.Next.Country = "", "", "en", "UTC", ""
	c.Next.EmailOff, c.Next.DeletedAt = nil, &at
	c.Audit = []Audit{{By: System("accounts"), Action: "user.deleted", Subject: a.subject()}}
	return c
}
