package notify_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/notify"
	"galaxy/backend/actors/push"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/proto/fbs/notification"
	"galaxy/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// gateway stands in for the hub: it keeps what is published, and fails when it is told to.
type gateway struct {
	mu    sync.Mutex
	fails int
	got   []push.Publish
}

func (g *gateway) publish(_ context.Context, p push.Publish) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fails != 0 {
		g.fails--
		return errors.New("the hub is away")
	}
	g.got = append(g.got, p)
	return nil
}

func (g *gateway) kinds() map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := map[string]int{}
	for _, p := range g.got {
		n[p.Event.Kind()]++
	}
	return n
}

func TestNoticesReachPushAndMail(t *testing.T) {
	st := storetest.Open(t)
	g, accounts := storetest.Game(t, st, 2)
	hub, sys := &gateway{fails: 1}, kittest.System(t)
	mails := kittest.NewProbe(t, sys)
	type woken struct{}
	ref, err := notify.Start(sys, notify.Deps{Config: notify.Config{Interval: 10 * time.Millisecond, MaxAttempts: 3}, Store: st, Publish: hub.publish,
		WakeMail: func() { kit.Tell(mails.Ref, woken{}) }, Now: func() time.Time { return storetest.Now().Add(time.Second) }, Log: zap.NewNop(), Meter: noop.Meter{}}, kittest.Never)
	require.NoError(t, err)
	defer kittest.Stop(t, sys, ref)
	want := map[string]int{"lobby.application.submitted": 2, "lobby.application.approved": 2}
	require.Eventually(t, func() bool {
		return len(hub.kinds()) == 2 && hub.kinds()["lobby.application.submitted"] == 2 && hub.kinds()["lobby.application.approved"] == 2
	},
		20*time.Second, 5*time.Millisecond, "the one that failed is tried again")
	require.Equal(t, want, hub.kinds())
	kittest.Await[woken](t, mails)

	mailed, err := st.ClaimDeliveries(t.Context(), storetest.Now().Add(time.Minute), 10, time.Minute)
	require.NoError(t, err)
	to := map[string]bool{}
	for _, d := range mailed {
		if d.Template == string(galaxy.ApplicationApproved) {
			to[d.To] = true
			require.Contains(t, string(d.Payload), `"game_name":"Andromeda"`)
		}
	}
	require.Equal(t, map[string]bool{accounts[0].Email: true, accounts[1].Email: true}, to)

	for _, p := range hub.got {
		payload, err := p.Event.Marshal()
		require.NoError(t, err)
		require.NotEmpty(t, p.EventID)
		if p.Event.Kind() == string(galaxy.ApplicationSubmitted) {
			table := notification.GetRootAsApplicationSubmitted(payload, 0)
			require.Equal(t, g.ID.String(), string(table.GameId()))
			require.NotEmpty(t, table.ApplicationId())
		}
	}
}

func TestANoticeThatCannotBeToldIsGivenUp(t *testing.T) {
	st := storetest.Open(t)
	storetest.Game(t, st, 1)
	hub, sys := &gateway{fails: -1}, kittest.System(t)
	ref, err := notify.Start(sys, notify.Deps{Config: notify.Config{Interval: 10 * time.Millisecond, MaxAttempts: 1}, Store: st, Publish: hub.publish,
		WakeMail: func() {}, Now: func() time.Time { return storetest.Now().Add(time.Second) }, Log: zap.NewNop(), Meter: noop.Meter{}}, kittest.Never)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		hub.mu.Lock()
		defer hub.mu.Unlock()
		return hub.fails == -3
	}, 20*time.Second, 5*time.Millisecond)
	kittest.Stop(t, sys, ref)
	hub.mu.Lock()
	defer hub.mu.Unlock()
	require.Empty(t, hub.got)
	require.Equal(t, -3, hub.fails, "one attempt at each of the two")
}
