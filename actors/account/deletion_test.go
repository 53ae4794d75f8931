package account_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/account"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

// person is what a deleted player leaves nowhere.
type person struct {
	account galaxy.Account
	words   []string
}

// live makes a player who has left traces wherever one can.
func (h *home) live() person {
	h.Helper()
	ctx := h.Context()
	ann, one := h.signIn("ann.former@example.com")
	by := galaxy.By{Principal: galaxy.User(ann.ID), At: h.now()}
	must(h, ann.ID, account.UpdateProfile{By: by, DisplayName: "Annabelle Lee"})
	must(h, ann.ID, account.ReplaceEmail{By: root, Email: "ann.present@example.com"})
	storetest.AddChallenge(h.T, h.st, "ann.present@example.com")
	_, err := h.st.RenameSession(ctx, ann.ID, one.ID, "Annabelle's telescope", h.now(), galaxy.Audit{By: by.Principal, Action: "session.rename"})
	require.NoError(h, err)
	require.NoError(h, h.st.CountCountries(ctx, map[galaxy.CountryKey]int64{{User: ann.ID, Country: "AQ"}: 3}, h.now()))
	seven := 7
	must(h, ann.ID, account.SetLimit{By: root, Name: galaxy.LimitMemberships, Value: &seven})
	s := must(h, ann.ID, account.Sanction{By: root, Sanction: galaxy.Sanction{ID: galaxy.SanctionID{UUID: galaxy.NewID()}, Kind: galaxy.DiplomailBlock, ReasonCode: "spam", Note: "Annabelle writes too much"}})
	must(h, ann.ID, account.LiftSanction{By: root, ID: s.ID, Reason: "Annabelle is sorry"})
	_, err = h.st.AddChallenge(ctx, galaxy.NewChallenge{Challenge: galaxy.Challenge{ID: galaxy.ChallengeID{UUID: galaxy.NewID()}, Email: "ann.future@example.com", User: &ann.ID,
		CodeHash: []byte("x"), CreatedAt: h.now(), ExpiresAt: h.now().Add(time.Hour)}, Delivery: galaxy.NewDelivery{ID: galaxy.DeliveryID{UUID: galaxy.NewID()},
		Template: "auth.email_code", Key: "future", To: "ann.future@example.com", Payload: []byte(`{}`)}})
	require.NoError(h, err)
	mails, err := h.st.ClaimDeliveries(ctx, h.now().Add(time.Minute), 1, time.Nanosecond)
	require.NoError(h, err)
	require.NoError(h, h.st.RecordDelivery(ctx, galaxy.DeliveryRecord{Delivery: mails[0].ID, Attempt: mails[0].Attempt, State: galaxy.DeliveryDeadLettered, Outcome: "permanent",
		Detail: "ann.former@example.com is unknown here", At: h.now()}))
	return person{ann, []string{"ann.former", "ann.present", "ann.future", "annabelle", "telescope"}}
}

// gone asserts that nothing of a player is left in any column of any table.
func (h *home) gone(p person) {
	h.Helper()
	for _, word := range p.words {
		require.Empty(h, storetest.Search(h.T, h.dsn, word), "%q is left", word)
	}
	left, err := h.st.AnyAccount(h.Context(), p.account.ID)
	require.NoError(h, err)
	require.Equal(h, galaxy.DeletionDone, left.Deletion)
	require.Equal(h, p.account.UserName, left.UserName, "the row stays, under the name that the service made up")
	require.Empty(h, left.Country+left.DisplayName+left.Email)
	history, err := h.st.UserHistory(h.Context(), p.account.ID)
	require.NoError(h, err)
	require.Empty(h, history.Countries)
	require.Len(h, history.Sanctions, 1, "what was forbidden stays known, in nobody's words")
}

