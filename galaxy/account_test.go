package galaxy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	ahead = noon.Add(time.Hour)
	past1 = noon.Add(-time.Hour)
	boss  = By{Principal: Admin("root"), At: noon}
)

func someone() Account {
	return Account{ID: UserID{NewID()}, Version: 3, Email: "ann@example.com", Language: "en", TimeZone: "UTC",
		Rights: Rights{Entitlement: EntitlementOf(TierFree, "registration", past1, nil)}}
}

func TestWhatASanctionForbids(t *testing.T) {
	matrix := map[SanctionKind][]Act{
		LoginBlock:             {ActSignIn},
		ProfileUpdateBlock:     {ActUpdateProfile},
		PrivateGameCreateBlock: {ActCreatePrivateGame},
		PrivateGameManageBlock: {ActManagePrivateGame},
		GameJoinBlock:          {ActJoinGame},
		DiplomailBlock:         {ActDiplomail},
		PermanentBlock:         Acts,
	}
	require.Len(t, matrix, len(SanctionKinds))
	for kind, forbidden := range matrix {
		for _, act := range Acts {
			t.Run(fmt.Sprint(kind, "/", act), func(t *testing.T) {
				want := false
				for _, f := range forbidden {
					want = want || f == act
				}
				r := Rights{Sanctions: []Sanction{{Kind: kind, ReasonCode: "abuse"}}}
				require.Equal(t, want, Is(r.Allows(act, noon), Forbidden))
				r.Sanctions[0].ExpiresAt = &ahead
				require.Equal(t, want, r.Allows(act, noon) != nil, "while it lasts")
				require.NoError(t, r.Allows(act, ahead), "from its end on")
				r.Sanctions[0].ExpiresAt, r.Sanctions[0].LiftedAt = nil, &noon
				require.NoError(t, r.Allows(act, noon), "once it is lifted")
			})
		}
	}
}

func TestTheNumbersThatHold(t *testing.T) {
	for tier, want := range map[Tier]Numbers{TierFree: {1, 0, 3}, TierMonthly: {2, 3, 20}, TierYearly: {6, 10, 50}, TierPermanent: {Unlimited, 10, 50}} {
		r := Rights{Entitlement: EntitlementOf(tier, "admin", past1, nil)}
		require.Equal(t, want, r.Numbers(noon), tier)
		require.Equal(t, tier != TierFree, r.Entitlement.Paid)
		require.Nil(t, r.Changes(noon))
		r.Entitlement.EndsAt = &ahead
		require.Equal(t, want, r.Numbers(noon), "until its end")
		require.Equal(t, &ahead, r.Changes(noon))
		require.Equal(t, Numbers{1, 0, 3}, r.Numbers(ahead), "free from its end on")
		require.Equal(t, TierFree, r.Entitlement.At(ahead).Tier)
		r.Limits = []Limit{{Name: LimitRaceNames, Value: 9}, {Name: LimitPrivateGames, Value: 8, ExpiresAt: &ahead}, {Name: LimitMemberships, Value: 7, ExpiresAt: &past1}}
		require.Equal(t, Numbers{9, 8, want.MaxActiveMemberships}, r.Numbers(noon))
		require.Equal(t, Numbers{9, 0, 3}, r.Numbers(ahead))
	}
}

func TestTiersThatCannotBeGiven(t *testing.T) {
	for name, c := range map[string]struct {
		tier Tier
		ends *time.Time
		good bool
	}{
		"monthly": {TierMonthly, &ahead, true}, "yearly": {TierYearly, &ahead, true}, "permanent": {TierPermanent, nil, true}, "free": {TierFree, nil, true},
		"monthly without an end": {TierMonthly, nil, false}, "yearly in the past": {TierYearly, &past1, false}, "free with an end": {TierFree, &ahead, false},
		"permanent with an end": {TierPermanent, &ahead, false},
	} {
		change, err := someone().SetTier(c.tier, c.ends, boss)
		require.Equal(t, c.good, err == nil, name)
		if c.good {
			require.Equal(t, c.tier, change.Next.Entitlement.Tier)
			require.Equal(t, &TierEntry{Tier: c.tier, Source: "admin", StartsAt: noon, EndsAt: c.ends, SetAt: noon, SetBy: "admin:root"}, change.Tier)
		}
	}
	require.True(t, someone().ExpireTier(boss).Empty(), "nothing has ended")
}

func TestLimits(t *testing.T) {
	n := func(v int) *int { return &v }
	for name, c := range map[string]struct {
		name    LimitName
		value   *int
		expires *time.Time
		good    bool
	}{
		"a number": {LimitMemberships, n(5), nil, true}, "until a date": {LimitPrivateGames, n(0), &ahead, true}, "no limit": {LimitRaceNames, n(Unlimited), nil, true},
		"no limit of seats": {LimitMemberships, n(Unlimited), nil, false}, "negative": {LimitRaceNames, n(-2), nil, false}, "huge": {LimitRaceNames, n(1_000_001), nil, false},
		"nothing of that name": {"max_ships", n(1), nil, false}, "over already": {LimitMemberships, n(1), &past1, false},
	} {
		change, err := someone().SetLimit(c.name, c.value, c.expires, boss)
		require.Equal(t, c.good, err == nil, name)
		if c.good {
			require.Equal(t, *c.value, change.Next.Limits[0].Value)
			back, err := change.Next.SetLimit(c.name, nil, nil, boss)
			require.NoError(t, err)
			require.Empty(t, back.Next.Limits)
			require.Equal(t, []LimitName{c.name}, back.ClearLimits)
		}
	}
	change, err := someone().SetLimit(LimitMemberships, nil, nil, boss)
	require.NoError(t, err)
	require.True(t, change.Empty(), "there is nothing to take back")
}

