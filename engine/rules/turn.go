package rules

import (
	"encoding/json"
	"slices"
)

// Orders are what the races want of one turn: the commands of each, in the order they are to be carried out.
type Orders map[string][]json.RawMessage

// Outcome is what became of one command.
type Outcome struct {
	Applied bool   `json:"applied"`
	Code    string `json:"errorCode,omitempty"`
	Message string `json:"message,omitempty"`
}

// Made is a turn: the state after it, and what became of each race's commands.
type Made struct {
	State    *State
	Outcomes map[string][]Outcome
}

// idleLimit is after how many turns without orders a race is taken out.
const idleLimit = 10

// Next makes the turn after s. s itself does not change.
func (s *State) Next(orders Orders) Made {
	next := s.Clone()
	next.Turn++
	m := Made{State: next, Outcomes: map[string][]Outcome{}}
	for _, phase := range []struct {
		name string
		run  func()
	}{
		{"release", next.release},
		{"orders", func() { next.carryOut(orders, m.Outcomes) }},
		// Battles of those who meet before they leave come here.
		{"departure", next.depart},
		{"movement", next.move},
		// Battles of those who meet on arrival come here, then bombing.
		{"ships", next.buildShips},
		{"production", next.produceGoods},
		{"growth", next.grow},
		{"unloading", next.unload},
		{"industry", next.industrialise},
		// Votes and the victory they may give come here.
		{"idle", func() { next.countIdle(orders) }},
		{"ending", next.end},
	} {
		phase.run()
		next.settle()
	}
	return m
}

// Try tells what would become of a race's commands, on a copy.
func (s *State) Try(race string, commands []json.RawMessage) []Outcome {
	c := s.Clone()
	return c.run(c.Race(race), commands)
}

// run carries out commands one after the other; a refused one changes nothing.
func (s *State) run(r *Race, commands []json.RawMessage) []Outcome {
	outcomes := make([]Outcome, len(commands))
	for i, raw := range commands {
		if refusal := s.Apply(r, raw); refusal != nil {
			outcomes[i] = Outcome{Code: refusal.Code, Message: refusal.Message}
			continue
		}
		outcomes[i].Applied = true
	}
	return outcomes
}

// release gives back what belongs to races that were banished, have quit, or have been idle for too long.
func (s *State) release() {
	for _, r := range s.Races {
		if r.Extinct || !r.Banished && !r.Quit && r.IdleTurns < idleLimit {
			continue
		}
		for _, p := range s.Planets {
			if p.Owner == r.ID {
				p.Owner, p.Population, p.Industry, p.Colonists, p.Unfinished, p.Production = 0, 0, 0, 0, 0, Production{}
			}
		}
		s.Groups = slices.DeleteFunc(s.Groups, func(g *Group) bool { return g.Owner == r.ID })
		r.Extinct = true
	}
}

func (s *State) carryOut(orders Orders, outcomes map[string][]Outcome) {
	for _, r := range s.Races {
		if list, ok := orders[r.Name]; ok && !r.Extinct {
			outcomes[r.Name] = s.run(r, list)
		}
	}
}

func (s *State) countIdle(orders Orders) {
	for _, r := range s.Races {
		if r.Extinct {
			continue
		}
		if _, ok := orders[r.Name]; ok {
			r.IdleTurns, r.LastOrderTurn = 0, s.Turn
		} else {
			r.IdleTurns++
		}
	}
}

// end finds races that have nothing left, and the game's end when one or none remains.
func (s *State) end() {
	var alive []string
	for _, r := range s.Races {
		if !r.Extinct && !s.holdsAnything(r) {
			r.Extinct = true
		}
		if !r.Extinct {
			alive = append(alive, r.Name)
		}
	}
	if len(alive) <= 1 {
		s.Over = &Ending{Winners: alive, Reason: "last_race_standing"}
	}
}

func (s *State) holdsAnything(r *Race) bool {
	return slices.ContainsFunc(s.Planets, func(p *Planet) bool { return p.Owner == r.ID }) ||
		slices.ContainsFunc(s.Groups, func(g *Group) bool { return g.Owner == r.ID })
}

// Banish flags a race; its assets are released by the next turn.
func (s *State) Banish(name string) bool {
	r := s.Race(name)
	if r == nil {
		return false
	}
	r.Banished = true
	return true
}