func TestNothingOfADeletedPlayerIsLeft(t *testing.T) {
	h := open(t)
	p := h.live()
	for _, word := range p.words {
		require.NotEmpty(t, storetest.Search(t, h.dsn, word), "%q is there before", word)
	}
	other, _ := h.signIn("other@example.com")
	var left []galaxy.UserID
	h.leave = func(_ context.Context, id galaxy.UserID) error {
		left = append(left, id)
		return nil
	}
	late := &dying{Store: h.st, died: make(chan struct{}), before: func(c galaxy.AccountChange) {
		if c.Next.Deletion == galaxy.DeletionDone { // a code is asked for after the mails were erased
			require.True(t, storetest.AddChallenge(t, h.st, "ann.present@example.com").Blocked)
		}
	}}
	h.beginOn(late)
	by := galaxy.By{Principal: galaxy.User(p.account.ID)}
	must(h, p.account.ID, account.Delete{By: by})
	must(h, p.account.ID, account.Delete{By: by})
	_, known := h.rights.Of(p.account.ID)
	require.False(t, known)
	_, err := ask(h, p.account.ID, account.Get{})
	require.Equal(t, galaxy.NotFound, galaxy.CodeOf(err))
	h.deleted(p.account.ID)
	h.gone(p)
	must(h, p.account.ID, account.Delete{By: by})
	require.Equal(t, []galaxy.UserID{p.account.ID}, left)
	require.NotEmpty(t, storetest.Search(t, h.dsn, "other@example"), "nobody else is concerned")
	_, err = ask(h, other.ID, account.Get{})
	require.NoError(t, err)
	again, _ := storetest.SignIn(t, h.st, "ann.present@example.com")
	require.NotEqual(t, p.account.ID, again.ID, "who comes back is somebody new")
}

// deleted waits until a player's deletion is over.
func (h *home) deleted(id galaxy.UserID) {
	h.Helper()
	require.Eventually(h, func() bool {
		a, err := h.st.AnyAccount(h.Context(), id)
		return err == nil && a.Deletion == galaxy.DeletionDone
	}, 20*time.Second, time.Millisecond)
}

// dying is a store whose process dies at one of its writes: before it is done, or after.
type dying struct {
	*store.Store
	at    galaxy.DeletionStep
	after bool
	died  chan struct{}
	// before is called with each change, if it is set.
	before func(galaxy.AccountChange)
}

var errDead = errors.New("the process is dead")

func (d *dying) die(step galaxy.DeletionStep, write func() error) error {
	select {
	case <-d.died:
		return errDead
	default:
	}
	if d.at == "" || step != d.at {
		return write()
	}
	if d.after {
		if err := write(); err != nil {
			return err
		}
	}
	close(d.died)
	return errDead
}

func (d *dying) EraseMails(ctx context.Context, user galaxy.UserID, at time.Time) error {
	return d.die("erase mails", func() error { return d.Store.EraseMails(ctx, user, at) })
}

func (d *dying) EraseTraces(ctx context.Context, user galaxy.UserID) error {
	return d.die("erase traces", func() error { return d.Store.EraseTraces(ctx, user) })
}

func (d *dying) CommitAccount(ctx context.Context, c galaxy.AccountChange) (a galaxy.Account, ended []galaxy.SessionID, err error) {
	if d.before != nil {
		d.before(c)
	}
	err = d.die(c.Next.Deletion, func() (err error) {
		a, ended, err = d.Store.CommitAccount(ctx, c)
		return err
	})
	return a, ended, err
}

func TestADeletionIsFinishedByTheNextStartWhereverItWasCut(t *testing.T) {
	for _, step := range []galaxy.DeletionStep{galaxy.DeleteLobby, galaxy.DeleteMails, "erase mails", galaxy.DeleteTraces, "erase traces", galaxy.DeleteIdentity, galaxy.DeletionDone} {
		for _, after := range []bool{false, true} {
			name := string(step) + " not done"
			if after {
				name = string(step) + " done"
			}
			t.Run(name, func(t *testing.T) {
				h := open(t)
				p := h.live()
				d := &dying{Store: h.st, at: step, after: after, died: make(chan struct{})}
				h.beginOn(d)
				_, _ = ask(h, p.account.ID, account.Delete{By: galaxy.By{Principal: galaxy.User(p.account.ID)}})
				<-d.died
				h.begin()
				unfinished, err := h.st.DeletingUsers(t.Context(), 10)
				require.NoError(t, err)
				if step == galaxy.DeleteLobby && !after {
					require.Empty(t, unfinished, "it has not begun")
					return
				}
				for _, id := range unfinished {
					kit.Tell(h.family.Ref(id), account.Look{})
				}
				h.deleted(p.account.ID)
				h.gone(p)
			})
		}
	}
}

func TestAStepThatFailsIsTriedAgain(t *testing.T) {
	h := open(t)
	ann, _ := h.signIn("ann@example.com")
	tries := 0
	h.leave = func(context.Context, galaxy.UserID) error {
		if tries++; tries == 1 {
			return errors.New("busy")
		}
		return nil
	}
	must(h, ann.ID, account.Delete{By: root})
	h.deleted(ann.ID)
	require.Equal(t, 2, tries)
}
