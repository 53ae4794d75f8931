package rules

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// The numbers of the map.
const (
	areaPerRace    = 3000.0 // square light years
	planetsPerRace = 10
	homeSize       = 1000.0
	homeResources  = 10.0
	daughterSize   = 500.0
	daughters      = 2
	homeDistance   = 30.0 // between homes
	nearest        = 5.0  // daughters lie between nearest and farthest of their home
	farthest       = 15.0
	leastValue     = 0.01
)

// NewGame makes the state of turn 0.
func NewGame(gameID string, races []string, seed string) *State {
	s := &State{GameID: gameID, Seed: seed, Size: round(math.Sqrt(areaPerRace * float64(len(races))))}
	for _, name := range races {
		s.Races = append(s.Races, &Race{ID: s.id(), Name: name, Tech: Tech{1, 1, 1, 1}, Types: []*ShipType{
			{Name: "Drone", Drive: 1}, {Name: "Hauler", Drive: 4, Cargo: 4}}})
	}
	dice := s.chance("map", 0)
	homes := s.placeHomes(dice)
	for i, r := range s.Races {
		s.settleHome(r, homes[i], dice)
	}
	for len(s.Planets) < planetsPerRace*len(races) {
		size, resources := worldKind(dice)
		s.addPlanet(dice.Float64()*s.Size, dice.Float64()*s.Size, size, resources)
	}
	s.settle()
	return s
}

// placeHomes draws places that keep their distance; when the map is too tight for that it asks for a little less.
func (s *State) placeHomes(dice *rand.Rand) [][2]float64 {
	for apart := homeDistance; ; apart *= 0.95 {
		var homes [][2]float64
		for tries := 0; tries < 1000 && len(homes) < len(s.Races); tries++ {
			x, y := round(dice.Float64()*s.Size), round(dice.Float64()*s.Size)
			free := true
			for _, h := range homes {
				free = free && s.Distance(x, y, h[0], h[1]) >= apart
			}
			if free {
				homes = append(homes, [2]float64{x, y})
			}
		}
		if len(homes) == len(s.Races) {
			return homes
		}
	}
}

func (s *State) settleHome(r *Race, at [2]float64, dice *rand.Rand) {
	home := s.addPlanet(at[0], at[1], homeSize, homeResources)
	s.populate(home, r)
	for range daughters {
		angle, far := dice.Float64()*2*math.Pi, nearest+dice.Float64()*(farthest-nearest)
		d := s.addPlanet(s.wrap(at[0]+far*math.Cos(angle)), s.wrap(at[1]+far*math.Sin(angle)), daughterSize, homeResources)
		s.populate(d, r)
	}
}

func (s *State) populate(p *Planet, r *Race) {
	p.Owner, p.Population, p.Industry = r.ID, p.Size, p.Size
	p.Production, p.Name = Production{Kind: MakeCapital}, fmt.Sprintf("P%d", p.ID)
}

func (s *State) addPlanet(x, y, size, resources float64) *Planet {
	p := &Planet{ID: s.id(), X: round(x), Y: round(y), Size: max(leastValue, round(size)), Resources: max(leastValue, round(resources))}
	s.Planets = append(s.Planets, p)
	return p
}

func (s *State) wrap(v float64) float64 {
	v = math.Mod(v, s.Size)
	if v < 0 {
		v += s.Size
	}
	return v
}

// worldKind draws a free planet's size and resources: super, big, normal, rich or asteroid.
func worldKind(dice *rand.Rand) (size, resources float64) {
	between := func(lo, hi float64) float64 { return lo + dice.Float64()*(hi-lo) }
	switch roll := dice.Float64(); {
	case roll < 0.06:
		return between(1500, 2500), between(0, 3)
	case roll < 0.24:
		return between(1000, 2000), between(1, 10)
	case roll < 0.74:
		return between(0, 1000), between(0, 10)
	case roll < 0.92:
		return between(0, 500), between(5, 25)
	default:
		return 0, between(0, 1)
	}
}
