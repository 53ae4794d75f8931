package galaxy

// Played names the races that the engine was given: those of members who were in when the game started, or left later.
func (g Game) Played() []string {
	var races []string
	for _, m := range g.Members {
		if m.Status == MemberActive || m.EndedAt != nil && g.Runtime.StartedAt != nil && !m.EndedAt.Before(*g.Runtime.StartedAt) {
			races = append(races, m.Race)
		}
	}
	return races
}

// ReportsWanted gives the oldest turn of which reports are not stored yet.
func (g Game) ReportsWanted() (turn int, wanted bool) {
	r := g.Runtime
	return r.Reports + 1, r.Reports < r.Turn
}

// ReportsFetched stores the reports of the oldest turn that lacks them. A race that has none in the engine has none here.
func (g Game) ReportsFetched(turn int, reports []Report, by By) GameChange {
	if wanted, ok := g.ReportsWanted(); !ok || turn != wanted {
		return GameChange{}
	}
	c := GameChange{Next: g}
	c.Next.UpdatedAt = by.At
	c.Next.Runtime.Reports = turn
	for _, r := range reports {
		r.Epoch, r.Turn = g.Runtime.Epoch, turn
		c.Reports = append(c.Reports, r)
	}
	return c
}
