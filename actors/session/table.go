package session

import (
	"context"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"galaxy/backend/galaxy"
)

// Table is every live session, for look-ups from any goroutine.
type Table struct {
	mu   sync.RWMutex
	live map[galaxy.SessionID]entry
	// ended are sessions that were ended lately: one whose birth is heard of late is not live.
	ended *simplelru.LRU[galaxy.SessionID, struct{}]
}

// entry is what a look-up answers.
type entry struct {
	user galaxy.UserID
	key  galaxy.PublicKey
}

// keptEnded is how many ended sessions are remembered.
const keptEnded = 1 << 16

// Warm makes the table from all live sessions of the store, in one query.
func Warm(ctx context.Context, s Store) (*Table, error) {
	ended, err := simplelru.NewLRU[galaxy.SessionID, struct{}](keptEnded, nil)
	if err != nil {
		return nil, err
	}
	t := &Table{live: map[galaxy.SessionID]entry{}, ended: ended}
	return t, s.LiveSessions(ctx, func(id galaxy.SessionID, user galaxy.UserID, key galaxy.PublicKey) { t.live[id] = entry{user, key} })
}

// Add makes a session known. It is called once the session is committed; one that has ended meanwhile stays ended.
func (t *Table) Add(s galaxy.Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended.Contains(s.ID) {
		t.live[s.ID] = entry{s.User, s.Key}
	}
}

// End forgets sessions. It is called once their end is committed.
func (t *Table) End(ids ...galaxy.SessionID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range ids {
		delete(t.live, id)
		t.ended.Add(id, struct{}{})
	}
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
