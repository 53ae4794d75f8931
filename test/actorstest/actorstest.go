// Package actorstest gives tests the whole actor system over a real store.
package actorstest

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"galaxy/backend/actors"
	"galaxy/backend/actors/admin"
	"galaxy/backend/actors/auth"
	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/game"
	"galaxy/backend/actors/geo"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/mail"
	"galaxy/backend/actors/notify"
	"galaxy/backend/actors/push"
	"galaxy/backend/actors/races"
	"galaxy/backend/actors/reconciler"
	"galaxy/backend/actors/session"
	"galaxy/backend/actors/sweeper"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginehttp"
	"galaxy/backend/internal/mailtext"
	"galaxy/backend/store/storetest"
)

// Deps are those of a system that mails to nobody, with the operator root, whose password is secret. Workers look for
// work rarely.
func Deps(st actors.Store, containers actors.Containers) actors.Deps {
	return actors.Deps{Store: st, Containers: containers, Pace: engine.DefaultPace, BcryptCost: 4,
		Engines: enginehttp.New(enginehttp.Config{CallTimeout: time.Second, ProbeTimeout: time.Second}, tracenoop.NewTracerProvider()),
		Config: actors.Config{
			Auth: auth.Config{TTL: time.Hour, MaxAttempts: 5, Window: time.Minute, WindowMax: 100, UserNames: 3}, Admin: admin.Config{BootstrapUser: "root", BootstrapPassword: "secret"},
			Races: races.Config{NameTTL: time.Hour, Interval: time.Hour, Retention: time.Hour},
			Game:  game.Config{MinTurnInterval: time.Minute, InviteTTL: time.Hour}, Push: push.Config{TTL: time.Minute, RingEvents: 10, RingBytes: 1000, Queue: 10},
			Engine:     engine.Config{WorkerPool: 1, JobQueue: 1, StartTimeout: time.Minute, GenerationLimit: time.Minute, TurnConcurrency: 1},
			Reconciler: reconciler.Config{Interval: time.Hour, Retention: 168 * time.Hour},
			Notify:     notify.Config{Interval: time.Hour, MaxAttempts: 1}, Mail: mail.Config{Interval: time.Hour, MaxAttempts: 1, Workers: 1},
			Geo: geo.Config{Interval: time.Hour}, Session: session.Config{Retention: time.Hour}, Sweeper: sweeper.Config{AuditRetention: 1000 * time.Hour, ReportRetention: 1000 * time.Hour}},
		Send: func(context.Context, galaxy.Mail) galaxy.SendResult {
			return galaxy.SendResult{Outcome: galaxy.MailSent}
		},
		Render:  mailtext.Render,
		Country: func(netip.Addr) string { return "" }, Now: storetest.Now, Log: zap.NewNop(), Tracers: tracenoop.NewTracerProvider(), Meter: noop.Meter{}}
}

// On gives d the time of a clock, as exact as Postgres keeps it.
func On(d actors.Deps, clock kit.Clock) actors.Deps {
	d.Clock, d.Now = clock, func() time.Time { return clock.Now().UTC().Truncate(time.Microsecond) }
	return d
}

// Start starts a system. It is ended by Stop.
func Start(t testing.TB, d actors.Deps) *actors.System {
	t.Helper()
	system, err := actors.Start(t.Context(), d)
	require.NoError(t, err)
	return system
}

// Stop ends a system.
func Stop(t testing.TB, system *actors.System) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, system.Stop(ctx))
}
