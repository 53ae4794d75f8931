package account

import (
	"context"
	"sync"

	"galaxy/backend/galaxy"
)

// Rights is what every player may do, for look-ups from any goroutine. It is warmed by the store and written only after
// a commit; a player whose account is gone, or going, is not in it.
type Rights struct {
	mu  sync.RWMutex
	all map[galaxy.UserID]galaxy.Rights
}

// Warm makes the table from all players of the store.
func Warm(ctx context.Context, s Store) (*Rights, error) {
	r := &Rights{all: map[galaxy.UserID]galaxy.Rights{}}
	return r, s.LiveRights(ctx, func(id galaxy.UserID, rights galaxy.Rights) { r.all[id] = rights })
}

// Of gives what a player may do; false when there is no such player.
func (r *Rights) Of(id galaxy.UserID) (galaxy.Rights, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	rights, ok := r.all[id]
	return rights, ok
}

// Add makes a new player known. It is called once the account is committed.
func (r *Rights) Add(a galaxy.Account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.all[a.ID]; !known {
		r.all[a.ID] = a.Rights
	}
}

// store adopts what was committed.
func (r *Rights) store(a *galaxy.Account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.Deletion != galaxy.NotDeleted {
		delete(r.all, a.ID)
		return
	}
	r.all[a.ID] = a.Rights
}
