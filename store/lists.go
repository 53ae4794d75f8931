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
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) != len(uuid.UUID{}) {
		return uuid.UUID{}, galaxy.Errorf(galaxy.InvalidRequest, "cursor is not one that a list has answered")
	}
	return uuid.UUID(b), nil
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
	EnrollmentEndsAt       *time.Time
	Cron, Zone             string
	Turn                   int
	Deadline               *time.Time
	CreatedAt              time.Time
}

// ListGames gives a page of games, newest first, and the cursor of the next page.
func (s *Store) ListGames(ctx context.Context, f galaxy.GameFilter, p galaxy.Page) ([]galaxy.GameSummary, string, error) {
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
	if p.Cursor != "" {
		key, err := keyOf(p.Cursor)
		if err != nil {
			return nil, "", err
		}
		where = where.AND(Games.GameID.LT(UUID(key)))
	}
	members := SELECT(COUNT(STAR)).FROM(Memberships).WHERE(Memberships.GameID.EQ(Games.GameID).AND(Memberships.Status.EQ(String(string(galaxy.MemberActive)))))
	found, err := rows[summaryRow](ctx, s, SELECT(Games.GameID, Games.Version, Games.Visibility, Games.Status, Games.Name, Games.Description,
		Games.MinPlayers, Games.MaxPlayers, members, Games.EnrollmentEndsAt, Games.TurnSchedule, Games.ScheduleTimeZone,
		Runtimes.Turn, Runtimes.Deadline, Games.CreatedAt).
		FROM(Games.INNER_JOIN(Runtimes, Runtimes.GameID.EQ(Games.GameID))).WHERE(where).ORDER_BY(Games.GameID.DESC()).LIMIT(int64(p.Limit)+1))
	if err != nil {
		return nil, "", err
	}
	page, next := paged(found, p.Limit, func(r summaryRow) uuid.UUID { return r.ID })
	var out []galaxy.GameSummary
	for _, r := range page {
		out = append(out, galaxy.GameSummary{ID: galaxy.GameID{UUID: r.ID}, Version: r.Version, Visibility: galaxy.Visibility(r.Visibility),
			Status: galaxy.GameStatus(r.Status), Name: r.Name, Description: r.Description, MinPlayers: r.MinPlayers, MaxPlayers: r.MaxPlayers,
			Members: r.Members, EnrollmentEndsAt: r.EnrollmentEndsAt, Schedule: galaxy.Schedule{Cron: r.Cron, Zone: r.Zone},
			Turn: r.Turn, Deadline: r.Deadline, CreatedAt: r.CreatedAt})
	}
	return out, next, nil
}

// ListApplications gives a page of a game's applications, oldest first, and the cursor of the next page.
func (s *Store) ListApplications(ctx context.Context, f galaxy.ApplicationFilter, p galaxy.Page) ([]galaxy.Application, string, error) {
	where := Applications.GameID.EQ(UUID(f.Game.UUID))
	if f.User != nil {
		where = where.AND(Applications.UserID.EQ(UUID(f.User.UUID)))
	}
	if f.Status != "" {
		where = where.AND(Applications.Status.EQ(String(string(f.Status))))
	}
	if p.Cursor != "" {
		key, err := keyOf(p.Cursor)
		if err != nil {
			return nil, "", err
		}
		where = where.AND(Applications.ApplicationID.GT(UUID(key)))
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
