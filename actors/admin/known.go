package admin

import (
	"crypto/hmac"
	"crypto/sha256"
	"sync"
	"time"
)

// Known remembers credentials that were right, under a keyed hash, for some minutes: an operator's next request costs
// neither a comparison nor a message. Any goroutine may ask it; only the actor writes.
type Known struct {
	key []byte
	now func() time.Time
	mu  sync.RWMutex
	all map[pair]remembered
}

type pair [sha256.Size]byte

type remembered struct {
	username string
	until    time.Time
}

// memory is how long a pair is remembered.
const memory = 5 * time.Minute

// NewKnown remembers nothing yet. key keys the hashes.
func NewKnown(key []byte, now func() time.Time) *Known {
	return &Known{key: key, now: now, all: map[pair]remembered{}}
}

// Has reports whether the credentials were right lately, and nothing about the operator has changed since.
func (k *Known) Has(username, password string) bool {
	p := k.pair(username, password)
	k.mu.RLock()
	defer k.mu.RUnlock()
	r, ok := k.all[p]
	return ok && k.now().Before(r.until)
}

func (k *Known) add(username, password string) {
	p, now := k.pair(username, password), k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	for p, r := range k.all {
		if !now.Before(r.until) {
			delete(k.all, p)
		}
	}
	k.all[p] = remembered{username, now.Add(memory)}
}

// drop forgets whatever was remembered of an operator.
func (k *Known) drop(username string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for p, r := range k.all {
		if r.username == username {
			delete(k.all, p)
		}
	}
}

func (k *Known) pair(username, password string) (p pair) {
	h := hmac.New(sha256.New, k.key)
	_, _ = h.Write([]byte(username))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(password))
	h.Sum(p[:0])
	return p
}

// Digest is a keyed hash of what must not be guessed from it.
func (k *Known) Digest(b []byte) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, k.key)
	_, _ = h.Write([]byte("digest"))
	_, _ = h.Write(b)
	h.Sum(sum[:0])
	return sum
}
