package galaxy

// Banished names the races that the engine is to banish and has not yet: of those who lost their seats while the game ran.
func (g Game) Banished() []string { return g.racesBy(BanishWanted) }

// Out names the races that the engine has taken the banish of. It may have lost it since, as it may lose orders.
func (g Game) Out() []string { return g.racesBy(BanishTaken) }

// racesBy names the races of whose banish that is known.
func (g Game) racesBy(b BanishState) (races []string) {
	for _, m := range g.Members {
		if m.Banish == b {
			races = append(races, m.Race)
		}
	}
	return races
}

// BanishAnswered records what the engine said to the banishing of a race. One that it does not know is beyond banishing:
// operators are told, for somebody plays on under another name, or nobody does.
func (g Game) BanishAnswered(race string, known bool, by By) GameChange {
	c := g.change(by, "runtime.banished")
	done := false
	for i, m := range g.Members {
		if m.Race != race || m.Banish != BanishWanted {
			continue
		}
		done = true
		c.on("membership_id", m.ID)
		if m.Banish = BanishTaken; !known {
			m.Banish = BanishUnknown
			c.Audit[0].Action = "runtime.banish_refused"
			c.alert(BanishRefused, m.ID.String(), by, Payload{Race: race, Reason: "the engine does not know the race"})
		}
		c.member(i, m)
	}
	if !done {
		return GameChange{}
	}
	return c
}

// observe takes over what the engine shows of the members' races: who is extinct, and which banishes it has taken.
func (c *GameChange) observe(players []EnginePlayer) (changed bool) {
	shown := make(map[string]EnginePlayer, len(players))
	for _, p := range players {
		shown[p.Race] = p
	}
	for i, m := range c.Next.Members {
		p, ok := shown[m.Race]
		if !ok || !m.HoldsName {
			continue
		}
		was := m
		if !p.Lacks.Has(LacksExtinct) {
			m.Extinct = p.Extinct
		}
		switch {
		case p.Lacks.Has(LacksBanished): // what it answered to the banish counts
		case m.Banish == BanishWanted && p.Banished:
			m.Banish = BanishTaken
		case m.Banish == BanishTaken && !p.Banished: // the engine has lost it, as it may lose orders
			m.Banish = BanishWanted
		}
		if m != was {
			c.member(i, m)
			changed = true
		}
	}
	return changed
}
