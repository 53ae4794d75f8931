package notify_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/notify"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/mailtext"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

type woken struct{}

// alarm is a worker on a store of its own, with what it logs and wakes.
type alarm struct {
	st   *store.Store
	conn *pgx.Conn
	logs *observer.ObservedLogs
	mail *kittest.Probe
}

func startAlarm(t *testing.T, address string) *alarm {
	t.Helper()
	dsn := pgtest.Database(t, storetest.Migrate)
	a := &alarm{}
	a.st, _ = storetest.OpenLeased(t, dsn)
	var err error
	a.conn, err = pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.conn.Close(context.Background()) })
	sys := kittest.System(t)
	a.mail = kittest.NewProbe(t, sys)
	core, logs := observer.New(zapcore.WarnLevel)
	a.logs = logs
	hub := &gateway{}
	ref, err := notify.Start(sys, notify.Deps{Config: notify.Config{Interval: 10 * time.Millisecond, MaxAttempts: 3, AdminEmail: address}, Store: a.st, Publish: hub.publish,
		WakeMail: func() { kit.Tell(a.mail.Ref, woken{}) }, Now: func() time.Time { return storetest.Now().Add(time.Second) }, Log: zap.New(core), Meter: noop.Meter{}}, kittest.Never)
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, sys, ref) })
	return a
}

// settled waits until the one route to operators of a kind is settled, and gives what became of it.
func (a *alarm) settled(t *testing.T, kind galaxy.Kind) (id, state, detail string) {
	t.Helper()
	require.Eventually(t, func() bool {
		err := a.conn.QueryRow(t.Context(), `SELECT r.route_id::text, r.status, r.detail FROM notification_routes r JOIN notifications n USING (notice_id)
			WHERE n.kind = $1 AND r.channel = 'admin_email' AND r.settled_at IS NOT NULL`, string(kind)).Scan(&id, &state, &detail)
		return err == nil
	}, 20*time.Second, 5*time.Millisecond)
	return id, state, detail
}

// mails gives the mails in the outbox that operators get, by kind.
func (a *alarm) mails(t *testing.T) map[string]galaxy.Delivery {
	t.Helper()
	due, err := a.st.ClaimDeliveries(t.Context(), storetest.Now().Add(time.Minute), 100, time.Hour)
	require.NoError(t, err)
	all := map[string]galaxy.Delivery{}
	for _, d := range due {
		for _, kind := range galaxy.OperatorKinds() {
			if d.Template == string(kind) {
				require.NotContains(t, all, d.Template, "one mail for each notice")
				all[d.Template] = d
			}
		}
	}
	return all
}

func TestOperatorsAreMailedAtTheirAddress(t *testing.T) {
	a := startAlarm(t, " Ops@Example.com")
	g, accounts := storetest.Game(t, a.st, 2)
	told := galaxy.Payload{Game: &g.ID, GameName: g.Name, Reason: "the engine ended with exit code 1"}
	g = storetest.Commit(t, a.st, galaxy.GameChange{Next: g, Notices: []galaxy.Notice{
		{Kind: galaxy.EngineUnreachableNotice, Key: "k", Payload: told},
		{Kind: galaxy.MembershipBlocked, Key: "k", Recipients: []galaxy.UserID{accounts[0].ID}, Payload: told}}})
	low := galaxy.Notice{Kind: galaxy.DiskLow, Key: "k", Payload: galaxy.Payload{Reason: "1 GiB left"}}
	for range 2 {
		require.NoError(t, a.st.Alert(t.Context(), storetest.Now(), low))
	}
	id, state, _ := a.settled(t, galaxy.EngineUnreachableNotice)
	require.Equal(t, "delivered", state)
	_, state, _ = a.settled(t, galaxy.DiskLow)
	require.Equal(t, "delivered", state)
	kittest.Await[woken](t, a.mail)

	mails := a.mails(t)
	require.Len(t, mails, 2)
	for kind, d := range mails {
		require.Equal(t, "ops@example.com", d.To, kind)
	}
	down := mails[string(galaxy.EngineUnreachableNotice)]
	require.Equal(t, id, down.Key, "the route is mailed once, however often it is tried")
	require.JSONEq(t, string(told.JSON()), string(down.Payload))
	subject, text, err := mailtext.Render(down.Template, down.Payload)
	require.NoError(t, err)
	require.Contains(t, subject, "Andromeda")
	require.Contains(t, text, "exit code 1")

	var address string
	require.NoError(t, a.conn.QueryRow(t.Context(), `SELECT r.address FROM mail_recipients r JOIN mail_deliveries d USING (delivery_id)
		WHERE d.template_id = 'lobby.membership.blocked'`).Scan(&address))
	require.Equal(t, accounts[0].Email, address, "players are mailed at their own")
	require.Zero(t, a.logs.Len())
}

