package session

import (
	"context"
	"sync"

	"galaxy/backend/galaxy"
)

// Table is every live session, for look-ups from any goroutine.
type Table struct {
	mu   sync.RWMutex
	live map[galaxy.SessionID]entry
}

// entry is what a look-up answers.
type entry struct {
	user galaxy.UserID
	key  galaxy.PublicKey
}

// Warm makes the table from all live sessions of the store, in one query.
func Warm(ctx context.Context, s Store) (*Table, error) {
	t := &Table{live: map[galaxy.SessionID]entry{}}
	return t, s.LiveSessions(ctx, t.Add)
}

// Add makes a session known. It is called once the session is committed.
func (t *Table) Add(s galaxy.Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live[s.ID] = entry{s.User, s.Key}
}

// Find gives a live session's user and key.
func (t *Table) Find(id galaxy.SessionID) (galaxy.UserID, galaxy.PublicKey, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	e, ok := t.live[id]
	return e.user, e.key, ok
}

// Len counts the live sessions.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.live)
}
