package galaxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhoMayMakeAPrivateGame(t *testing.T) {
	spec := GameSpec{Name: "Sirius", MinPlayers: 2, MaxPlayers: 3, Schedule: Schedule{Cron: "0 21 * * *"}}
	free := Rights{Entitlement: EntitlementOf(TierFree, "test", noon, nil)}
	blocked := paid(noon)
	blocked.Sanctions = []Sanction{{Kind: PrivateGameCreateBlock}}
	notJoin := paid(noon)
	notJoin.Sanctions = []Sanction{{Kind: GameJoinBlock}}
	for name, c := range map[string]struct {
		rights Rights
		race   string
		want   Code
	}{
		"who has paid": {paid(noon), "", ""}, "who plays along": {paid(noon), "Terran", ""}, "who has not paid": {free, "", EligibilityDenied},
		"who must not": {blocked, "", Forbidden}, "who must not join": {notJoin, "Terran", Forbidden}, "who must not join and does not": {notJoin, "", ""},
		"under a name that is none": {paid(noon), "-", InvalidRequest},
	} {
		s := spec
		s.Race = c.race
		by := By{Principal: User(UserID{NewID()}), At: noon, Rights: c.rights}
		change, err := NewGame(GameID{NewID()}, Private, s, Idempotency{}, by, time.Minute)
		if c.want != "" {
			require.Equal(t, c.want, CodeOf(err), name)
			continue
		}
		require.NoError(t, err, name)
		require.NotNil(t, change.Next.Owner)
		require.Equal(t, c.race != "", len(change.Names) == 1)
	}
	s := spec
	s.Race = "Terran"
	_, err := NewGame(GameID{NewID()}, Public, s, Idempotency{}, operator(noon), time.Minute)
	require.Equal(t, InvalidRequest, CodeOf(err), "a public game has no owner who could play along")
	s.Race, s.EnrollmentEndsAt = "", new(noon)
	_, err = NewGame(GameID{NewID()}, Public, s, Idempotency{}, operator(noon), time.Minute)
	require.Equal(t, InvalidRequest, CodeOf(err), "an end in the past")
}

func TestInvites(t *testing.T) {
	g, owner := private(t)
	user, key := UserID{NewID()}, Idempotency{Key: "k", Digest: [32]byte{1}}
	c, i, err := g.Invite(InviteID{NewID()}, user, noon.Add(time.Hour), key, player(owner, noon))
	require.NoError(t, err)
	require.Equal(t, InviteReceived, c.Notices[0].Kind)
	require.Equal(t, owner, *c.Notices[0].Payload.Inviter)
	g = c.Next
	again, same, err := g.Invite(InviteID{NewID()}, user, noon.Add(time.Hour), key, player(owner, noon))
	require.NoError(t, err)
	require.True(t, again.Nothing())
	require.Equal(t, i.ID, same.ID)
	_, _, err = g.Invite(InviteID{NewID()}, user, noon.Add(time.Hour), Idempotency{Key: "k"}, player(owner, noon))
	require.Equal(t, Conflict, CodeOf(err), "the key with another body")
	for name, bad := range map[string]struct {
		err  func() error
		want Code
	}{
		"the same player twice": {func() error {
			_, _, err := g.Invite(InviteID{NewID()}, user, noon.Add(time.Hour), Idempotency{}, player(owner, noon))
			return err
		}, Conflict},
		"a member": {func() error {
			_, _, err := g.Invite(InviteID{NewID()}, owner, noon.Add(time.Hour), Idempotency{}, player(owner, noon))
			return err
		}, Conflict},
		"until the past": {func() error {
			_, _, err := g.Invite(InviteID{NewID()}, UserID{NewID()}, noon, Idempotency{}, player(owner, noon))
			return err
		}, InvalidRequest},
		"by who is invited": {func() error {
			_, _, err := g.Invite(InviteID{NewID()}, UserID{NewID()}, noon.Add(time.Hour), Idempotency{}, player(user, noon))
			return err
		}, Forbidden},
		"into a public game": {func() error {
			_, _, err := opened(t, 0).Invite(InviteID{NewID()}, user, noon.Add(time.Hour), Idempotency{}, operator(noon))
			return err
		}, Conflict},
		"redeemed by another": {func() error {
			_, _, err := g.Redeem(i.ID, UserID{NewID()}, MembershipID{NewID()}, "X", operator(noon))
			return err
		}, NotFound},
		"redeemed too late": {func() error {
			_, _, err := g.Redeem(i.ID, user, MembershipID{NewID()}, "X", operator(noon.Add(time.Hour)))
			return err
		}, Conflict},
		"redeemed under a name that is in": {func() error {
			_, _, err := g.Redeem(i.ID, user, MembershipID{NewID()}, "0wner", operator(noon))
			return err
		}, NameTaken},
		"revoked by who is invited": {func() error { _, _, err := g.Revoke(i.ID, player(user, noon)); return err }, Forbidden},
	} {
		require.Equal(t, bad.want, CodeOf(bad.err()), name)
	}
	require.True(t, g.Sees(user))
	declined, gone, err := g.Decline(i.ID, user, player(user, noon))
	require.NoError(t, err)
	require.Equal(t, InviteDeclined, gone.Status)
	require.False(t, declined.Next.Sees(user), "the game is hidden again")
	revoked, gone, err := g.Revoke(i.ID, player(owner, noon))
	require.NoError(t, err)
	require.Equal(t, InviteRevoked, gone.Status)
	require.Equal(t, InviteWithdrawn, revoked.Notices[0].Kind)
}

