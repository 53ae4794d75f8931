package rules

import "slices"

// Report is what one race may see after a turn.
type Report struct {
	Turn         int          `json:"turn"`
	Race         string       `json:"race"`
	GalaxySize   float64      `json:"galaxySize"`
	Tech         Tech         `json:"tech"`
	Range        float64      `json:"range"`
	Votes        float64      `json:"votes"`
	Extinct      bool         `json:"extinct"`
	IdleTurns    int          `json:"idleTurns"`
	TurnsToLive  *int         `json:"turnsToLive,omitempty"` // warned at five and three turns before it is removed for idleness
	Races        []SeenRace   `json:"races"`
	Planets      []Planet     `json:"planets"`      // own
	Foreign      []SeenPlanet `json:"foreign"`      // others' and free ones where it has ships
	Unidentified []SeenPlanet `json:"unidentified"` // the rest: coordinates only
	ShipTypes    []ShipType   `json:"shipTypes"`
	Groups       []OwnGroup   `json:"groups"`
	Met          []SeenGroup  `json:"met"` // others' ships at its planets, or where it has ships
	Incoming     []Incoming   `json:"incoming"`
	Orders       []Outcome    `json:"orders"`
}

// SeenRace is another race as every race knows it.
type SeenRace struct {
	Name    string `json:"name"`
	Extinct bool   `json:"extinct"`
	AtPeace bool   `json:"atPeace"` // we have declared peace to it
}

// SeenPlanet is a planet that is not one's own. Only coordinates are known of one without ships of ours.
type SeenPlanet struct {
	ID        int      `json:"id"`
	X         float64  `json:"x"`
	Y         float64  `json:"y"`
	Name      string   `json:"name,omitempty"`
	Owner     string   `json:"owner,omitempty"`
	Size      *float64 `json:"size,omitempty"`
	Resources *float64 `json:"resources,omitempty"`
}

// OwnGroup is a group with what follows from its design.
type OwnGroup struct {
	Group
	Speed    float64 `json:"speed"`
	Capacity float64 `json:"capacity"`
}

// SeenGroup is somebody else's group.
type SeenGroup struct {
	Owner string `json:"owner"`
	Type  string `json:"type"`
	Ships int    `json:"ships"`
	At    int    `json:"at"`
}

// Incoming is somebody else's group on its way to a planet of ours.
type Incoming struct {
	Planet   int     `json:"planet"`
	Distance float64 `json:"distance"`
	Mass     float64 `json:"mass"`
}

// ReportFor gives what a race sees of s, with what became of its orders.
func (s *State) ReportFor(r *Race, orders []Outcome) Report {
	rep := Report{Turn: s.Turn, Race: r.Name, GalaxySize: s.Size, Tech: r.Tech, Range: round(r.Range()), Extinct: r.Extinct, IdleTurns: r.IdleTurns,
		Races: []SeenRace{}, Planets: []Planet{}, Foreign: []SeenPlanet{}, Unidentified: []SeenPlanet{}, ShipTypes: []ShipType{},
		Groups: []OwnGroup{}, Met: []SeenGroup{}, Incoming: []Incoming{}, Orders: orders}
	if orders == nil {
		rep.Orders = []Outcome{}
	}
	if left := idleLimit - r.IdleTurns; !r.Extinct && (left == 5 || left <= 3) {
		rep.TurnsToLive = &left
	}
	for _, o := range s.Races {
		if o != r {
			rep.Races = append(rep.Races, SeenRace{o.Name, o.Extinct, slices.Contains(r.Peace, o.ID)})
		}
	}
	for _, t := range r.Types {
		rep.ShipTypes = append(rep.ShipTypes, *t)
	}
	s.reportGroups(r, &rep, s.reportPlanets(r, &rep))
	return rep
}

// reportPlanets fills in the planets, and gives those at which the race sees ships.
func (s *State) reportPlanets(r *Race, rep *Report) (watched map[int]bool) {
	watched = map[int]bool{}
	for _, g := range s.Groups {
		if g.Owner == r.ID && g.At != 0 {
			watched[g.At] = true
		}
	}
	for _, p := range s.Planets {
		switch {
		case p.Owner == r.ID:
			rep.Planets = append(rep.Planets, *p)
			rep.Votes += p.Population / 1000
			watched[p.ID] = true
		case watched[p.ID]:
			seen := SeenPlanet{ID: p.ID, X: p.X, Y: p.Y, Name: p.Name, Size: &p.Size, Resources: &p.Resources}
			if o := s.owner(p.Owner); o != nil {
				seen.Owner = o.Name
			}
			rep.Foreign = append(rep.Foreign, seen)
		default:
			rep.Unidentified = append(rep.Unidentified, SeenPlanet{ID: p.ID, X: p.X, Y: p.Y})
		}
	}
	rep.Votes = round(rep.Votes)
	return watched
}

func (s *State) reportGroups(r *Race, rep *Report, watched map[int]bool) {
	for _, g := range s.Groups {
		o := s.owner(g.Owner)
		switch {
		case o == r:
			rep.Groups = append(rep.Groups, OwnGroup{*g, round(s.speed(g)), round(s.capacity(g))})
		case g.At != 0 && watched[g.At]:
			rep.Met = append(rep.Met, SeenGroup{o.Name, g.Type, g.Ships, g.At})
		case g.Dest != 0 && s.Planet(g.Dest).Owner == r.ID:
			to, t := s.Planet(g.Dest), o.Type(g.Type)
			rep.Incoming = append(rep.Incoming, Incoming{to.ID, round(s.Distance(g.X, g.Y, to.X, to.Y)), round(t.Mass() * float64(g.Ships))})
		}
	}
}

// Tally is one race in numbers.
type Tally struct {
	Race                        *Race
	Planets, Ships              int
	Population, Industry, Votes float64
}

// Tallies gives every race in numbers.
func (s *State) Tallies() []Tally {
	out := make([]Tally, len(s.Races))
	for i, r := range s.Races {
		t := Tally{Race: r}
		for _, p := range s.Planets {
			if p.Owner == r.ID {
				t.Planets++
				t.Population += p.Population
				t.Industry += p.Industry
			}
		}
		for _, g := range s.Groups {
			if g.Owner == r.ID {
				t.Ships += g.Ships
			}
		}
		t.Population, t.Industry, t.Votes = round(t.Population), round(t.Industry), round(t.Population/1000)
		out[i] = t
	}
	return out
}
