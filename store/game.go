package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	. "github.com/go-jet/jet/v2/postgres"
	"github.com/google/uuid"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/jet/backend/model"
	. "galaxy/backend/store/jet/backend/table"
)

// Game gives a game with its members, its pending applications and its runtime, as of one moment.
func (s *Store) Game(ctx context.Context, id galaxy.GameID) (galaxy.Game, error) {
	return s.game(ctx, Games.GameID.EQ(UUID(id.UUID)))
}

// GameByKey gives the game that its maker made with an idempotency key.
func (s *Store) GameByKey(ctx context.Context, by galaxy.Principal, key string) (galaxy.Game, error) {
	return s.game(ctx, Games.CreatedByKind.EQ(String(string(by.Kind))).AND(Games.CreatedBy.EQ(String(by.ID))).AND(Games.IdempotencyKey.EQ(String(key))))
}

func (s *Store) game(ctx context.Context, which BoolExpression) (galaxy.Game, error) {
	found, err := s.readGames(ctx, which)
	if err != nil {
		return galaxy.Game{}, err
	}
	if len(found) == 0 {
		return galaxy.Game{}, galaxy.Errorf(galaxy.NotFound, "there is no such game")
	}
	return found[0], nil
}

// ActiveGames gives every game that players have to do with, in pages by id: the next one begins after the last of this.
// The last page is short.
func (s *Store) ActiveGames(ctx context.Context, after galaxy.GameID, limit int) ([]galaxy.Game, error) {
	live := Games.Status.NOT_IN(String(string(galaxy.Draft)), String(string(galaxy.Finished)), String(string(galaxy.Cancelled)))
	ids := SELECT(Games.GameID).FROM(Games).WHERE(live.AND(Games.GameID.GT(UUID(after.UUID)))).ORDER_BY(Games.GameID).LIMIT(int64(limit))
	return s.readGames(ctx, Games.GameID.IN(ids))
}

// readGames reads games with what belongs to them, in one round trip.
func (s *Store) readGames(ctx context.Context, which BoolExpression) ([]galaxy.Game, error) {
	id := SELECT(Games.GameID).FROM(Games).WHERE(which)
	var games []model.Games
	var runtimes []model.Runtimes
	var members []model.Memberships
	var applications []model.Applications
	var invites []model.Invites
	t := &tx{}
	scanAll(t.add(SELECT(Games.AllColumns).FROM(Games).WHERE(which).ORDER_BY(Games.GameID)), &games)
	scanAll(t.add(SELECT(Runtimes.AllColumns).FROM(Runtimes).WHERE(Runtimes.GameID.IN(id))), &runtimes)
	scanAll(t.add(SELECT(Memberships.AllColumns).FROM(Memberships).WHERE(Memberships.GameID.IN(id)).ORDER_BY(Memberships.MembershipID)), &members)
	scanAll(t.add(SELECT(Applications.AllColumns).FROM(Applications).
		WHERE(Applications.GameID.IN(id).AND(Applications.Status.EQ(String(string(galaxy.ApplicationPending))))).ORDER_BY(Applications.ApplicationID)), &applications)
	scanAll(t.add(SELECT(Invites.AllColumns).FROM(Invites).
		WHERE(Invites.GameID.IN(id).AND(Invites.Status.EQ(String(string(galaxy.InvitePending))))).ORDER_BY(Invites.InviteID)), &invites)
	if err := s.read(ctx, t); err != nil {
		return nil, err
	}
	out, at := make([]galaxy.Game, len(games)), make(map[uuid.UUID]*galaxy.Game, len(games))
	for i, m := range games {
		out[i] = game(m)
		at[m.GameID] = &out[i]
	}
	// A game that was made between two of the statements, which see different moments, is in the later ones only.
	for _, m := range runtimes {
		if g := at[m.GameID]; g != nil {
			g.Runtime = runtime(m)
		}
	}
	seats := map[uuid.UUID]int{}
	for _, m := range members {
		seats[m.GameID]++
	}
	for _, m := range members {
		g := at[m.GameID]
		if g == nil {
			continue
		}
		if g.Members == nil { // exactly as many as there are: they stay in memory
			g.Members = make([]galaxy.Membership, 0, seats[m.GameID])
		}
		g.Members = append(g.Members, membership(m))
	}
	for _, m := range applications {
		if g := at[m.GameID]; g != nil {
			g.Applications = append(g.Applications, application(m))
		}
	}
	for _, m := range invites {
		if g := at[m.GameID]; g != nil {
			g.Invites = append(g.Invites, invite(m))
		}
	}
	return out, nil
}