func TestApplicationsAreDecidedOnce(t *testing.T) {
	g, a := applied(t, opened(t, 0))
	for name, decide := range map[string]func(Game) (GameChange, Application, error){
		"approved": func(g Game) (GameChange, Application, error) {
			return g.Approve(a.ID, MembershipID{NewID()}, operator(noon))
		},
		"rejected":  func(g Game) (GameChange, Application, error) { return g.Reject(a.ID, operator(noon)) },
		"withdrawn": func(g Game) (GameChange, Application, error) { return g.Withdraw(a.ID, a.User, player(a.User, noon)) },
	} {
		c, done, err := decide(g)
		require.NoError(t, err)
		require.Equal(t, name, string(done.Status))
		require.Empty(t, c.Next.Applications)
		_, _, err = decide(c.Next)
		require.ErrorIs(t, err, ErrNoApplication)
	}
	_, _, err := g.Withdraw(a.ID, UserID{NewID()}, operator(noon))
	require.ErrorIs(t, err, ErrNoApplication, "nobody else's")
	_, _, err = g.Approve(a.ID, MembershipID{NewID()}, player(a.User, noon))
	require.Equal(t, Forbidden, CodeOf(err))
}

func TestEndedMemberships(t *testing.T) {
	g, owner := private(t)
	g, user := guest(t, g, "Guest", noon)
	seat, _ := g.SeatOf(user)
	blocked, _, err := g.Block(seat.ID, "rude", player(owner, noon))
	require.NoError(t, err)
	require.Equal(t, []Kind{MembershipBlocked, GameUpdated}, []Kind{blocked.Notices[0].Kind, blocked.Notices[1].Kind})
	require.Equal(t, NameRelease, blocked.Names[0].Move)
	_, _, err = blocked.Next.Invite(InviteID{NewID()}, user, noon.Add(time.Hour), Idempotency{}, player(owner, noon))
	require.Equal(t, Forbidden, CodeOf(err), "there is no way back")
	again, _, err := blocked.Next.Block(seat.ID, "rude", player(owner, noon))
	require.NoError(t, err)
	require.True(t, again.Nothing())
	_, _, err = blocked.Next.Remove(seat.ID, "", player(owner, noon))
	require.Equal(t, Conflict, CodeOf(err))
	left, _, err := g.Leave(user, player(user, noon))
	require.NoError(t, err)
	c, i, err := left.Next.Invite(InviteID{NewID()}, user, noon.Add(time.Hour), Idempotency{}, player(owner, noon))
	require.NoError(t, err, "who has left may come back")
	_, _, err = c.Next.Redeem(i.ID, user, MembershipID{NewID()}, "Guest", player(user, noon))
	require.NoError(t, err)
	_, _, err = g.in(Starting).Remove(seat.ID, "", player(owner, noon))
	require.Equal(t, Conflict, CodeOf(err), "the engine is being given the roster")
	_, _, err = g.in(Cancelled).Leave(user, player(user, noon))
	require.Equal(t, Conflict, CodeOf(err))
	_, _, err = g.Ban(UserID{NewID()}, "", operator(noon))
	require.Equal(t, NotFound, CodeOf(err))
}

func TestAnOwnerWhoseAccountGoesHasAnHeir(t *testing.T) {
	g, owner := private(t)
	g, first := guest(t, g, "First", noon.Add(time.Minute))
	g, second := guest(t, g, "Second", noon.Add(2*time.Minute))
	all := func(UserID) bool { return true }
	c := g.Forget(owner, all, operator(noon))
	require.Equal(t, first, *c.Next.Owner)
	require.Equal(t, first, *c.Heir)
	require.Equal(t, MemberLeft, c.Memberships[0].Status)
	c = g.in(Running).Forget(owner, func(u UserID) bool { return u == second }, operator(noon))
	require.Equal(t, second, *c.Next.Owner, "one whose account goes too inherits nothing")
	require.Empty(t, c.Memberships, "the race of a running game stays")
	c = g.Forget(owner, func(UserID) bool { return false }, operator(noon))
	require.Nil(t, c.Next.Owner, "then it is the operators'")
	require.True(t, g.in(Finished).Forget(owner, all, operator(noon)).Nothing())
	require.True(t, g.Forget(UserID{NewID()}, all, operator(noon)).Nothing())
}
