package rules

import (
	"fmt"
	"math"
)

// The numbers of the economy.
const (
	growth            = 0.08 // of the population, a turn
	peoplePerColonist = 8.0  // population that one unit of colonists stands for
	capitalCost       = 5.0  // production for one unit of capital
	shipCost          = 10.0 // production for one unit of a ship's mass
	researchCost      = 5000.0
)

// Labour is what a planet can put into production: 0.75·industry + 0.25·population.
func (p *Planet) Labour() float64 { return float64(0.75*p.Industry) + float64(0.25*p.Population) }

// made is how many units come out of labour l at cost production each and one unit of material, of which stock is at
// hand; missing material costs 1/resources production. It gives also how much of the stock is used up.
func made(l, cost, stock, resources float64) (units, used float64) {
	used = min(stock, l/cost)
	return used + (l-float64(cost*used))/(cost+1/resources), used
}

// produceGoods lets planets make capital and material, and research.
func (s *State) produceGoods() {
	for _, p := range s.Planets {
		if p.Owner == 0 {
			continue
		}
		l, r := p.Labour(), s.owner(p.Owner)
		switch p.Production.Kind {
		case MakeCapital:
			units, used := made(l, capitalCost, p.Material, p.Resources)
			p.Capital += units
			p.Material -= used
		case MakeMaterial:
			p.Material += float64(l * p.Resources)
		case MakeDrive:
			r.Tech.Drive += l / researchCost
		case MakeWeapons:
			r.Tech.Weapons += l / researchCost
		case MakeShields:
			r.Tech.Shields += l / researchCost
		case MakeCargo:
			r.Tech.Cargo += l / researchCost
		}
	}
}

// buildShips lets planets build. What is not enough for a ship carries over.
func (s *State) buildShips() {
	for _, p := range s.Planets {
		if p.Owner == 0 || p.Production.Kind != MakeShips {
			continue
		}
		r := s.owner(p.Owner)
		t := r.Type(p.Production.ShipType)
		if t == nil {
			p.Production = Production{Kind: MakeCapital}
			continue
		}
		mass, used := made(p.Labour(), shipCost, p.Material, p.Resources)
		p.Material -= used
		p.Unfinished += mass
		n := int(math.Floor(p.Unfinished/t.Mass() + 1e-9))
		if n == 0 {
			continue
		}
		p.Unfinished = max(0, p.Unfinished-float64(float64(n)*t.Mass()))
		s.Groups = append(s.Groups, &Group{ID: s.id(), Owner: r.ID, Type: t.Name, Ships: n, Tech: r.Tech, At: p.ID, X: p.X, Y: p.Y})
	}
}

// grow lets people multiply; those that a planet has no room for become colonists.
func (s *State) grow() {
	for _, p := range s.Planets {
		if p.Owner == 0 {
			continue
		}
		p.Population += float64(p.Population * growth)
		if excess := p.Population - p.Size; excess > 0 {
			p.Population = p.Size
			p.Colonists += excess / peoplePerColonist
		}
	}
}

// unload carries out the unloading that was ordered. Where several races settle a free planet at once, the one with the
// most colonists gets it; the others keep theirs aboard.
func (s *State) unload() {
	settlers := map[int]map[int]float64{}
	for _, g := range s.Groups {
		if g.Unload > 0 && g.Cargo == CargoColonists && s.Planet(g.At).Owner == 0 {
			if settlers[g.At] == nil {
				settlers[g.At] = map[int]float64{}
			}
			settlers[g.At][g.Owner] += g.Unload
		}
	}
	for _, g := range s.Groups {
		amount := min(g.Unload, g.Load)
		g.Unload = 0
		if amount <= 0 {
			continue
		}
		p := s.Planet(g.At)
		if p.Owner == 0 && g.Cargo == CargoColonists && s.settles(settlers[g.At], g.Owner) {
			s.settlePlanet(p, g.Owner)
		}
		if p.Owner != g.Owner {
			continue
		}
		g.Load -= amount
		switch g.Cargo {
		case CargoColonists:
			p.land(amount)
		case CargoCapital:
			p.Capital += amount
		case CargoMaterial:
			p.Material += amount
		}
		if g.Load < 1e-9 {
			g.Load, g.Cargo = 0, ""
		}
	}
}

// settles reports whether race brings the most colonists; between equals the lower id does.
func (s *State) settles(by map[int]float64, race int) bool {
	for other, n := range by {
		if n > by[race] || n == by[race] && other < race {
			return false
		}
	}
	return true
}

func (s *State) settlePlanet(p *Planet, owner int) {
	p.Owner, p.Production, p.Unfinished = owner, Production{Kind: MakeCapital}, 0
	if p.Name == "" {
		p.Name = fmt.Sprintf("P%d", p.ID)
	}
}

// land turns colonists into population as far as there is room.
func (p *Planet) land(colonists float64) {
	settled := min(float64(colonists*peoplePerColonist), p.Size-p.Population)
	p.Population += settled
	p.Colonists += colonists - settled/peoplePerColonist
}

// industrialise turns capital into industry, of which there is never more than people to run it; colonists that have
// room settle first.
func (s *State) industrialise() {
	for _, p := range s.Planets {
		if p.Owner == 0 {
			continue
		}
		if p.Colonists > 0 && p.Population < p.Size {
			waiting := p.Colonists
			p.Colonists = 0
			p.land(waiting)
		}
		built := min(p.Capital, max(0, p.Population-p.Industry))
		p.Industry += built
		p.Capital -= built
	}
}

func (s *State) owner(id int) *Race {
	for _, r := range s.Races {
		if r.ID == id {
			return r
		}
	}
	return nil
}