func game(m model.Games) galaxy.Game {
	g := galaxy.Game{ID: galaxy.GameID{UUID: m.GameID}, Version: m.Version, Visibility: galaxy.Visibility(m.Visibility), Status: galaxy.GameStatus(m.Status),
		Reason: m.Reason, Name: m.Name, Description: m.Description, MinPlayers: int(m.MinPlayers), MaxPlayers: int(m.MaxPlayers),
		StartGapHours: int(m.StartGapHours), StartGapPlayers: int(m.StartGapPlayers), GapSince: m.GapSince, OrderGrace: milliseconds(m.OrderGraceMs),
		EarlyTurn: m.EarlyTurn, ShowReady: m.ShowReady, CatchUp: constant(m.CatchUp, galaxy.CatchUpRunOnce, galaxy.CatchUpSkip, galaxy.CatchUpShift),
		EnrollmentEndsAt: m.EnrollmentEndsAt, Schedule: galaxy.Schedule{Cron: m.TurnSchedule, Zone: m.ScheduleTimeZone}, TargetVersion: m.TargetVersion,
		CreatedBy: galaxy.Principal{Kind: galaxy.PrincipalKind(m.CreatedByKind), ID: m.CreatedBy}, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
		Idempotency: idempotency(m.IdempotencyKey, m.IdempotencyDigest)}
	if m.OwnerID != nil {
		g.Owner = &galaxy.UserID{UUID: *m.OwnerID}
	}
	return g
}

func gameRow(g galaxy.Game) model.Games {
	key, digest := idempotencyColumns(g.Idempotency)
	m := model.Games{GameID: g.ID.UUID, Version: g.Version + 1, Visibility: string(g.Visibility), Status: string(g.Status), Reason: g.Reason,
		Name: g.Name, Description: g.Description, MinPlayers: int32(g.MinPlayers), MaxPlayers: int32(g.MaxPlayers), EnrollmentEndsAt: g.EnrollmentEndsAt,
		StartGapHours: int32(g.StartGapHours), StartGapPlayers: int32(g.StartGapPlayers), GapSince: g.GapSince, OrderGraceMs: inMilliseconds(g.OrderGrace),
		EarlyTurn: g.EarlyTurn, ShowReady: g.ShowReady, CatchUp: string(g.CatchUp),
		WakeAt: g.WakeAt(), TurnSchedule: g.Schedule.Cron, ScheduleTimeZone: g.Schedule.Zone, TargetVersion: g.TargetVersion, CreatedByKind: string(g.CreatedBy.Kind),
		CreatedBy: g.CreatedBy.ID, CreatedAt: g.CreatedAt, UpdatedAt: g.UpdatedAt, IdempotencyKey: key, IdempotencyDigest: digest}
	if g.Owner != nil {
		m.OwnerID = &g.Owner.UUID
	}
	return m
}

func milliseconds(ms *int64) *time.Duration {
	if ms == nil {
		return nil
	}
	return new(time.Duration(*ms) * time.Millisecond)
}

func inMilliseconds(d *time.Duration) *int64 {
	if d == nil {
		return nil
	}
	return new(d.Milliseconds())
}

