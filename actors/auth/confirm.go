package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base32"
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
	if err := a.load(ctx, now); err != nil {
		return SignedIn{}, err
	}
	i := slices.IndexFunc(a.live, func(ch galaxy.Challenge) bool { return ch.ID == m.Challenge })
	if i < 0 || a.live[i].Attempts >= a.Config.MaxAttempts {
		return SignedIn{}, ErrNotConfirmed
	}
	if !hmac.Equal(a.live[i].CodeHash, a.hash(m.Challenge, m.Code)) {
		return SignedIn{}, a.wrong(ctx, i)
	}
	in, err := a.signIn(m, a.live[i], language, now)
	if err != nil {
		return SignedIn{}, err
	}
	account, session, err := a.Store.SignIn(ctx, in)
	if err != nil {
		a.forget(err)
		return SignedIn{}, err
	}
	a.live = slices.Delete(a.live, i, i+1)
	a.Born(session)
	return SignedIn{Session: session.ID, User: account.ID}, nil
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
func (a *address) wrong(ctx context.Context, i int) error {
	if err := a.Store.CountWrongTry(ctx, a.live[i]); err != nil {
		a.forget(err)
		return err
	}
	a.live[i].Attempts++
	return ErrNotConfirmed
}

func (a *address) signIn(m Confirm, ch galaxy.Challenge, language string, now time.Time) (galaxy.SignIn, error) {
	session := galaxy.SessionID{UUID: galaxy.NewID()}
	in := galaxy.SignIn{
		Challenge: ch, At: now,
		Account: galaxy.Account{ID: galaxy.UserID{UUID: galaxy.NewID()}, Language: language, TimeZone: m.TimeZone, Country: a.Country(m.Source),
			Entitlement: galaxy.EntitlementOf(galaxy.TierFree, "registration", now, nil)},
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
