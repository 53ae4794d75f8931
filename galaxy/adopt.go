package galaxy

// Adopt takes over a running container of a game that has no use for an engine: somebody has started it, or a call to
// the daemon that was given up was obeyed later. It is recorded, and stopped in order. A game that was played to its
// end keeps its engine until it is cleaned up.
func (g Game) Adopt(there Container, by By) GameChange {
	r := g.Runtime
	switch {
	case there.State != ContainerRunning, g.Wanted(), r.Status == RuntimeFinished:
		return GameChange{}
	case r.Status == RuntimeUnreachable && !there.StartedAt.After(r.WhySince):
		return GameChange{} // it is the one that was given up, and kept for operators to look at
	}
	c := g.change(by, "runtime.adopted")
	c.Audit[0].After = map[string]any{"container": there.ID, "version": there.Version, "started_at": there.StartedAt}
	n := &c.Next.Runtime
	if seen := g.Found(there, by); !seen.Nothing() {
		c.Audit = append(c.Audit, seen.Audit...)
		n.Pin, n.Patch, n.Writer = seen.Next.Runtime.Pin, seen.Next.Runtime.Patch, seen.Next.Runtime.Writer
	}
	if g.over() && r.EndedAt == nil { // so that it is cleaned up in time
		at := by.At
		n.EndedAt = &at
	}
	n.begin(r.carrying(OpStop), by)
	if r.Why == WhyStopped && g.Status == Paused {
		n.note(WhyStopped, "an engine that the service had not started was found running, and is stopped", by)
	}
	return c
}