func runtime(m model.Runtimes) galaxy.Runtime {
	r := galaxy.Runtime{Status: galaxy.RuntimeStatus(m.Status), Pin: galaxy.Pin{EngineVersion: m.EngineVersion, ImageRef: m.ImageRef, ExpectedTurn: m.ExpectedTurn},
		Epoch: int(m.Epoch), Turn: int(m.Turn), Reports: int(m.Reports), Digest: m.Digest, Deadline: m.Deadline, DeadlineSetAt: m.DeadlineSetAt, EarlyAt: m.EarlyAt,
		Makeup: m.Makeup, ClosedSince: m.ClosedSince, Remaining: milliseconds(m.RemainingMs), OpNumber: m.OpNumber, Pauses: int(m.Pauses),
		Why: galaxy.WhyCode(m.Why), WhyText: m.WhyText, WhySince: m.WhySince, StartedAt: m.StartedAt, EndedAt: m.EndedAt}
	if len(m.ReportGaps) > len("[]") {
		_ = json.Unmarshal(m.ReportGaps, &r.Gaps) // which is what was stored
	}
	if len(m.KeptCopies) > len("[]") {
		_ = json.Unmarshal(m.KeptCopies, &r.KeptCopies)
	}
	if m.PatchVersion != nil {
		r.Patch = &galaxy.Pin{EngineVersion: *m.PatchVersion, ImageRef: deref(m.PatchImage), ExpectedTurn: deref(m.PatchExpectedTurn)}
	}
	if m.ScheduleBrokenSince != nil {
		r.Broken = &galaxy.ScheduleBreak{Since: *m.ScheduleBrokenSince, Cause: deref(m.ScheduleBrokenCause)}
	}
	if m.WriterVersion != nil {
		r.Writer = &galaxy.Pin{EngineVersion: *m.WriterVersion, ImageRef: deref(m.WriterImage),
			ExpectedTurn: deref(m.WriterExpectedTurn)}
	}
	if m.FailureAt != nil {
		r.Failure = &galaxy.Failure{At: *m.FailureAt, Cause: m.FailureCause, Log: m.FailureLog}
	}
	if m.OpKind != nil {
		r.Op = &galaxy.Operation{Kind: galaxy.OperationKind(*m.OpKind), Number: m.OpNumber, Attempt: int(m.OpAttempt), Since: deref(m.OpSince),
			Turn: int(deref(m.OpTurn)), Cause: galaxy.TurnCause(deref(m.OpCause)),
			By: galaxy.Principal{Kind: galaxy.PrincipalKind(deref(m.OpByKind)), ID: deref(m.OpBy)}, Due: m.OpDue}
	}
	return r
}

func runtimeRow(id galaxy.GameID, r galaxy.Runtime) model.Runtimes {
	m := model.Runtimes{GameID: id.UUID, Status: string(r.Status), EngineVersion: r.EngineVersion, ImageRef: r.ImageRef, ExpectedTurn: r.ExpectedTurn,
		Epoch: int32(r.Epoch), Turn: int32(r.Turn), Reports: int32(r.Reports), Digest: r.Digest, Deadline: r.Deadline, DeadlineSetAt: r.DeadlineSetAt, EarlyAt: r.EarlyAt,
		Makeup: r.Makeup, ClosedSince: r.ClosedSince, RemainingMs: inMilliseconds(r.Remaining), OpNumber: r.OpNumber, Pauses: int32(r.Pauses),
		Why: string(r.Why), WhyText: r.WhyText, WhySince: r.WhySince, StartedAt: r.StartedAt, EndedAt: r.EndedAt}
	m.ReportGaps, m.KeptCopies = json.RawMessage("[]"), json.RawMessage("[]")
	if len(r.KeptCopies) > 0 {
		m.KeptCopies, _ = json.Marshal(r.KeptCopies)
	}
	if len(r.Gaps) > 0 {
		m.ReportGaps, _ = json.Marshal(r.Gaps) // numbers
	}
	if p := r.Patch; p != nil {
		m.PatchVersion, m.PatchImage, m.PatchExpectedTurn = &p.EngineVersion, &p.ImageRef, &p.ExpectedTurn
	}
	if b := r.Broken; b != nil {
		m.ScheduleBrokenSince, m.ScheduleBrokenCause = &b.Since, &b.Cause
		if b.Cause == "" {
			m.ScheduleBrokenCause = nil
		}
	}
	if w := r.Writer; w != nil {
		m.WriterVersion, m.WriterImage, m.WriterExpectedTurn = &w.EngineVersion, &w.ImageRef, &w.ExpectedTurn
	}
	if f := r.Failure; f != nil {
		m.FailureAt, m.FailureCause, m.FailureLog = &f.At, f.Cause, f.Log
	}
	if op := r.Op; op != nil {
		kind, turn, cause, byKind, by := string(op.Kind), int32(op.Turn), string(op.Cause), string(op.By.Kind), op.By.ID
		m.OpKind, m.OpAttempt, m.OpSince, m.OpTurn, m.OpCause, m.OpByKind, m.OpBy, m.OpDue = &kind, int32(op.Attempt), &op.Since, &turn, &cause, &byKind, &by, op.Due
	}
	return m
}

// constant gives the constant that a column holds, so that memory does not keep a string of the row's own.
func constant[T ~string](column string, of ...T) T {
	for _, c := range of {
		if string(c) == column {
			return c
		}
	}
	return T(column)
}

