package store

import (
	"context"
	"encoding/base64"
	"time"

	. "github.com/go-jet/jet/v2/postgres"
	"github.com/google/uuid"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/jet/backend/model"
	. "galaxy/backend/store/jet/backend/table"
)

// cursorOf and keyOf turn the key of a page's last row into what callers hold, and back.
func cursorOf(id uuid.UUID) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

func keyOf(cursor string) (uuid.UUID, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	// encoding/base64 lets line breaks pass.
	if err != nil || len(b) != len(uuid.UUID{}) || len(cursor) != base64.RawURLEncoding.EncodedLen(len(b)) {
		return uuid.UUID{}, galaxy.Errorf(galaxy.InvalidRequest, "cursor is not one that a list has answered")
	}
	return uuid.UUID(b), nil
}

// beyond adds to a condition that rows come after the cursor of a page, if it has one. past compares their key with the cursor's.
func beyond(where BoolExpression, p galaxy.Page, past func(StringExpression) BoolExpression) (BoolExpression, error) {
	if p.Cursor == "" {
		return where, nil
	}
	key, err := keyOf(p.Cursor)
	if err != nil {
		return nil, err
	}
	return where.AND(past(UUID(key))), nil
}

// paged cuts what a query for one row more than the page found.
func paged[T any](found []T, limit int, key func(T) uuid.UUID) ([]T, string) {
	if len(found) <= limit {
		return found, ""
	}
	return found[:limit], cursorOf(key(found[limit-1]))
}

type summaryRow struct {
	ID                     uuid.UUID
	Version                int64
	Visibility, Status     string
	Name, Description      string
	MinPlayers, MaxPlayers int
	Members                int
	GapHours, GapPlayers   int
	Owner                  *uuid.UUID
	EnrollmentEndsAt       *time.Time
	Cron, Zone             string
	Turn                   int
	Deadline               *time.Time
	CreatedAt              time.Time
}

func (r summaryRow) summary() galaxy.GameSummary {
	g := galaxy.GameSummary{ID: galaxy.GameID{UUID: r.ID}, Version: r.Version, Visibility: galaxy.Visibility(r.Visibility),
		Status: galaxy.GameStatus(r.Status), Name: r.Name, Description: r.Description, MinPlayers: r.MinPlayers, MaxPlayers: r.MaxPlayers,
		Members: r.Members, StartGapHours: r.GapHours, StartGapPlayers: r.GapPlayers, EnrollmentEndsAt: r.EnrollmentEndsAt,
		Schedule: galaxy.Schedule{Cron: r.Cron, Zone: r.Zone}, Turn: r.Turn, Deadline: r.Deadline, CreatedAt: r.CreatedAt}
	if r.Owner != nil {
		g.Owner = &galaxy.UserID{UUID: *r.Owner}
	}
	return g
}

// ListGames gives a page of games, newest first, and the cursor of the next page.
func (s *Store) ListGames(ctx context.Context, f galaxy.GameFilter, p galaxy.Page) ([]galaxy.GameSummary, string, error) {
	where, err := gamesWhere(f, p)
	if err != nil {
		return nil, "", err
	}
	found, err := rows[summaryRow](ctx, s, gamesQuery(where, p.Limit))
	if err != nil {
		return nil, "", err
	}
	page, next := paged(found, p.Limit, func(r summaryRow) uuid.UUID { return r.ID })
	out := make([]galaxy.GameSummary, 0, len(page))
	for _, r := range page {
		out = append(out, r.summary())
	}
	return out, next, nil
}

func gamesQuery(where BoolExpression, limit int) statement {
	members := SELECT(COUNT(STAR)).FROM(Memberships).WHERE(Memberships.GameID.EQ(Games.GameID).AND(Memberships.Status.EQ(String(string(galaxy.MemberActive)))))
	return SELECT(Games.GameID, Games.Version, Games.Visibility, Games.Status, Games.Name, Games.Description,
		Games.MinPlayers, Games.MaxPlayers, members, Games.StartGapHours, Games.StartGapPlayers, Games.OwnerID, Games.EnrollmentEndsAt,
		Games.TurnSchedule, Games.ScheduleTimeZone, Runtimes.Turn, Runtimes.Deadline, Games.CreatedAt).
		FROM(Games.INNER_JOIN(Runtimes, Runtimes.GameID.EQ(Games.GameID))).WHERE(where).ORDER_BY(Games.GameID.DESC()).LIMIT(int64(limit) + 1)
}

