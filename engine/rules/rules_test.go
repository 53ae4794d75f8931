package rules

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const seed = "000102030405060708090a0b0c0d0e0f"

func raw(format string, args ...any) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(format, args...))
}

func TestFormulasHaveTheirKnownValues(t *testing.T) {
	one := Tech{1, 1, 1, 1}
	require.InDelta(t, 15, ShipType{Cargo: 10}.Capacity(one), 1e-9)
	require.InDelta(t, 600, ShipType{Cargo: 100}.Capacity(one), 1e-9)
	require.InDelta(t, 11, ShipType{Drive: 4, Attacks: 2, Weapons: 2, Shields: 4}.Mass(), 1e-9)
	require.InDelta(t, 52.5, ShipType{Attacks: 20, Weapons: 5}.Mass(), 1e-9)
	cruiser := ShipType{Drive: 10, Attacks: 1, Weapons: 10, Shields: 10}
	require.InDelta(t, 0.5, KillChance(cruiser.Attack(one), cruiser.Defence(one, 0)), 1e-9)
	require.EqualValues(t, 1, KillChance(5, 0))
	for _, c := range []struct{ resources, capital float64 }{{10, 196.08}, {0.1, 66.67}} {
		units, used := made(1000, capitalCost, 0, c.resources)
		require.InDelta(t, c.capital, units, 0.005)
		require.Zero(t, used)
	}
	units, used := made(1000, capitalCost, 50, 10)
	require.InDelta(t, 50+750/5.1, units, 1e-9)
	require.EqualValues(t, 50, used)
}

func TestDesignsFollowTheRules(t *testing.T) {
	for name, c := range map[string]struct {
		t  ShipType
		ok bool
	}{
		"a drone":               {ShipType{Drive: 1}, true},
		"a gunship":             {ShipType{Drive: 4, Attacks: 2, Weapons: 2, Shields: 4}, true},
		"nothing":               {ShipType{}, false},
		"guns without strength": {ShipType{Drive: 1, Attacks: 1}, false},
		"strength without guns": {ShipType{Drive: 1, Weapons: 1}, false},
		"half a drive":          {ShipType{Drive: 0.5}, false},
		"not a number":          {ShipType{Drive: math.NaN()}, false},
		"beyond all bounds":     {ShipType{Drive: 1e300}, false},
	} {
		require.Equal(t, c.ok, c.t.Valid(), name)
	}
}

func TestAMapHasItsPlanetsInPlace(t *testing.T) {
	s := NewGame("id", []string{"A", "B", "C", "D"}, seed)
	require.Len(t, s.Planets, 40)
	require.InDelta(t, math.Sqrt(12000), s.Size, 1e-6)
	var homes []*Planet
	for _, r := range s.Races {
		var own []*Planet
		for _, p := range s.Planets {
			if p.Owner == r.ID {
				own = append(own, p)
			}
		}
		require.Len(t, own, 3)
		homes = append(homes, own[0])
		require.EqualValues(t, homeSize, own[0].Size)
		for _, d := range own[1:] {
			far := s.Distance(own[0].X, own[0].Y, d.X, d.Y)
			require.True(t, far >= nearest-1e-5 && far <= farthest+1e-5, far)
			require.Equal(t, d.Size, d.Population)
		}
	}
	for i, a := range homes {
		for _, b := range homes[:i] {
			require.GreaterOrEqual(t, s.Distance(a.X, a.Y, b.X, b.Y), 0.5*homeDistance)
		}
	}
	require.Equal(t, s.Digest(), NewGame("id", []string{"A", "B", "C", "D"}, seed).Digest())
	require.NotEqual(t, s.Digest(), NewGame("id", []string{"A", "B", "C", "D"}, seed[2:]+"ff").Digest())
}

