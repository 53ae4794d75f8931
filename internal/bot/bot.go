// Package bot plays a race as simply as can be, for demonstrations and tests.
package bot

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// report is what a bot reads of its race's report.
type report struct {
	Range                 float64
	Planets               []planet
	Foreign, Unidentified []target
	Groups                []struct {
		ID, At, Ships  int
		Type, Cargo    string
		Load, Capacity float64
	}
}

// planet is one of the race's own.
type planet struct {
	ID                                    int
	X, Y, Population, Industry, Colonists float64
	Production                            struct{ Kind string }
}

// target is a planet that is not one's own.
type target struct {
	ID    int
	X, Y  float64
	Owner string
}

// Command is one order, in the words of the reference engine.
type Command map[string]any

const hauler = "Hauler"

// Think gives sensible orders for the turn after a report: industry first, then colony ships for whatever lies in range.
func Think(raw []byte) ([]Command, error) {
	var r report
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("the report cannot be read: %w", err)
	}
	orders := []Command{}
	for _, p := range r.Planets {
		switch {
		case p.Industry < p.Population*0.9 && p.Production.Kind != "CAP":
			orders = append(orders, Command{"type": "planet.produce", "planet": p.ID, "production": "CAP"})
		case p.Industry >= p.Population*0.9 && p.Industry > 100 && p.Production.Kind != "SHIP":
			orders = append(orders, Command{"type": "planet.produce", "planet": p.ID, "production": "SHIP", "shipType": hauler})
		case p.Industry >= p.Population*0.9 && p.Industry <= 100 && p.Production.Kind != "DRIVE":
			orders = append(orders, Command{"type": "planet.produce", "planet": p.ID, "production": "DRIVE"})
		}
	}
	return append(orders, r.colonise()...), nil
}

// colonise loads haulers where there are colonists, and sends them to the nearest planets that seem free. One that comes
// too late goes on to the next.
func (r report) colonise() (orders []Command) {
	goals := slices.Concat(r.Foreign, r.Unidentified)
	goals = slices.DeleteFunc(goals, func(t target) bool { return t.Owner != "" })
	for _, g := range r.Groups {
		if g.At == 0 || g.Type != hauler {
			continue
		}
		from, home, free := r.place(g.At)
		if free {
			if g.Load > 0 {
				orders = append(orders, Command{"type": "group.unload", "group": g.ID, "amount": g.Load})
			}
			continue
		}
		load := math.Floor(min(g.Capacity, from.Colonists)*100) / 100
		near := r.nearest(goals, from.X, from.Y)
		if load <= 0 && g.Load <= 0 || near < 0 {
			continue
		}
		if g.Load <= 0 && home {
			orders = append(orders, Command{"type": "group.load", "group": g.ID, "kind": "COL", "amount": load})
		}
		orders = append(orders, Command{"type": "group.send", "group": g.ID, "planet": goals[near].ID})
		goals = slices.Delete(goals, near, near+1)
	}
	return orders
}

// place says where a group is: at home, at a free planet, or at somebody else's.
func (r report) place(id int) (at planet, home, free bool) {
	if i := slices.IndexFunc(r.Planets, func(p planet) bool { return p.ID == id }); i >= 0 {
		return r.Planets[i], true, false
	}
	if i := slices.IndexFunc(r.Foreign, func(t target) bool { return t.ID == id }); i >= 0 {
		return planet{ID: id, X: r.Foreign[i].X, Y: r.Foreign[i].Y}, false, r.Foreign[i].Owner == ""
	}
	return planet{}, false, false
}

// nearest gives the index of the nearest goal in range, -1 when there is none.
func (r report) nearest(goals []target, x, y float64) int {
	best, at := r.Range, -1
	for i, t := range goals {
		if d := math.Hypot(t.X-x, t.Y-y); d <= best {
			best, at = d, i
		}
	}
	return at
}