func gamesWhere(f galaxy.GameFilter, p galaxy.Page) (BoolExpression, error) {
	where := Bool(true)
	if f.Visibility != "" {
		where = where.AND(Games.Visibility.EQ(String(string(f.Visibility))))
	}
	if len(f.Statuses) > 0 {
		var in []Expression
		for _, status := range f.Statuses {
			in = append(in, String(string(status)))
		}
		where = where.AND(Games.Status.IN(in...))
	}
	if words := prefixes(f.Text); words != "" {
		where = where.AND(RawBool("game_words(games.name, games.description) @@ to_tsquery('simple', #words)", RawArgs{"#words": words}))
	}
	if f.Player != nil {
		where = where.AND(Games.GameID.IN(SELECT(Games.GameID).FROM(Games).WHERE(Games.OwnerID.EQ(UUID(f.Player.UUID))).
			UNION(SELECT(Memberships.GameID).FROM(Memberships).WHERE(Memberships.UserID.EQ(UUID(f.Player.UUID))))))
	}
	where, err := beyond(where, p, Games.GameID.LT)
	if err != nil {
		return nil, err
	}
	return where, nil
}

// SeatsOf gives a player's newest membership in each of some games.
func (s *Store) SeatsOf(ctx context.Context, user galaxy.UserID, games []galaxy.GameID) (map[galaxy.GameID]galaxy.Membership, error) {
	ids := make([]Expression, 0, len(games))
	for _, id := range games {
		ids = append(ids, UUID(id.UUID))
	}
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := rows[model.Memberships](ctx, s, SELECT(Memberships.AllColumns).FROM(Memberships).
		WHERE(Memberships.UserID.EQ(UUID(user.UUID)).AND(Memberships.GameID.IN(ids...))).ORDER_BY(Memberships.MembershipID))
	seats := map[galaxy.GameID]galaxy.Membership{}
	for _, m := range found {
		seats[galaxy.GameID{UUID: m.GameID}] = membership(m)
	}
	return seats, err
}

// ListApplications gives a page of applications, oldest first, and the cursor of the next page.
func (s *Store) ListApplications(ctx context.Context, f galaxy.ApplicationFilter, p galaxy.Page) ([]galaxy.Application, string, error) {
	where := Bool(true)
	if f.Game != nil {
		where = where.AND(Applications.GameID.EQ(UUID(f.Game.UUID)))
	}
	if f.User != nil {
		where = where.AND(Applications.UserID.EQ(UUID(f.User.UUID)))
	}
	if f.Status != "" {
		where = where.AND(Applications.Status.EQ(String(string(f.Status))))
	}
	where, err := beyond(where, p, Applications.ApplicationID.GT)
	if err != nil {
		return nil, "", err
	}
	found, err := rows[model.Applications](ctx, s, SELECT(Applications.AllColumns).FROM(Applications).WHERE(where).
		ORDER_BY(Applications.ApplicationID.ASC()).LIMIT(int64(p.Limit)+1))
	if err != nil {
		return nil, "", err
	}
	page, next := paged(found, p.Limit, func(m model.Applications) uuid.UUID { return m.ApplicationID })
	var out []galaxy.Application
	for _, m := range page {
		out = append(out, application(m))
	}
	return out, next, nil
}

// ListInvites gives a page of invites, oldest first, and the cursor of the next page.
func (s *Store) ListInvites(ctx context.Context, f galaxy.InviteFilter, p galaxy.Page) ([]galaxy.Invite, string, error) {
	where := Bool(true)
	if f.Game != nil {
		where = where.AND(Invites.GameID.EQ(UUID(f.Game.UUID)))
	}
	if f.User != nil {
		where = where.AND(Invites.UserID.EQ(UUID(f.User.UUID)))
	}
	if f.Status != "" {
		where = where.AND(Invites.Status.EQ(String(string(f.Status))))
	}
	where, err := beyond(where, p, Invites.InviteID.GT)
	if err != nil {
		return nil, "", err
	}
	found, err := rows[model.Invites](ctx, s, SELECT(Invites.AllColumns).FROM(Invites).WHERE(where).ORDER_BY(Invites.InviteID.ASC()).LIMIT(int64(p.Limit)+1))
	if err != nil {
		return nil, "", err
	}
	page, next := paged(found, p.Limit, func(m model.Invites) uuid.UUID { return m.InviteID })
	out := make([]galaxy.Invite, 0, len(page))
	for _, m := range page {
		out = append(out, invite(m))
	}
	return out, next, nil
}