// colonise lets the first race load a hauler, send it to the nearest free planet within range, and settle there.
func TestEmpiresGrow(t *testing.T) {
	s := NewGame("id", []string{"A", "B"}, seed)
	r := s.Races[0]
	home := s.Planets[0]
	var target *Planet
	for _, p := range s.Planets {
		if p.Owner == 0 && p.Size > 1 && s.inRange(r, p) && (target == nil || s.Distance(home.X, home.Y, p.X, p.Y) < s.Distance(home.X, home.Y, target.X, target.Y)) {
			target = p
		}
	}
	require.NotNil(t, target)
	turn := func(commands ...json.RawMessage) []Outcome {
		m := s.Next(Orders{"A": commands})
		s = m.State
		return m.Outcomes["A"]
	}
	accepted := func(outcomes []Outcome) {
		for _, o := range outcomes {
			require.True(t, o.Applied, o.Message)
		}
	}
	accepted(turn(raw(`{"type":"planet.produce","planet":%d,"production":"SHIP","shipType":"Hauler"}`, home.ID)))
	accepted(turn(raw(`{"type":"planet.produce","planet":%d,"production":"CAP"}`, home.ID)))
	require.NotEmpty(t, s.Groups)
	g := s.Groups[0]
	amount := min(s.capacity(g), s.Planet(home.ID).Colonists)
	require.Positive(t, amount, "a full planet's growth becomes colonists")
	accepted(turn(raw(`{"type":"group.load","group":%d,"kind":"COL","amount":%g}`, g.ID, amount), raw(`{"type":"group.send","group":%d,"planet":%d}`, g.ID, target.ID)))
	for range 20 {
		if s.Group(g.ID).At == target.ID {
			break
		}
		turn()
	}
	accepted(turn(raw(`{"type":"group.unload","group":%d,"amount":%g}`, g.ID, s.Group(g.ID).Load)))
	require.Equal(t, r.ID, s.Planet(target.ID).Owner)
	require.Positive(t, s.Planet(target.ID).Population)
}

func TestAReportTellsNothingOfWhatIsNotSeen(t *testing.T) {
	s := NewGame("id", []string{"A", "B"}, seed)
	rep := s.ReportFor(s.Races[0], nil)
	require.Len(t, rep.Planets, 3)
	require.Empty(t, rep.Foreign)
	require.Len(t, rep.Unidentified, 17)
	for _, p := range rep.Unidentified {
		require.Empty(t, p.Owner)
		require.Nil(t, p.Size)
	}
	b, err := json.Marshal(rep)
	require.NoError(t, err)
	require.NotContains(t, string(b), seed)
}

func TestARaceIsReleasedWhenBanishedQuitOrIdle(t *testing.T) {
	s := NewGame("id", []string{"A", "B", "C"}, seed)
	require.True(t, s.Banish("B"))
	require.False(t, s.Banish("nobody"))
	s = s.Next(Orders{"C": {raw(`{"type":"quit"}`)}}).State
	require.True(t, s.Race("B").Extinct)
	require.False(t, s.Race("C").Extinct, "who quits leaves with the next turn")
	s = s.Next(nil).State
	require.True(t, s.Race("C").Extinct)
	require.Equal(t, []string{"A"}, s.Over.Winners)

	idle := NewGame("id", []string{"A", "B"}, seed)
	for range idleLimit + 1 {
		idle = idle.Next(Orders{"A": nil}).State
	}
	require.True(t, idle.Race("B").Extinct)
	require.False(t, idle.Race("A").Extinct, "an empty list of orders is a sign of life")
}

