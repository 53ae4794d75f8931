package races

import (
	"context"
	"sync"

	"galaxy/backend/galaxy"
)

// Names is who holds every canonical key, for look-ups from any goroutine.
type Names struct {
	mu    sync.RWMutex
	all   map[string]entry
	store Store
}

// entry is how a key is held. It counts games and does not name them: there may be hundreds of thousands of keys.
type entry struct {
	user   galaxy.UserID
	status galaxy.NameStatus
	games  int32
}

// Warm makes the table from the store.
func Warm(ctx context.Context, s Store) (*Names, error) {
	n := &Names{all: map[string]entry{}, store: s}
	return n, s.HeldKeys(ctx, func(key string, user galaxy.UserID, status galaxy.NameStatus, games int) {
		n.all[key] = entry{user, intern(status), int32(games)}
	})
}

// intern gives the constant, so that a row's own string is not kept.
func intern(s galaxy.NameStatus) galaxy.NameStatus {
	switch s {
	case galaxy.RegisteredName:
		return galaxy.RegisteredName
	case galaxy.PendingName:
		return galaxy.PendingName
	}
	return galaxy.ReservedName
}

// Holder gives who holds a key, and how; false when nobody does.
func (n *Names) Holder(key string) (galaxy.UserID, galaxy.NameStatus, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	e, ok := n.all[key]
	return e.user, e.status, ok
}

// Len gives how many keys are held.
func (n *Names) Len() int {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.all)
}

// Committed adopts changes that were stored.
func (n *Names) Committed(changes []galaxy.NameChange) {
	if len(changes) == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range changes {
		e, held := n.all[c.Key]
		if held && e.user != c.User && c.Move != galaxy.NameReserve {
			continue // it has gone on to somebody else, who was heard of first
		}
		if next, kept := e.after(c); kept {
			n.all[c.Key] = next
		} else {
			delete(n.all, c.Key)
		}
	}
}

func (e entry) after(c galaxy.NameChange) (entry, bool) {
	if e.user != c.User {
		e = entry{user: c.User, status: galaxy.ReservedName}
	}
	switch c.Move {
	case galaxy.NameReserve:
		e.games++
	case galaxy.NameRelease:
		e.games--
	case galaxy.NameWin:
		e.games--
		if e.status != galaxy.RegisteredName {
			e.status = galaxy.PendingName
		}
	case galaxy.NameRegister:
		e.status = galaxy.RegisteredName
	case galaxy.NameExpire:
		e.status = galaxy.ReservedName
	}
	return e, e.games > 0 || e.status != galaxy.ReservedName
}

// RefreshOf reads every key anew that a player holds.
func (n *Names) RefreshOf(ctx context.Context, user galaxy.UserID) error {
	var keys []string
	n.mu.RLock()
	for key, e := range n.all {
		if e.user == user {
			keys = append(keys, key)
		}
	}
	n.mu.RUnlock()
	return n.Refresh(ctx, keys...)
}

// Refresh reads keys anew of which it is in doubt how they are held.
func (n *Names) Refresh(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	found, err := n.store.Names(ctx, keys...)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, key := range keys {
		delete(n.all, key)
	}
	for _, h := range found {
		n.all[h.Key] = entry{h.User, h.Status, int32(len(h.Games))}
	}
	return nil
}
