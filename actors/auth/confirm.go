package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// ErrNotConfirmed answers every code that is not good, whatever is wrong with it.
var ErrNotConfirmed = galaxy.Errorf(galaxy.Unauthorized, "the code is wrong or no longer good; ask for a new one")

func (a *address) onConfirm(c actor.Context, m Confirm) (SignedIn, error) {
	language, err := a.check(m)
	if err != nil {
		return SignedIn{}, err
	}
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	now := a.Now()
	i, err := a.confirmed(ctx, m.Challenge, nil, m.Code, m.Source, now)
	if err != nil {
		return SignedIn{}, err
	}
	in, err := a.signIn(m, a.recent[i], language, now)
	if err != nil {
		return SignedIn{}, err
	}
	account, session, err := a.Store.SignIn(ctx, in)
	if errors.Is(err, galaxy.ErrBlocked) {
		// Blocked since the code was mailed: no different from a wrong code.
		return SignedIn{}, a.wrong(ctx, i, m.Source)
	}
	if err != nil {
		a.forget(err)
		return SignedIn{}, err
	}
	a.recent[i].ConsumedAt = &now
	a.Born(session, account, account.ID == in.Account.ID)
	return SignedIn{Session: session.ID, User: account.ID}, nil
}

// confirmed gives the index of the live challenge that a code is right for. Everything else is one error, and a try that
// counts is counted before it is answered.
func (a *address) confirmed(ctx context.Context, id galaxy.ChallengeID, user *galaxy.UserID, code string, source netip.Addr, now time.Time) (int, error) {
	if err := a.load(ctx, now); err != nil {
		return 0, err
	}
	i := slices.IndexFunc(a.recent, func(ch galaxy.Challenge) bool { return ch.ID == id })
	if i < 0 || a.recent[i].ConsumedAt != nil || !now.Before(a.recent[i].ExpiresAt) || !sameUser(a.recent[i].User, user) || a.recent[i].Attempts >= a.Config.MaxAttempts {
		return 0, ErrNotConfirmed
	}
	if a.dailyFailures(now) {
		a.limits.hit(ctx, "daily_failures")
		return 0, ErrNotConfirmed
	}
	if !a.limits.mayTry(ctx, source) {
		return 0, ErrNotConfirmed
	}
	if right := hmac.Equal(a.recent[i].CodeHash, a.hash(id, code)); !right || a.recent[i].Blocked {
		return 0, a.wrong(ctx, i, source)
	}
	return i, nil
}

// onConfirmEmail makes the address a player's.
func (a *address) onConfirmEmail(c actor.Context, m ConfirmEmail) error {
	ctx, cancel := kit.WorkContext(c)
	defer cancel()
	now := a.Now()
	i, err := a.confirmed(ctx, m.Challenge, &m.User, m.Code, m.Source, now)
	if err != nil {
		return err
	}
	err = a.Store.ChangeEmail(ctx, galaxy.EmailChange{Challenge: a.recent[i], At: now, Notice: galaxy.AuthEmailChanged, Audit: []galaxy.Audit{{By: m.By.Principal,
		Action: "account.email", Subject: "user:" + m.User.String(), RequestID: m.By.RequestID, After: map[string]any{"email": "changed"}}}})
	if errors.Is(err, galaxy.ErrBlocked) {
		return galaxy.Errorf(galaxy.Forbidden, "you may not %s now", galaxy.ActUpdateProfile)
	}
	if err != nil {
		a.forget(err)
		return err
	}
	a.recent[i].ConsumedAt = &now
	a.Changed(m.User)
	a.WakeMail()
	return nil
}

// check refuses what no account or session could be made from, before a try is counted.
func (a *address) check(m Confirm) (language string, err error) {
	if err := galaxy.CheckTimeZone(m.TimeZone); err != nil {
		return "", err
	}
	if err := galaxy.CheckDeviceName(m.DeviceName); err != nil {
		return "", err
	}
	return galaxy.NormalLanguage(m.Locale)
}

// wrong counts a wrong try, and answers only when it is counted.
func (a *address) wrong(ctx context.Context, i int, source netip.Addr) error {
	if err := a.Store.CountWrongTry(ctx, a.recent[i]); err != nil {
		a.forget(err)
		return err
	}
	a.recent[i].Attempts++
	a.limits.failed(source)
	return ErrNotConfirmed
}

func (a *address) signIn(m Confirm, ch galaxy.Challenge, language string, now time.Time) (galaxy.SignIn, error) {
	session := galaxy.SessionID{UUID: galaxy.NewID()}
	in := galaxy.SignIn{
		Challenge: ch, At: now,
		Account: galaxy.Account{ID: galaxy.UserID{UUID: galaxy.NewID()}, Language: language, TimeZone: m.TimeZone, Country: a.Country(m.Source),
			Rights: galaxy.Rights{Entitlement: galaxy.EntitlementOf(galaxy.TierFree, "registration", now, nil)}},
		Session: galaxy.Session{ID: session, Key: m.Key, DeviceName: m.DeviceName},
		Audit: []galaxy.Audit{{By: galaxy.System("auth"), Action: "session.create", Subject: "device_session:" + session.String(),
			RequestID: m.RequestID}},
	}
	for range a.Config.UserNames {
		name, err := placeholderName()
		if err != nil {
			return galaxy.SignIn{}, err
		}
		in.UserNames = append(in.UserNames, name)
	}
	return in, nil
}

// placeholderName makes a user name that nobody is likely to have.
func placeholderName() (string, error) {
	var random [5]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", err
	}
	return "player-" + strings.ToLower(base32.StdEncoding.EncodeToString(random[:])), nil
}
