package races

import (
	"context"
	"slices"
	"sync"

	"galaxy/backend/galaxy"
)

// Names is who holds every canonical key, for look-ups from any goroutine.
type Names struct {
	mu    sync.RWMutex
	all   map[string]entry
	store Store
	// watched note what changes while keys are being read.
	watched []*changes
}

// entry is how a key is held. It counts games and does not name them: there may be hundreds of thousands of keys.
type entry struct {
	user  galaxy.UserID
	games int32
	as    uint8 // index in statuses
}

var statuses = [...]galaxy.NameStatus{galaxy.ReservedName, galaxy.PendingName, galaxy.RegisteredName}

const (
	reserved = iota
	pending
	registered
)

func held(user galaxy.UserID, status galaxy.NameStatus, games int) entry {
	return entry{user, int32(games), uint8(slices.Index(statuses[:], status))}
}

// Warm makes the table from the store.
func Warm(ctx context.Context, s Store) (*Names, error) {
	n := &Names{all: map[string]entry{}, store: s}
	return n, s.HeldKeys(ctx, func(key string, user galaxy.UserID, status galaxy.NameStatus, games int) {
		n.all[key] = held(user, status, games)
	})
}

// Holder gives who holds a key, and how; false when nobody does.
func (n *Names) Holder(key string) (galaxy.UserID, galaxy.NameStatus, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	e, ok := n.all[key]
	return e.user, statuses[e.as], ok
}

// Len gives how many keys are held.
func (n *Names) Len() int {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.all)
}

// Committed adopts changes that were stored.
func (n *Names) Committed(committed []galaxy.NameChange) {
	if len(committed) == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range committed {
		for _, w := range n.watched {
			(*w)[c.Key] = true
		}
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
		e = entry{user: c.User}
	}
	switch c.Move {
	case galaxy.NameReserve:
		e.games++
	case galaxy.NameRelease:
		e.games--
	case galaxy.NameWin:
		e.games--
		e.as = max(e.as, pending)
	case galaxy.NameRegister:
		e.as = registered
	case galaxy.NameExpire:
		e.as = reserved
	}
	return e, e.games > 0 || e.as != reserved
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

// Refresh reads keys anew of which it is in doubt how they are held. A key that changes while it is read is read again.
func (n *Names) Refresh(ctx context.Context, keys ...string) error {
	for len(keys) > 0 {
		changed := n.watch()
		found, err := n.store.Names(ctx, keys...)
		keys = n.adopt(changed, keys, found, err)
		if err != nil {
			return err
		}
	}
	return nil
}

// changes are the keys that were changed while others were read.
type changes map[string]bool

func (n *Names) watch() *changes {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := &changes{}
	n.watched = append(n.watched, c)
	return c
}

// adopt takes over what was found of keys, unless reading has failed, and gives those that must be read again.
func (n *Names) adopt(changed *changes, keys []string, found []galaxy.HeldName, err error) (again []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watched = slices.DeleteFunc(n.watched, func(c *changes) bool { return c == changed })
	if err != nil {
		return keys
	}
	for _, key := range keys {
		if (*changed)[key] {
			again = append(again, key)
			continue
		}
		delete(n.all, key)
	}
	for _, h := range found {
		if !(*changed)[h.Key] {
			n.all[h.Key] = held(h.User, h.Status, len(h.Games))
		}
	}
	return again
}
