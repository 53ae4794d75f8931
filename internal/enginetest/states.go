package enginetest

import (
	"context"
	"maps"
	"slices"

	"galaxy/backend/galaxy"
)

// copyOf names a copy of what a game's engine holds.
type copyOf struct {
	game  galaxy.GameID
	label string
}

// holds gives g what an engine with from's state directory would hold.
func (g *Game) holds(from Game) {
	g.Holds, g.Turn, g.Digest, g.Over = from.Holds, from.Turn, from.Digest, from.Over
	g.Races, g.Lists, g.Banned, g.Grown = slices.Clone(from.Races), maps.Clone(from.Lists), maps.Clone(from.Banned), maps.Clone(from.Grown)
	g.Batches, g.Made = maps.Clone(from.Batches), slices.Clone(from.Made)
}

// CopyState copies what an engine holds; a copy that is there is kept.
func (e *Engines) CopyState(_ context.Context, id galaxy.GameID, label string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	at, g := copyOf{id, label}, e.game(id)
	if _, there := e.copies[at]; there {
		return nil
	}
	if g.Holds == (galaxy.GameID{}) {
		return galaxy.ErrStateMissing
	}
	var made Game
	made.holds(*g)
	e.copies[at] = made
	delete(e.replaced, at)
	return nil
}

// RestoreState lets an engine hold what was copied.
func (e *Engines) RestoreState(_ context.Context, id galaxy.GameID, label string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := copyOf{id, label}
	made, there := e.copies[at]
	switch {
	case there:
		e.game(id).holds(made)
		delete(e.copies, at)
		e.replaced[at] = true
	case !e.replaced[at]:
		return galaxy.ErrNoCopy
	}
	return nil
}

// Copied reports whether there is a copy.
func (e *Engines) Copied(_ context.Context, id galaxy.GameID, label string) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, there := e.copies[copyOf{id, label}]
	return there, nil
}

// StateCopies gives the copies that there are, with those that were put back and not dropped.
func (e *Engines) StateCopies(context.Context) (out []galaxy.StateCopy, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for at := range e.copies {
		out = append(out, galaxy.StateCopy{Game: at.game, Label: at.label})
	}
	for at := range e.replaced {
		out = append(out, galaxy.StateCopy{Game: at.game, Label: at.label})
	}
	return out, nil
}

// DropState forgets a copy.
func (e *Engines) DropState(_ context.Context, id galaxy.GameID, label string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.copies, copyOf{id, label})
	delete(e.replaced, copyOf{id, label})
	return nil
}

// Copies gives how many copies of a game's state there are, with those that were put back and not dropped.
func (e *Engines) Copies(id galaxy.GameID) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for at := range e.copies {
		if at.game == id {
			n++
		}
	}
	for at := range e.replaced {
		if at.game == id {
			n++
		}
	}
	return n
}

// FreeSpace gives what Space has set, and plenty before.
func (e *Engines) FreeSpace(context.Context) (int64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.space, nil
}

// Space sets how much space is left for states.
func (e *Engines) Space(bytes int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.space = bytes
}
