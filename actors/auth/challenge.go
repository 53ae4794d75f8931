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

func (a *address) onSendCode(c actor.Context, m SendCode) (galaxy.ChallengeID, error) {
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	now := a.Now()
	if err := a.load(ctx, now); err != nil {
		return galaxy.ChallengeID{}, err
	}
	if again, ok := a.throttled(m.User, now); ok {
		return again, nil
	}
	if a.dailyCodes(now) {
		a.limits.hit(ctx, "daily_codes")
		return a.instead(m.User, now), nil
	}
	if !a.limits.mayMail(ctx, m.Source) {
		return a.instead(m.User, now), nil
	}
	n, err := a.challenge(m, now)
	if err != nil {
		return galaxy.ChallengeID{}, err
	}
	if n.Blocked, err = a.Store.AddChallenge(ctx, n); err != nil {
		a.forget(err)
		return galaxy.ChallengeID{}, err
	}
	a.recent = slices.Insert(a.recent, 0, n.Challenge)
	a.WakeMail()
	return n.ID, nil
}

// challenge draws a code, and makes what is stored of it and the mail that carries it.
func (a *address) challenge(m SendCode, now time.Time) (galaxy.NewChallenge, error) {
	code, err := newCode()
	if err != nil {
		return galaxy.NewChallenge{}, err
	}
	payload, err := json.Marshal(map[string]string{"code": code, "ttl": words(a.Config.TTL)})
	if err != nil {
		return galaxy.NewChallenge{}, err
	}
	ch := galaxy.Challenge{ID: galaxy.ChallengeID{UUID: galaxy.NewID()}, Email: a.email, User: m.User, CreatedAt: now, ExpiresAt: now.Add(a.Config.TTL)}
	ch.CodeHash = a.hash(ch.ID, code)
	template, id := galaxy.AuthLoginCode, galaxy.DeliveryID{UUID: galaxy.NewID()}
	if m.User != nil {
		template = galaxy.AuthEmailCode
	}
	return galaxy.NewChallenge{Challenge: ch, Delivery: galaxy.NewDelivery{ID: id, Template: string(template), Key: id.String(), To: a.email,
		Payload: payload, Priority: loginPriority, ExpiresAt: &ch.ExpiresAt}}, nil
}

// live gives the challenges that can still be confirmed, newest first.
func (a *address) live(user *galaxy.UserID, now time.Time) (live []galaxy.Challenge) {
	for _, ch := range a.recent {
		if ch.ConsumedAt == nil && now.Before(ch.ExpiresAt) && sameUser(ch.User, user) {
			live = append(live, ch)
		}
	}
	return live
}

// throttled gives the challenge to hand out again when the address has enough live ones within the window: the newest
// with tries left.
func (a *address) throttled(user *galaxy.UserID, now time.Time) (galaxy.ChallengeID, bool) {
	var recent int
	live := a.live(user, now)
	for _, ch := range live {
		if now.Sub(ch.CreatedAt) < a.Config.Window {
			recent++
		}
	}
	if recent < a.Config.WindowMax {
		return galaxy.ChallengeID{}, false
	}
	return a.instead(user, now), true
}

// instead gives what is answered when no mail is sent: the newest live challenge with tries left, else the newest, else
// one that nothing confirms.
func (a *address) instead(user *galaxy.UserID, now time.Time) galaxy.ChallengeID {
	live := a.live(user, now)
	if len(live) == 0 {
		return galaxy.ChallengeID{UUID: galaxy.NewID()}
	}
	i := slices.IndexFunc(live, func(ch galaxy.Challenge) bool { return ch.Attempts < a.Config.MaxAttempts })
	return live[max(i, 0)].ID
}

// load reads what the address was mailed in the last day, unless it is in memory.
func (a *address) load(ctx context.Context, now time.Time) error {
	if a.loaded {
		return nil
	}
	recent, err := a.Store.Challenges(ctx, a.email, now.Add(-day))
	if err == nil {
		a.recent, a.loaded = recent, true
	}
	return err
}

// forget drops the memory when a failed commit leaves it in doubt.
func (a *address) forget(err error) {
	if galaxy.MemoryStale(err) {
		a.recent, a.loaded = nil, false
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
