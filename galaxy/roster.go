package galaxy

import "slices"

// SameRoster reports whether an engine holds exactly the game's active races.
func (g Game) SameRoster(players []EnginePlayer) bool {
	return SameRaces(g.Races(), players)
}

// Races names the active members' races.
func (g Game) Races() []string {
	var races []string
	for _, m := range g.Active() {
		races = append(races, m.Race)
	}
	return races
}

// SameRaces reports whether an engine holds exactly these races, in any order.
func SameRaces(races []string, players []EnginePlayer) bool {
	var have []string
	for _, p := range players {
		have = append(have, p.Race)
	}
	return slices.Equal(slices.Sorted(slices.Values(races)), slices.Sorted(slices.Values(have)))
}
