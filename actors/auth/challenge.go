package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// loginPriority lets sign-in codes overtake all other mail.
const loginPriority = 100

func (a *address) onSendCode(c actor.Context) (galaxy.ChallengeID, error) {
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	now := a.Now()
	if err := a.load(ctx, now); err != nil {
		return galaxy.ChallengeID{}, err
	}
	if again, ok := a.throttled(now); ok {
		return again, nil
	}
	code, err := newCode()
	if err != nil {
		return galaxy.ChallengeID{}, err
	}
	ch := galaxy.Challenge{ID: galaxy.ChallengeID{UUID: galaxy.NewID()}, Email: a.email, CreatedAt: now, ExpiresAt: now.Add(a.Config.TTL)}
	ch.CodeHash = a.hash(ch.ID, code)
	payload, err := json.Marshal(map[string]string{"code": code, "ttl": words(a.Config.TTL)})
	if err != nil {
		return galaxy.ChallengeID{}, err
	}
	id := galaxy.DeliveryID{UUID: galaxy.NewID()}
	err = a.Store.AddChallenge(ctx, galaxy.NewChallenge{Challenge: ch, Delivery: galaxy.NewDelivery{ID: id, Template: string(galaxy.AuthLoginCode),
		Key: id.String(), To: a.email, Payload: payload, Priority: loginPriority, ExpiresAt: &ch.ExpiresAt}})
	if err != nil {
		a.forget(err)
		return galaxy.ChallengeID{}, err
	}
	a.live = slices.Insert(a.live, 0, ch)
	a.WakeMail()
	return ch.ID, nil
}

// throttled gives the challenge to hand out again when the address has enough live ones within the window: the newest
// with tries left.
func (a *address) throttled(now time.Time) (galaxy.ChallengeID, bool) {
	var recent int
	for _, ch := range a.live {
		if now.Sub(ch.CreatedAt) < a.Config.Window {
			recent++
		}
	}
	if recent < a.Config.WindowMax {
		return galaxy.ChallengeID{}, false
	}
	i := slices.IndexFunc(a.live, func(ch galaxy.Challenge) bool { return ch.Attempts < a.Config.MaxAttempts })
	// With every one of them dead, the newest is as good as any: no mail is sent within the window.
	return a.live[max(i, 0)].ID, true
}

// load reads the address's live challenges unless they are in memory, and forgets those that have expired.
func (a *address) load(ctx context.Context, now time.Time) error {
	if !a.loaded {
		live, err := a.Store.LiveChallenges(ctx, a.email, now)
		if err != nil {
			return err
		}
		a.live, a.loaded = live, true
	}
	a.live = slices.DeleteFunc(a.live, func(ch galaxy.Challenge) bool { return !now.Before(ch.ExpiresAt) })
	return nil
}

// forget drops the memory when a failed commit leaves it in doubt.
func (a *address) forget(err error) {
	if galaxy.MemoryStale(err) {
		a.live, a.loaded = nil, false
	}
}

// hash keys the hash of a code, for its challenge only.
func (a *address) hash(id galaxy.ChallengeID, code string) []byte {
	h := hmac.New(sha256.New, a.Key)
	_, _ = h.Write(id.UUID[:])
	_, _ = h.Write([]byte(code))
	return h.Sum(nil)
}

// newCode draws six digits.
func newCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", fmt.Errorf("draw a code: %w", err)
	}
	return fmt.Sprintf("%06d", n), nil
}

// words says a duration for people.
func words(d time.Duration) string {
	n, unit := int(d.Round(time.Second)/time.Second), "second"
	if d >= time.Minute {
		n, unit = int(d.Round(time.Minute)/time.Minute), "minute"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}