func membership(m model.Memberships) galaxy.Membership {
	return galaxy.Membership{ID: galaxy.MembershipID{UUID: m.MembershipID}, User: galaxy.UserID{UUID: m.UserID}, Race: m.RaceName, RaceKey: m.RaceKey,
		Status: constant(m.Status, galaxy.MemberActive, galaxy.MemberRemoved, galaxy.MemberBlocked, galaxy.MemberLeft), HoldsName: m.HoldsName, Extinct: m.Extinct,
		Banish: banishStates[m.Banish], ReadyFor: m.ReadyFor, JoinedAt: m.JoinedAt, EndedAt: m.EndedAt}
}

// banishStates are what the column holds of each state.
var banishStates = map[string]galaxy.BanishState{"": galaxy.BanishNone, "wanted": galaxy.BanishWanted, "taken": galaxy.BanishTaken, "unknown": galaxy.BanishUnknown}

func banishColumn(state galaxy.BanishState) string {
	for column, s := range banishStates {
		if s == state {
			return column
		}
	}
	panic(fmt.Sprintf("there is no column for the banish state %d", state))
}

func application(m model.Applications) galaxy.Application {
	return galaxy.Application{ID: galaxy.ApplicationID{UUID: m.ApplicationID}, Game: galaxy.GameID{UUID: m.GameID}, User: galaxy.UserID{UUID: m.UserID},
		Race: m.RaceName, RaceKey: m.RaceKey, Status: galaxy.ApplicationStatus(m.Status), CreatedAt: m.CreatedAt, DecidedAt: m.DecidedAt,
		DecidedBy:   galaxy.Principal{Kind: galaxy.PrincipalKind(m.DecidedByKind), ID: m.DecidedBy},
		Idempotency: idempotency(m.IdempotencyKey, m.IdempotencyDigest)}
}

func invite(m model.Invites) galaxy.Invite {
	return galaxy.Invite{ID: galaxy.InviteID{UUID: m.InviteID}, Game: galaxy.GameID{UUID: m.GameID}, User: galaxy.UserID{UUID: m.UserID},
		Inviter: galaxy.Principal{Kind: galaxy.PrincipalKind(m.InviterKind), ID: m.InviterID}, Status: galaxy.InviteStatus(m.Status), Race: m.RaceName,
		CreatedAt: m.CreatedAt, ExpiresAt: m.ExpiresAt, DecidedAt: m.DecidedAt, Idempotency: idempotency(m.IdempotencyKey, m.IdempotencyDigest)}
}

// Application gives an application of a game, whatever became of it.
func (s *Store) Application(ctx context.Context, game galaxy.GameID, id galaxy.ApplicationID) (galaxy.Application, error) {
	m, err := row[model.Applications](ctx, s, SELECT(Applications.AllColumns).FROM(Applications).
		WHERE(Applications.ApplicationID.EQ(UUID(id.UUID)).AND(Applications.GameID.EQ(UUID(game.UUID)))))
	return application(m), err
}

// Invite gives an invite to a game, whatever became of it.
func (s *Store) Invite(ctx context.Context, game galaxy.GameID, id galaxy.InviteID) (galaxy.Invite, error) {
	m, err := row[model.Invites](ctx, s, SELECT(Invites.AllColumns).FROM(Invites).
		WHERE(Invites.InviteID.EQ(UUID(id.UUID)).AND(Invites.GameID.EQ(UUID(game.UUID)))))
	return invite(m), err
}

// InviteByKey gives the invite that somebody made with an idempotency key.
func (s *Store) InviteByKey(ctx context.Context, by galaxy.Principal, key string) (galaxy.Invite, error) {
	m, err := row[model.Invites](ctx, s, SELECT(Invites.AllColumns).FROM(Invites).
		WHERE(Invites.InviterKind.EQ(String(string(by.Kind))).AND(Invites.InviterID.EQ(String(by.ID))).AND(Invites.IdempotencyKey.EQ(String(key)))))
	return invite(m), err
}

// ApplicationByKey gives the application that a player made with an idempotency key.
func (s *Store) ApplicationByKey(ctx context.Context, user galaxy.UserID, key string) (galaxy.Application, error) {
	m, err := row[model.Applications](ctx, s, SELECT(Applications.AllColumns).FROM(Applications).
		WHERE(Applications.UserID.EQ(UUID(user.UUID)).AND(Applications.IdempotencyKey.EQ(String(key)))))
	return application(m), err
}

