package galaxy

import (
	"slices"
	"time"
)

// maxPendingInvites bounds how many invites of a game wait for an answer.
const maxPendingInvites = 256

// Invite asks a player into a private game until expires. The invite that the same request made before is repeated.
func (g Game) Invite(id InviteID, user UserID, expires time.Time, idem Idempotency, by By) (GameChange, Invite, error) {
	if err := g.manages(by); err != nil {
		return GameChange{}, Invite{}, err
	}
	for _, i := range g.Invites {
		if i.Inviter != by.Principal {
			continue
		}
		if again, err := i.Idempotency.Repeats(idem); again || err != nil {
			return GameChange{}, i, err
		}
	}
	switch {
	case g.Visibility != Private:
		return GameChange{}, Invite{}, Errorf(Conflict, "a public game is joined by application")
	case !expires.After(by.At):
		return GameChange{}, Invite{}, Errorf(InvalidRequest, "expires_at must be in the future")
	case len(g.Invites) >= maxPendingInvites:
		return GameChange{}, Invite{}, Errorf(Conflict, "%d invites wait for an answer; no more can be made", maxPendingInvites)
	case slices.ContainsFunc(g.Invites, func(i Invite) bool { return i.User == user }):
		return GameChange{}, Invite{}, Errorf(Conflict, "this player is invited already")
	}
	if err := g.admits("invite players", by); err != nil {
		return GameChange{}, Invite{}, err
	}
	if err := g.canSit(user, ""); err != nil {
		return GameChange{}, Invite{}, err
	}
	i := Invite{ID: id, Game: g.ID, User: user, Inviter: by.Principal, Status: InvitePending, CreatedAt: by.At, ExpiresAt: expires, Idempotency: idem}
	c := g.change(by, "game.invite")
	c.on("invite_id", id)
	c.Next.Invites = append(slices.Clip(slices.Clone(g.Invites)), i)
	c.Invites = []Invite{i}
	p := Payload{Game: &g.ID, GameName: g.Name, ExpiresAt: &i.ExpiresAt}
	if inviter, ok := by.UserID(); ok {
		p.Inviter = &inviter
	}
	c.tell(InviteReceived, i.ID.String(), by.RequestID, []UserID{user}, p)
	return c, i, nil
}

// ErrNoInvite: the game has no such invite that waits for an answer.
var ErrNoInvite = Errorf(NotFound, "this game has no such pending invite")

// invite gives a pending invite, of one player if user is not nil.
func (g Game) invite(id InviteID, user *UserID) (Invite, error) {
	for _, i := range g.Invites {
		if i.ID == id && (user == nil || i.User == *user) {
			return i, nil
		}
	}
	return Invite{}, ErrNoInvite
}

// Redeem gives the invited player a seat under a race name.
func (g Game) Redeem(id InviteID, user UserID, seat MembershipID, race string, by By) (GameChange, Invite, error) {
	i, err := g.invite(id, &user)
	if err != nil {
		return GameChange{}, Invite{}, err
	}
	if past(&i.ExpiresAt, by.At) {
		return GameChange{}, Invite{}, Errorf(Conflict, "the invite has expired")
	}
	key, err := RaceKey(race)
	if err == nil {
		err = g.admits("take players", by)
	}
	if err == nil {
		err = g.canSit(user, key)
	}
	if err != nil {
		return GameChange{}, Invite{}, err
	}
	c := g.change(by, "game.redeem")
	c.on("invite_id", id)
	i.Race = race
	c.seat(seat, user, race, key, by)
	i = c.answer(i, InviteRedeemed, by)
	c.updated(by)
	return c, i, nil
}

// Decline turns an invite down.
func (g Game) Decline(id InviteID, user UserID, by By) (GameChange, Invite, error) {
	i, err := g.invite(id, &user)
	if err != nil {
		return GameChange{}, Invite{}, err
	}
	c := g.change(by, "game.decline")
	c.on("invite_id", id)
	i = c.answer(i, InviteDeclined, by)
	c.updated(by)
	return c, i, nil
}

// Revoke takes an invite back.
func (g Game) Revoke(id InviteID, by By) (GameChange, Invite, error) {
	if err := g.manages(by); err != nil {
		return GameChange{}, Invite{}, err
	}
	i, err := g.invite(id, nil)
	if err != nil {
		return GameChange{}, Invite{}, err
	}
	c := g.change(by, "game.revoke_invite")
	c.on("invite_id", id)
	return c, c.answer(i, InviteRevoked, by), nil
}

// answer records what became of an invite, and tells the invited player of one that can no longer be redeemed.
func (c *GameChange) answer(i Invite, status InviteStatus, by By) Invite {
	at := by.At
	i.Status, i.DecidedAt = status, &at
	c.Next.Invites = slices.DeleteFunc(slices.Clone(c.Next.Invites), func(o Invite) bool { return o.ID == i.ID })
	c.Invites = append(c.Invites, i)
	if status == InviteRevoked || status == InviteExpired {
		c.tell(InviteWithdrawn, i.ID.String(), by.RequestID, []UserID{i.User}, Payload{Game: &i.Game})
	}
	return i
}
