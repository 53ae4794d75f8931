// Package rules is the game itself: its state, the commands and the making of a turn. It does no I/O, and the same
// state, orders and seed always give the same next state.
package rules

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
)

// State is a whole game after a turn. Slices are sorted by id; ids are counters and never come again.
type State struct {
	GameID  string    `json:"gameId"`
	Seed    string    `json:"seed"`
	Turn    int       `json:"turn"`
	Size    float64   `json:"size"` // side of the square map, in light years; its edges meet
	NextID  int       `json:"nextId"`
	Races   []*Race   `json:"races"`
	Planets []*Planet `json:"planets"`
	Groups  []*Group  `json:"groups"`
	Over    *Ending   `json:"over,omitempty"`
}

// Ending says how a game ended.
type Ending struct {
	Winners []string `json:"winners"`
	Reason  string   `json:"reason"`
}

// Race is one player's people.
type Race struct {
	ID            int         `json:"id"`
	Name          string      `json:"name"`
	Tech          Tech        `json:"tech"`
	Types         []*ShipType `json:"types"`
	Peace         []int       `json:"peace"` // races it has declared peace to
	Extinct       bool        `json:"extinct"`
	Banished      bool        `json:"banished"`
	Quit          bool        `json:"quit"`
	IdleTurns     int         `json:"idleTurns"`
	LastOrderTurn int         `json:"lastOrderTurn"`
}

// Tech is a level per technology; every race starts at 1.
type Tech struct {
	Drive   float64 `json:"drive"`
	Weapons float64 `json:"weapons"`
	Shields float64 `json:"shields"`
	Cargo   float64 `json:"cargo"`
}

// Planet belongs to a race, or to none (Owner 0).
type Planet struct {
	ID         int        `json:"id"`
	Name       string     `json:"name"`
	X          float64    `json:"x"`
	Y          float64    `json:"y"`
	Size       float64    `json:"size"`
	Resources  float64    `json:"resources"`
	Owner      int        `json:"owner"`
	Population float64    `json:"population"`
	Industry   float64    `json:"industry"`
	Colonists  float64    `json:"colonists"`
	Material   float64    `json:"material"`
	Capital    float64    `json:"capital"`
	Production Production `json:"production"`
	Unfinished float64    `json:"unfinished"` // mass of the ship being built
}

// Production is what a planet makes: one of Products, with the ship type where it is ships.
type Production struct {
	Kind     string `json:"kind"`
	ShipType string `json:"shipType,omitempty"`
}

// What a planet can make.
const (
	MakeCapital  = "CAP"
	MakeMaterial = "MAT"
	MakeShips    = "SHIP"
	MakeDrive    = "DRIVE"
	MakeWeapons  = "WEAPONS"
	MakeShields  = "SHIELDS"
	MakeCargo    = "CARGO"
)

// Group is ships of one type that travel together, at a planet (At) or on their way to one (Dest).
type Group struct {
	ID    int     `json:"id"`
	Owner int     `json:"owner"`
	Type  string  `json:"type"`
	Ships int     `json:"ships"`
	Tech  Tech    `json:"tech"` // when built
	At    int     `json:"at"`   // planet, 0 in space
	Dest  int     `json:"dest"` // planet, 0 when not under way
	X     float64 `json:"x"`
	Y     float64 `json:"y"`
	Cargo string  `json:"cargo,omitempty"` // COL, CAP, MAT or nothing
	Load  float64 `json:"load"`
	// Unload is set by an order and carried out by the unloading phase; 0 is nothing.
	Unload float64 `json:"unload"`
}

// The kinds of cargo.
const (
	CargoColonists = "COL"
	CargoCapital   = "CAP"
	CargoMaterial  = "MAT"
)

// Clone gives a copy that shares nothing.
func (s *State) Clone() *State {
	c := *s
	c.Races, c.Planets, c.Groups = make([]*Race, len(s.Races)), make([]*Planet, len(s.Planets)), make([]*Group, len(s.Groups))
	for i, r := range s.Races {
		n := *r
		n.Peace, n.Types = slices.Clone(r.Peace), make([]*ShipType, len(r.Types))
		for j, t := range r.Types {
			u := *t
			n.Types[j] = &u
		}
		c.Races[i] = &n
	}
	for i, p := range s.Planets {
		n := *p
		c.Planets[i] = &n
	}
	for i, g := range s.Groups {
		n := *g
		c.Groups[i] = &n
	}
	return &c
}

// Digest names the state: equal states have equal digests. Pending orders are no part of it.
func (s *State) Digest() string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("a state holds only numbers and text: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Race gives the race of that name, or nil.
func (s *State) Race(name string) *Race {
	for _, r := range s.Races {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// Planet gives the planet with that id, or nil.
func (s *State) Planet(id int) *Planet {
	i, ok := slices.BinarySearchFunc(s.Planets, id, func(p *Planet, id int) int { return p.ID - id })
	if !ok {
		return nil
	}
	return s.Planets[i]
}

// Group gives the group with that id, or nil.
func (s *State) Group(id int) *Group {
	i, ok := slices.BinarySearchFunc(s.Groups, id, func(g *Group, id int) int { return g.ID - id })
	if !ok {
		return nil
	}
	return s.Groups[i]
}

func (s *State) id() int {
	s.NextID++
	return s.NextID
}

// Distance is the shortest way on the torus.
func (s *State) Distance(x1, y1, x2, y2 float64) float64 {
	dx, dy := s.gap(x1, x2), s.gap(y1, y2)
	return math.Sqrt(float64(dx*dx) + float64(dy*dy))
}

// gap is the signed shortest way from a to b along one axis.
func (s *State) gap(a, b float64) float64 {
	d := math.Mod(b-a, s.Size)
	switch {
	case d > s.Size/2:
		d -= s.Size
	case d < -s.Size/2:
		d += s.Size
	}
	return d
}

// chance gives the random stream of one phase of one turn for one entity: nothing else draws from it, so the order in
// which entities are handled changes nothing.
func (s *State) chance(phase string, entity int) *rand.Rand {
	h := sha256.New()
	h.Write([]byte(s.Seed + "/" + phase))
	_ = binary.Write(h, binary.BigEndian, [2]int64{int64(s.Turn), int64(entity)})
	sum := h.Sum(nil)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:])))
}

// round fixes a value at the end of a phase, so that no trace of how it was computed survives.
func round(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// settle rounds everything that a phase may have touched.
func (s *State) settle() {
	for _, p := range s.Planets {
		for _, v := range []*float64{&p.Population, &p.Industry, &p.Colonists, &p.Material, &p.Capital, &p.Unfinished} {
			*v = round(*v)
		}
	}
	for _, g := range s.Groups {
		g.X, g.Y, g.Load, g.Unload = round(g.X), round(g.Y), round(g.Load), round(g.Unload)
	}
	for _, r := range s.Races {
		r.Tech = Tech{round(r.Tech.Drive), round(r.Tech.Weapons), round(r.Tech.Shields), round(r.Tech.Cargo)}
	}
}
