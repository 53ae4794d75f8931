package galaxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ends is a running game whose engine shows the last turn, with what was recorded of its races.
func ends(t *testing.T, g Game, s Settlement, change ...func(*EngineStatus)) GameChange {
	t.Helper()
	claimed, err := g.ClaimTurn(CauseForced, operator(noon))
	require.NoError(t, err)
	status := shows(g, 1, "d1")
	status.Finished, status.Settlement = true, s
	for _, f := range change {
		f(&status)
	}
	c := claimed.Next.TurnMade(claimed.Next.Runtime.Op.Number, 1, status, operator(noon))
	require.Equal(t, Finished, c.Next.Status)
	return c
}

func TestWhoWinsANameAtTheEnd(t *testing.T) {
	g := running(t)
	a, b := g.Members[0], g.Members[1]
	record := func(race string, planets int, population float64) RaceRecord {
		return RaceRecord{Race: race, StartPlanets: 1, PeakPlanets: planets, StartPopulation: 100, PeakPopulation: population}
	}
	for name, c := range map[string]struct {
		records    []RaceRecord
		registered []string
		last       int // planets of the first race at the end
		want       []NameMove
	}{
		"both have grown":              {[]RaceRecord{record(a.Race, 2, 101), record(b.Race, 5, 900)}, nil, 1, []NameMove{NameWin, NameWin}},
		"neither has":                  {[]RaceRecord{record(a.Race, 1, 100), record(b.Race, 1, 100)}, nil, 1, []NameMove{NameRelease, NameRelease}},
		"planets alone are not enough": {[]RaceRecord{record(a.Race, 2, 100), record(b.Race, 1, 101)}, nil, 1, []NameMove{NameRelease, NameRelease}},
		"the last turn counts":         {[]RaceRecord{record(a.Race, 1, 101), record(b.Race, 1, 100)}, nil, 2, []NameMove{NameWin, NameRelease}},
		"one who has it already":       {[]RaceRecord{record(a.Race, 2, 101), record(b.Race, 5, 900)}, []string{a.RaceKey}, 1, []NameMove{NameWin, NameRelease}},
	} {
		t.Run(name, func(t *testing.T) {
			end := ends(t, g, Settlement{NameTTL: time.Hour, Records: c.records, Registered: c.registered}, func(s *EngineStatus) { s.Players[0].Planets = c.last })
			var moves []NameMove
			won := 0
			for _, n := range end.Names {
				moves = append(moves, n.Move)
				if n.Move == NameWin {
					won++
					require.Equal(t, noon.Add(time.Hour), *n.Expires)
				}
			}
			require.Equal(t, c.want, moves)
			told := 0
			for _, n := range end.Notices {
				if n.Kind == NameWon {
					told++
				}
			}
			require.Equal(t, won, told)
			for _, m := range end.Next.Members {
				require.False(t, m.HoldsName)
			}
		})
	}
	gone := ends(t, g, Settlement{NameTTL: time.Hour, Records: []RaceRecord{record(a.Race, 9, 999)}, Gone: []UserID{a.User}})
	require.Equal(t, []NameMove{NameRelease, NameRelease}, []NameMove{gone.Names[0].Move, gone.Names[1].Move}, "who has no account wins nothing")
	left, _, err := g.Leave(a.User, player(a.User, noon))
	require.NoError(t, err)
	end := ends(t, left.Next, Settlement{NameTTL: time.Hour, Records: []RaceRecord{record(a.Race, 9, 999)}})
	for _, n := range end.Names {
		require.Equal(t, NameRelease, n.Move, "who has left wins nothing, and the name is free at last")
	}
	require.Len(t, end.Names, 2)
}

func TestWhoMayRegisterAName(t *testing.T) {
	user, key := UserID{NewID()}, Idempotency{Key: "k"}
	won := HeldName{Key: "terran", User: user, Name: "Terran", Status: PendingName, ExpiresAt: new(noon.Add(time.Hour))}
	kept, reserved, other := won, won, won
	kept.Status, kept.ExpiresAt, kept.Idempotency = RegisteredName, nil, key
	reserved.Status, reserved.ExpiresAt = ReservedName, nil
	other.User = UserID{NewID()}
	for name, c := range map[string]struct {
		held  HeldName
		when  time.Time
		want  Code
		makes int
	}{
		"who has won it":         {won, noon, "", 1},
		"who has it already":     {kept, noon, "", 0},
		"who still plays for it": {reserved, noon, Conflict, 0},
		"somebody else":          {other, noon, NameTaken, 0},
		"who comes too late":     {won, noon.Add(time.Hour), NameWindowExpired, 0},
		"who comes just in time": {won, noon.Add(time.Hour - 1), "", 1},
	} {
		c2, err := c.held.Register(key, player(user, c.when))
		require.Len(t, c2.Names, c.makes, name)
		if c.want == "" {
			require.NoError(t, err, name)
		} else {
			require.Equal(t, c.want, CodeOf(err), name)
		}
	}
	again := kept
	again.Idempotency.Digest[0] = 1
	_, err := again.Register(key, player(user, noon))
	require.Equal(t, Conflict, CodeOf(err), "the key with another body")
}

func TestWhyANameIsNotFree(t *testing.T) {
	me, other := UserID{NewID()}, UserID{NewID()}
	held := map[string]NameStatus{"mine": ReservedName, "kept": RegisteredName, "won": PendingName, "played": ReservedName}
	holder := func(key string) (UserID, NameStatus, bool) {
		for name, status := range held {
			if k, _ := RaceKey(name); k == key {
				if name == "mine" {
					return me, status, true
				}
				return other, status, true
			}
		}
		return UserID{}, "", false
	}
	for name, want := range map[string]NameAnswer{"fresh": {Free: true}, "MINE": {Free: true, Own: true}, "Kept": {Reason: "registered"}, "w0n": {Reason: "pending_registration"},
		"pl-ayed": {Reason: "reserved"}, "two words": {Reason: "invalid", Detail: "race_name may hold letters, digits, - and _ only"}} {
		got := CheckName(name, me, holder)
		got.Key = ""
		require.Equal(t, want, got, name)
	}
}
