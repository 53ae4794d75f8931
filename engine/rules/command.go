package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Refusal is why a command is not carried out.
type Refusal struct {
	Code    string
	Message string
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{code, fmt.Sprintf(format, args...)}
}

// Command is one wish of a race. Type names it; the other fields are those of its type.
type Command struct {
	Type       string  `json:"type"`
	Race       string  `json:"race,omitempty"`
	Planet     int     `json:"planet,omitempty"`
	Group      int     `json:"group,omitempty"`
	Into       int     `json:"into,omitempty"`
	Name       string  `json:"name,omitempty"`
	Production string  `json:"production,omitempty"`
	ShipType   string  `json:"shipType,omitempty"`
	Drive      float64 `json:"drive,omitempty"`
	Attacks    int     `json:"attacks,omitempty"`
	Weapons    float64 `json:"weapons,omitempty"`
	Shields    float64 `json:"shields,omitempty"`
	Cargo      float64 `json:"cargo,omitempty"`
	Kind       string  `json:"kind,omitempty"` // of cargo
	Amount     float64 `json:"amount,omitempty"`
	Ships      int     `json:"ships,omitempty"`
}

// handlers are the commands there are.
var handlers = map[string]func(*State, *Race, Command) *Refusal{
	"peace":           declarePeace,
	"war":             declareWar,
	"quit":            quit,
	"shiptype.create": createType,
	"shiptype.remove": removeType,
	"planet.rename":   renamePlanet,
	"planet.produce":  produce,
	"group.send":      send,
	"group.load":      load,
	"group.unload":    unload,
	"group.split":     split,
	"group.merge":     merge,
}

// Apply carries out one command of a race, or changes nothing and says why.
func (s *State) Apply(race *Race, raw json.RawMessage) *Refusal {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return refuse("invalid_command", "a command is an object with a type")
	}
	handle, ok := handlers[kind.Type]
	if !ok {
		return refuse("unknown_command", "there is no command %q", kind.Type)
	}
	var c Command
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return refuse("invalid_command", "%s has a field that is unknown or of the wrong type", kind.Type)
	}
	return handle(s, race, c)
}

func declarePeace(s *State, r *Race, c Command) *Refusal {
	other := s.Race(c.Race)
	if other == nil || other == r {
		return refuse("race_unknown", "there is no other race %q", c.Race)
	}
	if !slices.Contains(r.Peace, other.ID) {
		r.Peace = append(r.Peace, other.ID)
		slices.Sort(r.Peace)
	}
	return nil
}

func declareWar(s *State, r *Race, c Command) *Refusal {
	other := s.Race(c.Race)
	if other == nil || other == r {
		return refuse("race_unknown", "there is no other race %q", c.Race)
	}
	r.Peace = slices.DeleteFunc(r.Peace, func(id int) bool { return id == other.ID })
	return nil
}

func quit(_ *State, r *Race, _ Command) *Refusal {
	r.Quit = true
	return nil
}

const maxTypes = 100

func createType(_ *State, r *Race, c Command) *Refusal {
	t := ShipType{Name: c.Name, Drive: c.Drive, Attacks: c.Attacks, Weapons: c.Weapons, Shields: c.Shields, Cargo: c.Cargo}
	switch {
	case !goodName(c.Name):
		return refuse("invalid_name", "a name has 1 to 20 letters, digits, - or _")
	case r.Type(c.Name) != nil:
		return refuse("name_taken", "there is a ship type %q already", c.Name)
	case !t.Valid():
		return refuse("invalid_ship_type", "drive, weapons, shields and cargo are 0 or at least 1, and guns need both number and strength")
	case len(r.Types) >= maxTypes:
		return refuse("too_many_ship_types", "a race has at most %d ship types", maxTypes)
	}
	r.Types = append(r.Types, &t)
	return nil
}

func removeType(s *State, r *Race, c Command) *Refusal {
	if r.Type(c.Name) == nil {
		return refuse("ship_type_unknown", "there is no ship type %q", c.Name)
	}
	for _, g := range s.Groups {
		if g.Owner == r.ID && g.Type == c.Name {
			return refuse("ship_type_in_use", "ships of type %q exist", c.Name)
		}
	}
	for _, p := range s.Planets {
		if p.Owner == r.ID && p.Production.ShipType == c.Name {
			return refuse("ship_type_in_use", "planet %d builds ships of type %q", p.ID, c.Name)
		}
	}
	r.Types = slices.DeleteFunc(r.Types, func(t *ShipType) bool { return t.Name == c.Name })
	return nil
}

func goodName(name string) bool {
	if n := utf8.RuneCountInString(name); n == 0 || n > 20 || !utf8.ValidString(name) {
		return false
	}
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' {
			return false
		}
	}
	return true
}

func (s *State) ownPlanet(r *Race, id int) (*Planet, *Refusal) {
	if p := s.Planet(id); p != nil && p.Owner == r.ID {
		return p, nil
	}
	return nil, refuse("planet_not_yours", "planet %d is not yours", id)
}

func renamePlanet(s *State, r *Race, c Command) *Refusal {
	p, refusal := s.ownPlanet(r, c.Planet)
	if refusal != nil {
		return refusal
	}
	if !goodName(c.Name) {
		return refuse("invalid_name", "a name has 1 to 20 letters, digits, - or _")
	}
	p.Name = c.Name
	return nil
}

func produce(s *State, r *Race, c Command) *Refusal {
	p, refusal := s.ownPlanet(r, c.Planet)
	if refusal != nil {
		return refusal
	}
	next := Production{Kind: c.Production}
	switch c.Production {
	case MakeCapital, MakeMaterial, MakeDrive, MakeWeapons, MakeShields, MakeCargo:
	case MakeShips:
		if r.Type(c.ShipType) == nil {
			return refuse("ship_type_unknown", "there is no ship type %q", c.ShipType)
		}
		next.ShipType = c.ShipType
	default:
		return refuse("production_unknown", "a planet cannot make %q", c.Production)
	}
	if next != p.Production {
		p.Production, p.Unfinished = next, 0
	}
	return nil
}