// PlayerStats gives the races' numbers of one recorded turn.
func (s *Store) PlayerStats(ctx context.Context, id galaxy.GameID, epoch, turn int) ([]galaxy.EnginePlayer, error) {
	found, err := rows[model.PlayerStats](ctx, s, SELECT(PlayerStats.AllColumns).FROM(PlayerStats).
		WHERE(PlayerStats.GameID.EQ(UUID(id.UUID)).AND(PlayerStats.Epoch.EQ(Int(int64(epoch)))).AND(PlayerStats.Turn.EQ(Int(int64(turn))))).
		ORDER_BY(PlayerStats.RaceName))
	var out []galaxy.EnginePlayer
	for _, m := range found {
		out = append(out, galaxy.EnginePlayer{Race: m.RaceName, Planets: int(m.Planets), Population: m.Population, Industry: m.Industry,
			Ships: int(m.Ships), Votes: m.Votes, Extinct: m.Extinct, Banished: m.Banished, Lacks: galaxy.Lacks(m.Lacks)})
	}
	return out, err
}

// A game's reports are read, and its races banished, as long as its engine may be up for it. Games whose schedules are
// broken come after all others, and in no order: however many they are, each of them gets its turn.
const dueQuery = `SELECT game_id FROM (
		SELECT game_id, deadline AS at FROM runtimes WHERE deadline <= $1
		UNION ALL SELECT game_id, early_at FROM runtimes WHERE early_at <= $1
		UNION ALL SELECT game_id, op_since FROM runtimes WHERE op_kind IS NOT NULL
		UNION ALL SELECT game_id, $1 FROM runtimes WHERE (reports < turn OR report_gaps <> '[]') AND (reports < turn OR status = 'finished')
			AND status IN ('starting', 'running', 'generation_in_progress', 'generation_failed', 'finished') AND why <> 'reports_missing'
		UNION ALL SELECT m.game_id, $1 FROM memberships m JOIN runtimes r USING (game_id) WHERE m.banish = 'wanted'
			AND r.status IN ('starting', 'running', 'generation_in_progress', 'generation_failed')
		UNION ALL SELECT game_id, $1::timestamptz + random() * interval '1 second' FROM runtimes
			WHERE schedule_broken_since IS NOT NULL) due
	GROUP BY game_id ORDER BY min(at) LIMIT $2`

// DueGames gives games that something must be done for now, those first whose time came first: a deadline has come, an
// operation is open, reports are not stored, a race is to be banished, or the schedule gives no tick.
func (s *Store) DueGames(ctx context.Context, now time.Time, limit int) ([]galaxy.GameID, error) {
	return s.gameIDs(ctx, dueQuery, now, limit)
}

const endedQuery = `SELECT game_id FROM runtimes WHERE ended_at < $1 AND status <> 'removed' AND NOT (status = 'finished' AND (reports < turn OR report_gaps <> '[]')) ORDER BY ended_at LIMIT $2`

// EndedGames gives games that were over before a time, have their reports stored, and whose containers have not been taken away.
func (s *Store) EndedGames(ctx context.Context, before time.Time, limit int) ([]galaxy.GameID, error) {
	return s.gameIDs(ctx, endedQuery, before, limit)
}

// LapsedGames gives games of which the enrolment, or an invite, has ended; those first that have waited longest.
func (s *Store) LapsedGames(ctx context.Context, now time.Time, limit int) ([]galaxy.GameID, error) {
	return s.gameIDs(ctx, `SELECT game_id FROM games WHERE wake_at <= $1 ORDER BY wake_at LIMIT $2`, now, limit)
}

// LiveGames gives the games whose engines are, or should be, alive.
func (s *Store) LiveGames(ctx context.Context) ([]galaxy.GameID, error) {
	return s.gameIDs(ctx, `SELECT game_id FROM runtimes WHERE status NOT IN ('none', 'stopped', 'finished', 'removed') UNION SELECT game_id FROM runtimes WHERE op_kind IS NOT NULL`)
}

func (s *Store) gameIDs(ctx context.Context, sql string, args ...any) ([]galaxy.GameID, error) {
	found, err := rows[struct{ ID uuid.UUID }](ctx, s, literal{sql, args})
	var out []galaxy.GameID
	for _, f := range found {
		out = append(out, galaxy.GameID{UUID: f.ID})
	}
	return out, err
}

// literal is a statement that jet has no words for.
type literal struct {
	sql  string
	args []any
}

func (l literal) Sql() (string, []any) { return l.sql, l.args }
