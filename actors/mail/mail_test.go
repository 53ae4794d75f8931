package mail_test

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/mail"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/inbox"
	"galaxy/backend/internal/mailtext"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/internal/smtp"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

type fixture struct {
	st    *store.Store
	inbox *inbox.Inbox
	sys   *kit.System
	pool  kit.Ref
	ahead time.Duration // of the clock, for the workers: what is queued now is due
}

func start(t *testing.T, conf mail.Config, ahead time.Duration) *fixture {
	in, err := inbox.Start(inbox.Options{Addr: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = in.Close() })
	f := &fixture{st: storetest.Open(t), inbox: in, sys: kittest.System(t), ahead: ahead}
	sender := smtp.New(smtp.Config{Host: "127.0.0.1", Port: in.Addr().Port, From: "no-reply@galaxy.test", TLSMode: "none"}, tracenoop.NewTracerProvider(), nil)
	f.pool, err = mail.Start(f.sys, mail.Deps{Config: conf, Store: f.st, Send: sender.Send, Render: mailtext.Render,
		Now: func() time.Time { return storetest.Now().Add(f.ahead) }, Log: zap.NewNop(), Meter: noop.Meter{}}, kittest.Never)
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, f.sys, f.pool) })
	return f
}

func (f *fixture) queue(t *testing.T, kind galaxy.Kind, to string, payload string, expires *time.Time) galaxy.DeliveryID {
	t.Helper()
	id := galaxy.NewID()
	now := storetest.Now()
	_, err := f.st.AddChallenge(t.Context(), galaxy.NewChallenge{
		Challenge: galaxy.Challenge{ID: galaxy.ChallengeID{UUID: galaxy.NewID()}, Email: to, CodeHash: []byte("hash"), CreatedAt: now, ExpiresAt: now.Add(time.Hour)},
		Delivery:  galaxy.NewDelivery{ID: galaxy.DeliveryID{UUID: id}, Template: string(kind), Key: id.String(), To: to, Payload: json.RawMessage(payload), ExpiresAt: expires}})
	require.NoError(t, err)
	kit.Tell(f.pool, mail.Wake{})
	return galaxy.DeliveryID{UUID: id}
}

// settles waits until no mail waits any more.
func (f *fixture) settles(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		depth, err := f.st.MailDepth(t.Context())
		require.NoError(t, err)
		return depth[galaxy.DeliveryPending]+depth[galaxy.DeliveryRetrying] == 0
	}, 20*time.Second, 5*time.Millisecond)
}

const code = `{"code":"123456","ttl":"10 minutes"}`

var quick = mail.Config{Interval: 10 * time.Millisecond, MaxAttempts: 3, Workers: 2}

func TestAQueuedMailIsSentOnce(t *testing.T) {
	f := start(t, mail.Config{Interval: time.Hour, MaxAttempts: 3, Workers: 4}, time.Second)
	id := f.queue(t, galaxy.AuthLoginCode, "ann@galaxy.test", code, nil)
	f.settles(t)
	got := f.inbox.Messages("")
	require.Len(t, got, 1)
	require.Equal(t, "Your Galaxy sign-in code: 123456", got[0].Subject)
	require.Contains(t, got[0].Headers["Message-Id"][0], id.String())
}

func TestATemporaryFailureIsTriedAgain(t *testing.T) {
	f := start(t, quick, time.Second)
	require.NoError(t, f.inbox.Misbehave(inbox.Fault{Mode: inbox.TempFail, Count: 1}))
	f.queue(t, galaxy.AuthLoginCode, "ann@galaxy.test", code, nil)
	f.settles(t)
	require.Len(t, f.inbox.Messages(""), 1)
}

func TestMailsThatAreGivenUp(t *testing.T) {
	past := storetest.Now().Add(-time.Minute)
	for name, c := range map[string]struct {
		fault   inbox.Mode
		kind    galaxy.Kind
		expires *time.Time
	}{
		"refused for good":         {inbox.PermFail, galaxy.AuthLoginCode, nil},
		"of a kind nobody knows":   {inbox.OK, "no.such_kind", nil},
		"whose time is over":       {inbox.OK, galaxy.AuthLoginCode, &past},
		"without what it must say": {inbox.OK, galaxy.ApplicationApproved, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, quick, time.Second)
			require.NoError(t, f.inbox.Misbehave(inbox.Fault{Mode: c.fault, To: "ann@galaxy.test"}))
			f.queue(t, c.kind, "ann@galaxy.test", code, c.expires)
			f.settles(t)
			require.Empty(t, f.inbox.Messages(""))
			f.queue(t, galaxy.AuthLoginCode, "bob@galaxy.test", code, nil)
			f.settles(t)
			require.Len(t, f.inbox.Messages(""), 1, "the next mail goes out")
		})
	}
}

func TestTheLastAttemptIsTheLast(t *testing.T) {
	f := start(t, mail.Config{Interval: time.Hour, MaxAttempts: 1, Workers: 1}, time.Second)
	require.NoError(t, f.inbox.Misbehave(inbox.Fault{Mode: inbox.TempFail}))
	f.queue(t, galaxy.AuthLoginCode, "ann@galaxy.test", code, nil)
	f.settles(t)
	require.Empty(t, f.inbox.Messages(""))
}

func TestAMailInHandIsEndedBeforeTheStop(t *testing.T) {
	sending, release := make(chan struct{}), make(chan struct{})
	st, sys := storetest.Open(t), kittest.System(t)
	pool, err := mail.Start(sys, mail.Deps{Config: quick, Store: st, Render: mailtext.Render, Now: func() time.Time { return storetest.Now().Add(time.Second) },
		Send: func(context.Context, galaxy.Mail) galaxy.SendResult {
			close(sending)
			<-release
			return galaxy.SendResult{Outcome: galaxy.MailSent}
		}, Log: zap.NewNop(), Meter: noop.Meter{}}, kittest.Never)
	require.NoError(t, err)
	(&fixture{st: st, pool: pool}).queue(t, galaxy.AuthLoginCode, "bob@galaxy.test", code, nil)
	<-sending
	stopped := make(chan struct{})
	go func() {
		kittest.Stop(t, sys, pool)
		close(stopped)
	}()
	close(release)
	<-stopped
	depth, err := st.MailDepth(t.Context())
	require.NoError(t, err)
	require.Zero(t, depth[galaxy.DeliveryPending])
}