func TestMailsToOperatorsOvertakeThoseToPlayers(t *testing.T) {
	a := startAlarm(t, "ops@example.com")
	storetest.Game(t, a.st, 2)
	require.NoError(t, a.st.Alert(t.Context(), storetest.Now(), galaxy.Notice{Kind: galaxy.DiskLow, Key: "k"}))
	a.settled(t, galaxy.DiskLow)
	first, err := a.st.ClaimDeliveries(t.Context(), storetest.Now().Add(time.Minute), 1, time.Hour)
	require.NoError(t, err)
	require.Equal(t, string(galaxy.DiskLow), first[0].Template)
}

func TestWithoutAnAddressOperatorsAreToldByTheLog(t *testing.T) {
	a := startAlarm(t, "")
	g, _ := storetest.Game(t, a.st, 2)
	storetest.Commit(t, a.st, galaxy.GameChange{Next: g, Notices: []galaxy.Notice{{Kind: galaxy.StateMismatchNotice, Key: "k",
		Payload: galaxy.Payload{Game: &g.ID, GameName: g.Name, Reason: "turn 3 is recorded, but the engine shows turn 9"}}}})
	id, state, detail := a.settled(t, galaxy.StateMismatchNotice)
	require.Equal(t, "skipped", state)
	require.Contains(t, detail, "BACKEND_NOTIFICATION_ADMIN_EMAIL")
	require.Empty(t, a.mails(t))

	lines := a.logs.All()
	require.Len(t, lines, 1)
	require.Equal(t, zapcore.WarnLevel, lines[0].Level)
	require.Contains(t, lines[0].Message, "BACKEND_NOTIFICATION_ADMIN_EMAIL")
	fields := lines[0].ContextMap()
	require.Equal(t, id, fields["route_id"])
	require.Equal(t, "runtime.state_mismatch", fields["kind"])
	payload, err := json.Marshal(fields["payload"])
	require.NoError(t, err)
	require.Contains(t, string(payload), g.ID.String())
	require.Contains(t, string(payload), "the engine shows turn 9")
}

func TestTheOperatorsAddress(t *testing.T) {
	for address, ok := range map[string]bool{"": true, "ops@example.com": true, " Ops@Example.com ": true, "ops": false, "ops@localhost": false,
		"Ops <ops@example.com>": false, "a@example.com, b@example.com": false, "ops@example.com\r\nBcc: x@example.com": false} {
		c := notify.Config{Interval: time.Second, MaxAttempts: 1, AdminEmail: address}
		if ok {
			require.NoError(t, c.Validate(), "%q", address)
			continue
		}
		require.ErrorContains(t, c.Validate(), "BACKEND_NOTIFICATION_ADMIN_EMAIL", "%q", address)
		_, err := notify.Start(kittest.System(t), notify.Deps{Config: c, Log: zap.NewNop(), Meter: noop.Meter{}}, kittest.Never)
		require.Error(t, err, "%q", address)
	}
}
