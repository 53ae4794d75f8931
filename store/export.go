package store

import (
	"context"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/jet/backend/model"
)

// ExportUser gives all that is kept about a player beside the account itself, newest first.
func (s *Store) ExportUser(ctx context.Context, user galaxy.UserID) (galaxy.UserExport, error) {
	history, err := s.UserHistory(ctx, user)
	if err != nil {
		return galaxy.UserExport{}, err
	}
	e := galaxy.UserExport{UserHistory: history}
	var known []struct{ Address string }
	var sessions []model.DeviceSessions
	var invites []model.Invites
	t := &tx{}
	scanAll(t.raw(`SELECT address FROM account_addresses WHERE user_id = $1 ORDER BY address`, user.UUID), &known)
	scanAll(t.raw(`SELECT * FROM device_sessions WHERE user_id = $1 ORDER BY device_session_id DESC`, user.UUID), &sessions)
	scanAll(t.raw(`SELECT r.route_id, n.kind, r.channel, r.status, r.attempts, r.detail, r.created_at, r.settled_at
		FROM notification_routes r JOIN notifications n USING (notice_id) WHERE r.user_id = $1 ORDER BY r.route_id DESC`, user.UUID), &e.Routes)
	scanAll(t.raw(`SELECT d.template_id, r.address, d.status, d.created_at FROM mail_deliveries d JOIN mail_recipients r USING (delivery_id)
		WHERE r.address IN (`+addresses+`) ORDER BY d.delivery_id DESC`, user.UUID), &e.Mails)
	scanAll(t.raw(`SELECT email, attempts, created_at FROM auth_challenges WHERE user_id = $1 OR email IN (`+addresses+`) ORDER BY created_at DESC`, user.UUID), &e.Challenges)
	scanAll(t.raw(`SELECT game_id, turn, race_name, revision, stored_at, commands FROM orders WHERE user_id = $1
		UNION ALL SELECT game_id, turn, race_name, engine_revision, stored_at, commands FROM order_batches WHERE user_id = $1 ORDER BY 5 DESC`, user.UUID), &e.Orders)
	scanAll(t.raw(`SELECT * FROM invites WHERE user_id = $1 ORDER BY invite_id DESC`, user.UUID), &invites)
	scanAll(t.raw(`SELECT entry_id, race_name, user_id, event, game_id, at FROM race_name_history WHERE user_id = $1 ORDER BY entry_id DESC`, user.UUID), &e.Names)
	if err := s.read(ctx, t); err != nil {
		return galaxy.UserExport{}, err
	}
	if e.Owned, err = s.owned(ctx, user); err != nil {
		return galaxy.UserExport{}, err
	}
	for _, m := range invites {
		e.Invites = append(e.Invites, invite(m))
	}
	for _, k := range known {
		e.Addresses = append(e.Addresses, k.Address)
	}
	for _, m := range sessions {
		e.Sessions = append(e.Sessions, session(m))
	}
	page := galaxy.Page{Limit: 200}
	for {
		lines, next, err := s.ListAudit(ctx, galaxy.AuditFilter{Subject: "user:" + user.String()}, page)
		e.Actions = append(e.Actions, lines...)
		if err != nil || next == "" {
			return e, err
		}
		page.Cursor = next
	}
}

// owned gives the games that a player owns.
func (s *Store) owned(ctx context.Context, user galaxy.UserID) ([]galaxy.GameSummary, error) {
	var own []galaxy.GameSummary
	page := galaxy.Page{Limit: 200}
	for {
		games, next, err := s.ListGames(ctx, galaxy.GameFilter{Player: &user}, page)
		for _, g := range games {
			if g.Owner != nil && *g.Owner == user {
				own = append(own, g)
			}
		}
		if err != nil || next == "" {
			return own, err
		}
		page.Cursor = next
	}
}
