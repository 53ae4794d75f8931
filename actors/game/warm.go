package game

import (
	"context"
	"sync"

	"galaxy/backend/galaxy"
)

// WarmStore is where active games are read from at the start.
type WarmStore interface {
	ActiveGames(ctx context.Context, after galaxy.GameID, limit int) ([]galaxy.Game, error)
}

// Warm holds games that were read at the start, until their actors take them.
type Warm struct {
	mu    sync.Mutex
	games map[galaxy.GameID]*galaxy.Game
}

// warmPage is how many games are read in one round trip.
const warmPage = 2000

// ReadWarm reads every game that players have to do with.
func ReadWarm(ctx context.Context, s WarmStore) (*Warm, error) {
	w := &Warm{games: map[galaxy.GameID]*galaxy.Game{}}
	var after galaxy.GameID
	for {
		page, err := s.ActiveGames(ctx, after, warmPage)
		if err != nil {
			return nil, err
		}
		for _, g := range page {
			w.games[g.ID], after = &g, g.ID
		}
		if len(page) < warmPage {
			return w, nil
		}
	}
}

// IDs gives the games that nobody has taken yet.
func (w *Warm) IDs() []galaxy.GameID {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := make([]galaxy.GameID, 0, len(w.games))
	for id := range w.games {
		ids = append(ids, id)
	}
	return ids
}

// take gives a game up, once: what its actor does with it is not seen here.
func (w *Warm) take(id galaxy.GameID) (*galaxy.Game, bool) {
	if w == nil {
		return nil, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	g, ok := w.games[id]
	delete(w.games, id)
	return g, ok
}
