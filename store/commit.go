package store

import (
	"context"
	"time"

	. "github.com/go-jet/jet/v2/postgres"
	"github.com/google/uuid"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/jet/backend/model"
	. "galaxy/backend/store/jet/backend/table"
)

var (
	updateGame = shapeOf(Games.UPDATE(Games.MutableColumns).MODEL(model.Games{}).
			WHERE(Games.GameID.EQ(UUID(uuid.Nil)).AND(Games.Version.EQ(Int(0)))).RETURNING(Games.GameID))
	updateRuntime  = shapeOf(Runtimes.UPDATE(Runtimes.MutableColumns).MODEL(model.Runtimes{}).WHERE(Runtimes.GameID.EQ(UUID(uuid.Nil))))
	insertTurn     = shapeOf(GameTurns.INSERT(GameTurns.AllColumns).MODEL(model.GameTurns{}))
	insertTimeline = shapeOf(GameTimeline.INSERT(GameTimeline.AllColumns).MODEL(model.GameTimeline{}))
)

// CommitGame stores a decision about a game, with what must be told of it, and gives the game as it is now. It is
// one round trip, and the number of its statements does not grow with the players.
func (s *Store) CommitGame(ctx context.Context, c galaxy.GameChange) (galaxy.Game, error) {
	t := &tx{generation: c.Generation}
	id, at := c.Next.ID, c.Next.UpdatedAt
	if c.Next.Version == 0 {
		t.add(Games.INSERT(Games.AllColumns).MODEL(gameRow(c.Next)))
		t.add(Runtimes.INSERT(Runtimes.AllColumns).MODEL(runtimeRow(id, c.Next.Runtime)))
	} else {
		t.guarded(updateGame.with(mutable(gameRow(c.Next), id.UUID, c.Next.Version)...))
		t.add(updateRuntime.with(mutable(runtimeRow(id, c.Next.Runtime), id.UUID)...))
	}
	t.joins(at, c.Joins)
	t.owners(id, at, c.Owns, c.Heir)
	t.members(id, c.Memberships)
	t.applications(c.Applications)
	t.invites(c.Invites)
	t.names(&id, at, c.Names)
	if c.Turn != nil {
		t.turn(id, *c.Turn)
	}
	t.reports(id, c.Reports)
	t.timeline(id, c.Timeline)
	t.audit(at, c.Audit...)
	t.notices(at, c.Notices)
	if err := s.commit(ctx, t); err != nil {
		return galaxy.Game{}, err
	}
	c.Next.Version++
	return c.Next, nil
}

// joins locks the accounts of players who join, so that what is decided about them meanwhile is either seen here or comes
// after the seat.
func (t *tx) joins(at time.Time, joins []galaxy.Join) {
	for _, j := range joins {
		t.raw(`SELECT 1 FROM accounts WHERE user_id = $1 FOR NO KEY UPDATE`, j.User.UUID)
		t.raw(`SELECT fence(count(*), 'blocked') FROM accounts a WHERE a.user_id = $1 AND a.deletion = '' AND NOT `+sanctioned("a", "$2", galaxy.GameJoinBlock), j.User.UUID, at)
		t.raw(`SELECT fence((count(*) < $2)::int, 'seats') FROM memberships m JOIN games g USING (game_id)
			WHERE m.user_id = $1 AND m.status = 'active' AND g.status NOT IN ('finished', 'cancelled')`, j.User.UUID, j.Seats)
	}
}

