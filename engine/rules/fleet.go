package rules

import (
	"math"
	"slices"
)

// ownGroup gives a group of the race that is at a planet.
func (s *State) ownGroup(r *Race, id int) (*Group, *Refusal) {
	g := s.Group(id)
	if g == nil || g.Owner != r.ID {
		return nil, refuse("group_not_yours", "group %d is not yours", id)
	}
	if g.At == 0 {
		return nil, refuse("group_in_space", "group %d is under way", id)
	}
	return g, nil
}

func send(s *State, r *Race, c Command) *Refusal {
	g, refusal := s.ownGroup(r, c.Group)
	if refusal != nil {
		return refusal
	}
	to := s.Planet(c.Planet)
	if to == nil {
		return refuse("planet_unknown", "there is no planet %d", c.Planet)
	}
	if to.ID == g.At {
		g.Dest = 0
		return nil
	}
	if s.speed(g) <= 0 {
		return refuse("group_cannot_move", "ships of type %q have no drive", g.Type)
	}
	if !s.inRange(r, to) {
		return refuse("out_of_range", "planet %d is farther than %.2f light years from every planet of yours", to.ID, r.Range())
	}
	g.Dest = to.ID
	return nil
}

func (s *State) inRange(r *Race, to *Planet) bool {
	for _, p := range s.Planets {
		if p.Owner == r.ID && s.Distance(p.X, p.Y, to.X, to.Y) <= r.Range() {
			return true
		}
	}
	return false
}

func (s *State) speed(g *Group) float64 {
	return s.owner(g.Owner).Type(g.Type).Speed(g.Tech, g.Load/float64(g.Ships))
}

func (s *State) capacity(g *Group) float64 {
	return s.owner(g.Owner).Type(g.Type).Capacity(g.Tech) * float64(g.Ships)
}

func validAmount(v float64) bool { return v > 0 && !math.IsInf(v, 0) && !math.IsNaN(v) }

func load(s *State, r *Race, c Command) *Refusal {
	g, refusal := s.ownGroup(r, c.Group)
	if refusal != nil {
		return refusal
	}
	p, refusal := s.ownPlanet(r, g.At)
	if refusal != nil {
		return refusal
	}
	stock := map[string]*float64{CargoColonists: &p.Colonists, CargoCapital: &p.Capital, CargoMaterial: &p.Material}[c.Kind]
	switch {
	case stock == nil:
		return refuse("cargo_unknown", "there is no cargo %q", c.Kind)
	case g.Cargo != "" && g.Cargo != c.Kind:
		return refuse("hold_in_use", "group %d carries %s", g.ID, g.Cargo)
	case !validAmount(c.Amount):
		return refuse("invalid_amount", "an amount is a positive number")
	case c.Amount > *stock:
		return refuse("not_enough", "planet %d holds %g of %s", p.ID, *stock, c.Kind)
	case g.Load+c.Amount > s.capacity(g)+1e-9:
		return refuse("no_room", "group %d has room for %g", g.ID, s.capacity(g)-g.Load)
	}
	*stock -= c.Amount
	g.Cargo = c.Kind
	g.Load += c.Amount
	return nil
}

func unload(s *State, r *Race, c Command) *Refusal {
	g, refusal := s.ownGroup(r, c.Group)
	if refusal != nil {
		return refusal
	}
	p := s.Planet(g.At)
	switch {
	case g.Load <= 0:
		return refuse("nothing_aboard", "group %d carries nothing", g.ID)
	case g.Dest != 0:
		return refuse("group_leaves", "group %d leaves this turn", g.ID)
	case !validAmount(c.Amount) || c.Amount > g.Load:
		return refuse("invalid_amount", "group %d carries %g", g.ID, g.Load)
	case p.Owner != r.ID && (p.Owner != 0 || g.Cargo != CargoColonists):
		return refuse("planet_not_yours", "planet %d takes no %s of yours", p.ID, g.Cargo)
	}
	g.Unload = c.Amount
	return nil
}

func split(s *State, r *Race, c Command) *Refusal {
	g, refusal := s.ownGroup(r, c.Group)
	if refusal != nil {
		return refusal
	}
	if c.Ships < 1 || c.Ships >= g.Ships {
		return refuse("invalid_amount", "group %d has %d ships", g.ID, g.Ships)
	}
	n := *g
	share := float64(c.Ships) / float64(g.Ships)
	n.ID, n.Ships = s.id(), c.Ships
	n.Load, n.Unload = round(g.Load*share), 0
	g.Ships -= c.Ships
	g.Load -= n.Load
	g.Unload = min(g.Unload, g.Load)
	s.Groups = append(s.Groups, &n)
	return nil
}

func merge(s *State, r *Race, c Command) *Refusal {
	g, refusal := s.ownGroup(r, c.Group)
	if refusal != nil {
		return refusal
	}
	into, refusal := s.ownGroup(r, c.Into)
	if refusal != nil {
		return refusal
	}
	if g == into || g.At != into.At || g.Type != into.Type || g.Tech != into.Tech || g.Cargo != into.Cargo && g.Load > 0 && into.Load > 0 || g.Dest != into.Dest {
		return refuse("groups_differ", "groups %d and %d cannot be one", g.ID, into.ID)
	}
	into.Ships += g.Ships
	into.Load += g.Load
	into.Unload += g.Unload
	if into.Cargo == "" {
		into.Cargo = g.Cargo
	}
	s.Groups = slices.DeleteFunc(s.Groups, func(x *Group) bool { return x == g })
	return nil
}

// depart takes what was sent off its planet.
func (s *State) depart() {
	for _, g := range s.Groups {
		if g.At != 0 && g.Dest != 0 {
			g.At, g.Unload = 0, 0
		}
	}
}

// move brings what is under way nearer, or there.
func (s *State) move() {
	for _, g := range s.Groups {
		if g.At != 0 || g.Dest == 0 {
			continue
		}
		to, speed := s.Planet(g.Dest), s.speed(g)
		left := s.Distance(g.X, g.Y, to.X, to.Y)
		if left <= speed {
			g.X, g.Y, g.At, g.Dest = to.X, to.Y, to.ID, 0
			continue
		}
		g.X = s.wrap(g.X + float64(s.gap(g.X, to.X)*speed)/left)
		g.Y = s.wrap(g.Y + float64(s.gap(g.Y, to.Y)*speed)/left)
	}
}
