package store

import (
	"context"
	"time"

	. "github.com/go-jet/jet/v2/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/jet/backend/model"
	. "galaxy/backend/store/jet/backend/table"
)

// LiveSessions hands id, player and key of every session that is not revoked to each, in one query.
func (s *Store) LiveSessions(ctx context.Context, each func(galaxy.SessionID, galaxy.UserID, galaxy.PublicKey)) error {
	r, err := s.pool.Query(ctx, "SELECT device_session_id, user_id, client_public_key FROM device_sessions WHERE revoked_at IS NULL")
	if err != nil {
		return translate(err)
	}
	var id, user [16]byte
	var key []byte
	_, err = pgx.ForEachRow(r, []any{&id, &user, &key}, func() error {
		each(galaxy.SessionID{UUID: id}, galaxy.UserID{UUID: user}, galaxy.PublicKey(key))
		return nil
	})
	return translate(err)
}

// TouchSessions stores when devices were last seen, in one statement.
func (s *Store) TouchSessions(ctx context.Context, seen map[galaxy.SessionID]time.Time) error {
	ids, times := make([]uuid.UUID, 0, len(seen)), make([]time.Time, 0, len(seen))
	for id, at := range seen {
		ids, times = append(ids, id.UUID), append(times, at)
	}
	t := &tx{}
	t.raw(`UPDATE device_sessions d SET last_seen_at = n.seen FROM unnest($1::uuid[], $2::timestamptz[]) n (id, seen)
		WHERE d.device_session_id = n.id AND d.last_seen_at < n.seen`, ids, times)
	return s.commit(ctx, t)
}

// Session gives a session, also one that is revoked.
func (s *Store) Session(ctx context.Context, id galaxy.SessionID) (galaxy.Session, error) {
	m, err := row[model.DeviceSessions](ctx, s, SELECT(DeviceSessions.AllColumns).FROM(DeviceSessions).WHERE(DeviceSessions.DeviceSessionID.EQ(UUID(id.UUID))))
	return session(m), err
}

func session(m model.DeviceSessions) galaxy.Session {
	s := galaxy.Session{ID: galaxy.SessionID{UUID: m.DeviceSessionID}, User: galaxy.UserID{UUID: m.UserID}, DeviceName: m.DeviceName,
		CreatedAt: m.CreatedAt, LastSeenAt: m.LastSeenAt, RevokedAt: m.RevokedAt, RevokeReason: galaxy.RevokeReason(m.RevokeReason)}
	copy(s.Key[:], m.ClientPublicKey)
	return s
}

// ListSessions gives a page of a player's sessions, newest first, and the cursor of the next page.
func (s *Store) ListSessions(ctx context.Context, user galaxy.UserID, live bool, p galaxy.Page) ([]galaxy.Session, string, error) {
	where := DeviceSessions.UserID.EQ(UUID(user.UUID))
	if live {
		where = where.AND(DeviceSessions.RevokedAt.IS_NULL())
	}
	where, err := beyond(where, p, DeviceSessions.DeviceSessionID.LT)
	if err != nil {
		return nil, "", err
	}
	found, err := rows[model.DeviceSessions](ctx, s, SELECT(DeviceSessions.AllColumns).FROM(DeviceSessions).WHERE(where).
		ORDER_BY(DeviceSessions.DeviceSessionID.DESC()).LIMIT(int64(p.Limit)+1))
	if err != nil {
		return nil, "", err
	}
	page, next := paged(found, p.Limit, func(m model.DeviceSessions) uuid.UUID { return m.DeviceSessionID })
	var out []galaxy.Session
	for _, m := range page {
		out = append(out, session(m))
	}
	return out, next, nil
}

// RenameSession names a player's live device; any other is galaxy.NotFound. The name that it has already changes
// nothing.
func (s *Store) RenameSession(ctx context.Context, user galaxy.UserID, id galaxy.SessionID, name string, at time.Time, audit galaxy.Audit) (galaxy.Session, error) {
	t := &tx{}
	var found []model.DeviceSessions
	scanAll(t.raw(`WITH named AS (UPDATE device_sessions SET device_name = $3, version = version + 1
			WHERE device_session_id = $1 AND user_id = $2 AND revoked_at IS NULL AND device_name <> $3 RETURNING *),
		noted AS (`+noted("named", 4)+`)
		SELECT * FROM named UNION ALL SELECT * FROM device_sessions
			WHERE device_session_id = $1 AND user_id = $2 AND revoked_at IS NULL AND device_name = $3`,
		append([]any{id.UUID, user.UUID, name}, notedArgs(at, audit)...)...), &found)
	if err := s.commit(ctx, t); err != nil {
		return galaxy.Session{}, err
	}
	if len(found) == 0 {
		return galaxy.Session{}, errNoSession
	}
	return session(found[0]), nil
}

var errNoSession = galaxy.Errorf(galaxy.NotFound, "there is no such live session")

// RevokeSessions ends live sessions of a player, and gives those that it ended: all of them, but for the one in keep, or
// the one in only. Without any there is nothing to audit.
func (s *Store) RevokeSessions(ctx context.Context, r galaxy.Revocation) ([]galaxy.SessionID, error) {
	t := &tx{}
	var only, keep *uuid.UUID
	if r.Only != nil {
		only = &r.Only.UUID
	}
	if r.Keep != nil {
		keep = &r.Keep.UUID
	}
	var found []struct{ ID uuid.UUID }
	scanAll(t.raw(`WITH ended AS (UPDATE device_sessions SET version = version + 1, revoked_at = $2, revoke_reason = $3 WHERE user_id = $1 AND revoked_at IS NULL
			AND ($4::uuid IS NULL OR device_session_id = $4) AND ($5::uuid IS NULL OR device_session_id <> $5) RETURNING device_session_id),
		noted AS (`+noted("ended", 6)+`)
		SELECT device_session_id FROM ended`,
		append([]any{r.User.UUID, r.At, string(r.Reason), only, keep}, notedArgs(r.At, r.Audit)...)...), &found)
	if err := s.commit(ctx, t); err != nil {
		return nil, err
	}
	var ended []galaxy.SessionID
	for _, f := range found {
		ended = append(ended, galaxy.SessionID{UUID: f.ID})
	}
	return ended, nil
}