// wishes draws commands that may or may not make sense.
func wishes(t *rapid.T, s *State) []json.RawMessage {
	kinds := []string{"planet.produce", "group.send", "group.load", "group.unload", "group.split", "group.merge", "shiptype.create", "shiptype.remove", "planet.rename", "peace", "nonsense"}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) json.RawMessage {
		id := func(name string) int { return rapid.IntRange(0, s.NextID+2).Draw(t, name) }
		b, err := json.Marshal(Command{Type: rapid.SampledFrom(kinds).Draw(t, "kind"), Planet: id("planet"), Group: id("group"), Into: id("into"),
			Name: rapid.SampledFrom([]string{"Scout", "Drone", "X"}).Draw(t, "name"), Race: rapid.SampledFrom([]string{"A", "B", "?"}).Draw(t, "race"),
			Production: rapid.SampledFrom([]string{MakeCapital, MakeMaterial, MakeShips, MakeDrive, "?"}).Draw(t, "production"), ShipType: "Hauler",
			Kind: rapid.SampledFrom([]string{CargoColonists, CargoCapital, CargoMaterial}).Draw(t, "cargo"), Amount: rapid.Float64Range(-1, 50).Draw(t, "amount"),
			Ships: rapid.IntRange(-1, 5).Draw(t, "ships"), Drive: rapid.Float64Range(0, 5).Draw(t, "drive")})
		require.NoError(t, err)
		return b
	}), 0, 12).Draw(t, "wishes")
}

func TestWhateverIsOrderedTheStateStaysSane(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewGame("id", []string{"A", "B"}, seed)
		for range rapid.IntRange(1, 15).Draw(t, "turns") {
			orders := Orders{}
			for _, name := range []string{"A", "B"} {
				list := wishes(t, s)
				before := s.Digest()
				var kept []json.RawMessage
				for i, o := range s.Try(name, list) {
					if o.Applied {
						kept = append(kept, list[i])
					}
				}
				require.Equal(t, before, s.Digest(), "trying changes nothing")
				orders[name] = kept
			}
			m := s.Next(orders)
			for name, outcomes := range m.Outcomes {
				for _, o := range outcomes {
					require.True(t, o.Applied, "%s: what was accepted is applied: %s", name, o.Message)
				}
			}
			require.Equal(t, m.State.Digest(), s.Next(Orders{"B": orders["B"], "A": orders["A"]}).State.Digest())
			s = m.State
			sane(t, s)
		}
	})
}

func sane(t require.TestingT, s *State) {
	for _, p := range s.Planets {
		for name, v := range map[string]float64{"population": p.Population, "industry": p.Industry, "colonists": p.Colonists, "material": p.Material, "capital": p.Capital, "unfinished": p.Unfinished} {
			require.True(t, v >= 0 && !math.IsInf(v, 0) && !math.IsNaN(v), "planet %d has %s %v", p.ID, name, v)
		}
		require.LessOrEqual(t, p.Population, p.Size)
		require.LessOrEqual(t, p.Industry, p.Population+1e-6)
	}
	require.True(t, slices.IsSortedFunc(s.Groups, func(a, b *Group) int { return a.ID - b.ID }))
	for _, g := range s.Groups {
		require.Positive(t, g.Ships)
		require.True(t, g.Load >= 0 && g.Load <= s.capacity(g)+1e-5, "group %d carries %v", g.ID, g.Load)
		require.True(t, g.X >= 0 && g.X <= s.Size && g.Y >= 0 && g.Y <= s.Size)
	}
}

func FuzzCommandsNeverPanic(f *testing.F) {
	for _, c := range []string{`{}`, `null`, `[]`, `{"type":"group.send","group":1e9}`, `{"type":"planet.produce","planet":-1}`, `{"type":1}`} {
		f.Add([]byte(c))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := NewGame("id", []string{"A", "B"}, seed)
		before := s.Digest()
		if s.Clone().Apply(s.Races[0], b) != nil {
			require.Equal(t, before, s.Digest())
		}
	})
}

func BenchmarkTurnOfFortyRaces(b *testing.B) {
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("Race%d", i))
	}
	s := NewGame("id", names, seed)
	for _, r := range s.Races {
		home := s.Planets[slices.IndexFunc(s.Planets, func(p *Planet) bool { return p.Owner == r.ID })]
		for range 200 {
			s.Groups = append(s.Groups, &Group{ID: s.id(), Owner: r.ID, Type: "Hauler", Ships: 3, Tech: r.Tech, At: home.ID, X: home.X, Y: home.Y})
		}
	}
	for b.Loop() {
		m := s.Next(nil)
		for _, r := range m.State.Races {
			m.State.ReportFor(r, nil)
		}
	}
}