func TestSanctionsThatCannotBeSet(t *testing.T) {
	for name, s := range map[string]Sanction{
		"of no kind":          {Kind: "exile", ReasonCode: "abuse"},
		"without a reason":    {Kind: LoginBlock},
		"a reason in words":   {Kind: LoginBlock, ReasonCode: "He cheats"},
		"over already":        {Kind: LoginBlock, ReasonCode: "abuse", ExpiresAt: &past1},
		"a note with a NUL":   {Kind: LoginBlock, ReasonCode: "abuse", Note: "a\x00"},
		"a note without end":  {Kind: LoginBlock, ReasonCode: "abuse", Note: strings.Repeat("x", 2001)},
		"a reason of 65":      {Kind: LoginBlock, ReasonCode: strings.Repeat("x", 65)},
		"a control character": {Kind: LoginBlock, ReasonCode: "abuse", Note: "\x1b[31m"},
	} {
		_, _, err := someone().Sanction(s, boss)
		require.True(t, Is(err, InvalidRequest), name)
	}
	for _, kind := range SanctionKinds {
		c, s, err := someone().Sanction(Sanction{Kind: kind, ReasonCode: "abuse"}, boss)
		require.NoError(t, err)
		require.Equal(t, kind == LoginBlock || kind == PermanentBlock, c.Revoke == RevokedBySanction)
		_, _, err = c.Next.LiftSanction(s.ID, "a mistake", By{Principal: Admin("ann"), At: ahead})
		require.NoError(t, err)
	}
}

func TestProfileAndSettings(t *testing.T) {
	for name, c := range map[string]struct {
		display string
		good    bool
	}{
		"a name": {"Ann", true}, "none": {"", true}, "64 characters": {strings.Repeat("ü", 64), true},
		"65": {strings.Repeat("x", 65), false}, "two lines": {"a\nb", false}, "a NUL": {"a\x00", false}, "bytes that are no text": {"\xff", false}, "direction tricks": {"a\u202eb", false},
	} {
		_, err := someone().UpdateProfile(c.display, boss)
		require.Equal(t, c.good, err == nil, name)
	}
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		language, zone *string
		good           bool
	}{
		"both": {text("pt-br"), text("Europe/Berlin"), true}, "a language": {text("de"), nil, true}, "a zone": {nil, text("Asia/Kathmandu"), true},
		"a language that is none": {text("!!"), nil, false}, "a zone that is none": {nil, text("Mars/Olympus"), false}, "the machine's own zone": {nil, text("Local"), false},
		"a path for a zone": {nil, text("../../etc/passwd"), false}, "an empty zone": {nil, text(""), false},
	} {
		_, err := someone().UpdateSettings(c.language, c.zone, boss)
		require.Equal(t, c.good, err == nil, name)
	}
	blocked := someone()
	blocked.Sanctions = []Sanction{{Kind: ProfileUpdateBlock}}
	_, err := blocked.UpdateProfile("Ann", boss)
	require.True(t, Is(err, Forbidden))
	_, err = blocked.UpdateSettings(text("de"), nil, boss)
	require.True(t, Is(err, Forbidden))
	_, err = someone().UpdatePreferences([]Kind{TurnReady}, boss)
	require.True(t, Is(err, InvalidRequest), "a notice that never goes by mail")
	same, err := someone().UpdateProfile("", boss)
	require.NoError(t, err)
	require.True(t, same.Empty(), "nothing changes, nothing is stored")
	require.ErrorIs(t, someone().Match(2), ErrVersion)
	require.NoError(t, someone().Match(3))
}

func TestADeletionGoesThroughItsSteps(t *testing.T) {
	a := someone()
	a.DisplayName, a.Country, a.EmailOff = "Ann", "DE", []Kind{ApplicationApproved}
	c := a.Delete(boss)
	require.Equal(t, RevokedByDeletion, c.Revoke)
	require.True(t, c.Next.Delete(boss).Empty(), "it begins once")
	var steps []DeletionStep
	for next := c.Next; ; next = c.Next {
		require.Equal(t, UserDeleted, next.Status(noon))
		steps = append(steps, next.Deletion)
		if c = next.Proceed(noon); c.Empty() {
			require.Equal(t, []any{"", "", "", "UTC", "en"}, []any{next.Email, next.DisplayName, next.Country, next.TimeZone, next.Language})
			require.Empty(t, next.EmailOff)
			require.NotNil(t, next.DeletedAt)
			break
		}
	}
	require.Equal(t, []DeletionStep{DeleteLobby, DeleteMails, DeleteTraces, DeleteIdentity, DeletionDone}, steps)
}

func TestTheLastEnabledOperatorCannotBeShutOut(t *testing.T) {
	ann, bob := AdminAccount{Username: "ann", Enabled: true}, AdminAccount{Username: "bob", Enabled: true}
	_, err := ann.Disable([]AdminAccount{ann, bob}, noon)
	require.NoError(t, err)
	bob.Enabled = false
	_, err = ann.Disable([]AdminAccount{ann, bob}, noon)
	require.True(t, Is(err, Conflict))
	_, err = bob.Disable([]AdminAccount{bob}, noon)
	require.NoError(t, err, "who is shut out already stays so")
}