// owners locks the account of a player to whom the game is given. Two games that are given to one player at a time
// are counted one after the other.
func (t *tx) owners(game galaxy.GameID, at time.Time, owns *galaxy.Claim, heir *galaxy.UserID) {
	if owns != nil {
		t.raw(`SELECT 1 FROM accounts WHERE user_id = $1 FOR NO KEY UPDATE`, owns.User.UUID)
		t.raw(`SELECT fence(count(*), 'blocked') FROM accounts a WHERE a.user_id = $1 AND a.deletion = '' AND NOT `+sanctioned("a", "$2", galaxy.PrivateGameCreateBlock), owns.User.UUID, at)
		t.raw(`SELECT fence((count(*) < $2)::int, 'owned') FROM games WHERE owner_id = $1 AND game_id <> $3 AND status NOT IN ('finished', 'cancelled')`,
			owns.User.UUID, owns.Games, game.UUID)
	}
	if heir != nil {
		t.raw(`SELECT 1 FROM accounts WHERE user_id = $1 FOR NO KEY UPDATE`, heir.UUID)
		t.raw(`SELECT fence(count(*), 'blocked') FROM accounts a WHERE a.user_id = $1 AND a.deletion = '' AND NOT `+
			sanctioned("a", "$2", galaxy.PrivateGameManageBlock), heir.UUID, at)
	}
}

func (t *tx) members(game galaxy.GameID, members []galaxy.Membership) {
	if len(members) == 0 {
		return
	}
	in := Memberships.INSERT(Memberships.AllColumns)
	for _, m := range members {
		in = in.MODEL(model.Memberships{MembershipID: m.ID.UUID, GameID: game.UUID, UserID: m.User.UUID, RaceName: m.Race, RaceKey: m.RaceKey,
			Status: string(m.Status), HoldsName: m.HoldsName, Extinct: m.Extinct, Banish: banishColumn(m.Banish), ReadyFor: m.ReadyFor, JoinedAt: m.JoinedAt, EndedAt: m.EndedAt})
	}
	t.add(in.ON_CONFLICT(Memberships.MembershipID).DO_UPDATE(SET(
		Memberships.HoldsName.SET(RawBool("excluded.holds_name")), Memberships.Extinct.SET(RawBool("excluded.extinct")),
		Memberships.Banish.SET(Memberships.EXCLUDED.Banish), Memberships.ReadyFor.SET(Memberships.EXCLUDED.ReadyFor), Memberships.Status.SET(Memberships.EXCLUDED.Status), Memberships.EndedAt.SET(Memberships.EXCLUDED.EndedAt))))
}

func (t *tx) applications(applications []galaxy.Application) {
	if len(applications) == 0 {
		return
	}
	in := Applications.INSERT(Applications.AllColumns)
	for _, a := range applications {
		key, digest := idempotencyColumns(a.Idempotency)
		in = in.MODEL(model.Applications{ApplicationID: a.ID.UUID, GameID: a.Game.UUID, UserID: a.User.UUID, RaceName: a.Race, RaceKey: a.RaceKey,
			Status: string(a.Status), CreatedAt: a.CreatedAt, DecidedAt: a.DecidedAt, DecidedByKind: string(a.DecidedBy.Kind), DecidedBy: a.DecidedBy.ID,
			IdempotencyKey: key, IdempotencyDigest: digest})
	}
	t.add(in.ON_CONFLICT(Applications.ApplicationID).DO_UPDATE(SET(
		Applications.Status.SET(Applications.EXCLUDED.Status), Applications.DecidedAt.SET(Applications.EXCLUDED.DecidedAt),
		Applications.DecidedByKind.SET(Applications.EXCLUDED.DecidedByKind), Applications.DecidedBy.SET(Applications.EXCLUDED.DecidedBy))))
}

func (t *tx) invites(invites []galaxy.Invite) {
	if len(invites) == 0 {
		return
	}
	in := Invites.INSERT(Invites.AllColumns)
	for _, i := range invites {
		key, digest := idempotencyColumns(i.Idempotency)
		in = in.MODEL(model.Invites{InviteID: i.ID.UUID, GameID: i.Game.UUID, UserID: i.User.UUID, InviterKind: string(i.Inviter.Kind), InviterID: i.Inviter.ID,
			Status: string(i.Status), RaceName: i.Race, CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt, DecidedAt: i.DecidedAt, IdempotencyKey: key, IdempotencyDigest: digest})
	}
	t.add(in.ON_CONFLICT(Invites.InviteID).DO_UPDATE(SET(Invites.Status.SET(Invites.EXCLUDED.Status),
		Invites.RaceName.SET(Invites.EXCLUDED.RaceName), Invites.DecidedAt.SET(Invites.EXCLUDED.DecidedAt))))
}

func (t *tx) turn(game galaxy.GameID, r galaxy.TurnRecord) {
	t.add(insertTurn.with(game.UUID, r.Epoch, r.Turn, r.Digest, r.MadeAt))
	n := len(r.Players)
	races, planets, ships := make([]string, n), make([]int32, n), make([]int32, n)
	population, industry, votes := make([]float64, n), make([]float64, n), make([]float64, n)
	extinct, banished, lacks := make([]bool, n), make([]bool, n), make([]int16, n)
	for i, p := range r.Players {
		races[i], planets[i], ships[i] = p.Race, int32(p.Planets), int32(p.Ships)
		population[i], industry[i], votes[i] = p.Population, p.Industry, p.Votes
		extinct[i], banished[i], lacks[i] = p.Extinct, p.Banished, int16(p.Lacks)
	}
	t.raw(`INSERT INTO player_stats (game_id, epoch, turn, race_name, planets, population, industry, ships, votes, extinct, banished, lacks)
		SELECT $1, $2, $3, * FROM unnest($4::text[], $5::int[], $6::float8[], $7::float8[], $8::int[], $9::float8[], $10::bool[], $11::bool[], $12::int2[])`,
		game.UUID, r.Epoch, r.Turn, races, planets, population, industry, ships, votes, extinct, banished, lacks)
}

func (t *tx) timeline(game galaxy.GameID, lines []galaxy.TimelineEntry) {
	for _, l := range lines {
		t.add(insertTimeline.with(fields(model.GameTimeline{EntryID: galaxy.NewID(), GameID: game.UUID, Epoch: int32(l.Epoch),
			Turn: int32(l.Turn), Outcome: string(l.Outcome), Cause: l.Cause, ByKind: string(l.By.Kind), ByID: l.By.ID, Deadline: l.Deadline,
			At: l.At, LatenessMs: l.Lateness.Milliseconds()})...))
	}
}

// notices stores what players and operators are to be told, and its ways to them, in two statements. A notice whose
// dedupe key is there already is left out, with its routes.
func (t *tx) notices(at time.Time, notices []galaxy.Notice) {
	if len(notices) == 0 {
		return
	}
	var ids, routeIDs, routeNotices []uuid.UUID
	var users []*uuid.UUID
	var kinds, keys, payloads, requests, channels []string
	for _, n := range notices {
		id := galaxy.NewID()
		ids, kinds, keys = append(ids, id), append(kinds, string(n.Kind)), append(keys, n.Key)
		payloads, requests = append(payloads, string(n.Payload.JSON())), append(requests, n.RequestID)
		for _, channel := range galaxy.Channels[n.Kind] {
			for _, user := range recipients(n, channel) {
				routeIDs, routeNotices = append(routeIDs, galaxy.NewID()), append(routeNotices, id)
				channels, users = append(channels, string(channel)), append(users, user)
			}
		}
	}
	t.raw(`INSERT INTO notifications (notice_id, kind, dedupe_key, payload, request_id, created_at)
		SELECT n.id, n.kind, n.key, n.payload::jsonb, n.request, $6 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]) n (id, kind, key, payload, request)
		ON CONFLICT (kind, dedupe_key) DO NOTHING`, ids, kinds, keys, payloads, requests, at)
	t.raw(`INSERT INTO notification_routes (route_id, notice_id, channel, user_id, status, next_attempt_at, created_at)
		SELECT r.id, r.notice, r.channel, r.usr, 'pending', $5, $5 FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) r (id, notice, channel, usr)
		WHERE EXISTS (SELECT FROM notifications n WHERE n.notice_id = r.notice)`, routeIDs, routeNotices, channels, users, at)
}

// recipients gives whom a notice goes to through a channel. The one nil stands for the operators.
func recipients(n galaxy.Notice, channel galaxy.Channel) []*uuid.UUID {
	if channel == galaxy.ChannelOperators {
		return []*uuid.UUID{nil}
	}
	users := make([]*uuid.UUID, len(n.Recipients))
	for i := range n.Recipients {
		users[i] = &n.Recipients[i].UUID
	}
	return users
}
