package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"galaxy/backend/galaxy"
)

// NextPushBoot gives a number that no earlier process lifetime had, for push cursors.
func (s *Store) NextPushBoot(ctx context.Context) (uint64, error) {
	found, err := rows[struct{ N int64 }](ctx, s, literal{"SELECT nextval('push_boot_seq')", nil})
	if err != nil {
		return 0, err
	}
	return uint64(found[0].N), nil
}

// Alert stores a notice to operators that belongs to no game's commit. One whose dedupe key is there already is left out.
func (s *Store) Alert(ctx context.Context, at time.Time, n galaxy.Notice) error {
	if !slices.Contains(galaxy.Channels[n.Kind], galaxy.ChannelOperators) {
		return fmt.Errorf("a %s does not go to operators", n.Kind)
	}
	t := &tx{}
	t.notices(at, []galaxy.Notice{n})
	return s.commit(ctx, t)
}

type routeRow struct {
	ID, Notice      uuid.UUID
	Kind, Channel   string
	User            *uuid.UUID
	Email           *string
	Unwanted        bool
	Payload         []byte
	Request, Dedupe string
	Attempt         int
	CreatedAt       time.Time
}

// ClaimRoutes takes up to n due routes, oldest first, for an attempt each. A claim that is not recorded within lease
// comes up again.
func (s *Store) ClaimRoutes(ctx context.Context, now time.Time, n int, lease time.Duration) ([]galaxy.Route, error) {
	var found []routeRow
	t := &tx{}
	scanAll(t.raw(`WITH due AS (SELECT route_id FROM notification_routes WHERE status IN ('pending', 'retrying') AND next_attempt_at <= $1
			ORDER BY next_attempt_at, route_id LIMIT $2 FOR UPDATE SKIP LOCKED),
		claimed AS (UPDATE notification_routes r SET attempts = attempts + 1, next_attempt_at = $3 FROM due WHERE r.route_id = due.route_id
			RETURNING r.route_id, r.notice_id, r.channel, r.user_id, r.attempts, r.created_at)
		SELECT c.route_id, c.notice_id, n.kind, c.channel, c.user_id, a.email, coalesce(n.kind = ANY(a.email_off), false), n.payload, n.request_id, n.dedupe_key, c.attempts, c.created_at
		FROM claimed c JOIN notifications n USING (notice_id) LEFT JOIN accounts a USING (user_id) ORDER BY c.route_id`, now, n, now.Add(lease)), &found)
	if err := s.commit(ctx, t); err != nil {
		return nil, err
	}
	var out []galaxy.Route
	for _, r := range found {
		route := galaxy.Route{ID: galaxy.RouteID{UUID: r.ID}, Notice: galaxy.NoticeID{UUID: r.Notice}, Kind: galaxy.Kind(r.Kind), Channel: galaxy.Channel(r.Channel),
			User: galaxy.UserID{UUID: deref(r.User)}, Email: deref(r.Email), Unwanted: r.Unwanted, RequestID: r.Request, Attempt: r.Attempt, CreatedAt: r.CreatedAt}
		if route.RequestID == "" {
			route.RequestID = r.Dedupe
		}
		if err := json.Unmarshal(r.Payload, &route.Payload); err != nil {
			return nil, fmt.Errorf("payload of route %s: %w", r.ID, err)
		}
		out = append(out, route)
	}
	return out, nil
}

// RecordRoutes stores what attempts came to. One whose attempt is no longer the newest changes nothing.
func (s *Store) RecordRoutes(ctx context.Context, records []galaxy.RouteRecord) error {
	n := len(records)
	ids, attempts, states, details := make([]uuid.UUID, n), make([]int32, n), make([]string, n), make([]string, n)
	next, settled := make([]time.Time, n), make([]*time.Time, n)
	t := &tx{}
	for i, r := range records {
		ids[i], attempts[i], states[i], details[i], next[i] = r.Route.UUID, int32(r.Attempt), string(r.State), r.Detail, r.NextAt
		if r.State != galaxy.RouteRetrying {
			next[i], settled[i] = r.At, &r.At
		}
		if r.Mail != nil {
			t.queueMail(*r.Mail, r.At)
		}
	}
	t.raw(`UPDATE notification_routes r SET status = o.status, detail = o.detail, next_attempt_at = o.next, settled_at = o.settled
		FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[]) o (route_id, attempt, status, detail, next, settled)
		WHERE r.route_id = o.route_id AND r.attempts = o.attempt AND r.status IN ('pending', 'retrying')`, ids, attempts, states, details, next, settled)
	return s.commit(ctx, t)
}

// queueMail adds a mail to a transaction; one whose dedupe key is there already is left out.
func (t *tx) queueMail(d galaxy.NewDelivery, at time.Time) {
	t.raw(`WITH made AS (INSERT INTO mail_deliveries (delivery_id, template_id, idempotency_key, status, priority, next_attempt_at, expires_at, created_at)
			VALUES ($1, $2, $3, 'pending', $4, $5, $6, $5) ON CONFLICT (template_id, idempotency_key) DO NOTHING RETURNING delivery_id),
		addressed AS (INSERT INTO mail_recipients (delivery_id, address) SELECT delivery_id, $7 FROM made)
		INSERT INTO mail_payloads (delivery_id, payload) SELECT delivery_id, $8 FROM made`,
		d.ID.UUID, d.Template, d.Key, d.Priority, at, d.ExpiresAt, d.To, []byte(d.Payload))
}

type deliveryRow struct {
	ID            uuid.UUID
	Template, Key string
	To            string
	Payload       []byte
	Priority      int
	ExpiresAt     *time.Time
	Attempt       int
	CreatedAt     time.Time
}

// ClaimDeliveries takes up to n due mails, those of higher priority first, for an attempt each. A claim that is not
// recorded within lease comes up again.
func (s *Store) ClaimDeliveries(ctx context.Context, now time.Time, n int, lease time.Duration) ([]galaxy.Delivery, error) {
	var found []deliveryRow
	t := &tx{}
	scanAll(t.raw(`WITH due AS (SELECT delivery_id FROM mail_deliveries WHERE status IN ('pending', 'retrying') AND next_attempt_at <= $1
			ORDER BY priority DESC, next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED),
		claimed AS (UPDATE mail_deliveries d SET attempts = attempts + 1, next_attempt_at = $3 FROM due WHERE d.delivery_id = due.delivery_id RETURNING d.*)
		SELECT c.delivery_id, c.template_id, c.idempotency_key, r.address, p.payload, c.priority, c.expires_at, c.attempts, c.created_at
		FROM claimed c JOIN mail_recipients r USING (delivery_id) JOIN mail_payloads p USING (delivery_id) ORDER BY c.priority DESC, c.created_at`,
		now, n, now.Add(lease)), &found)
	if err := s.commit(ctx, t); err != nil {
		return nil, err
	}
	var out []galaxy.Delivery
	for _, r := range found {
		out = append(out, galaxy.Delivery{Attempt: r.Attempt, CreatedAt: r.CreatedAt, NewDelivery: galaxy.NewDelivery{ID: galaxy.DeliveryID{UUID: r.ID},
			Template: r.Template, Key: r.Key, To: r.To, Payload: r.Payload, Priority: r.Priority, ExpiresAt: r.ExpiresAt}})
	}
	return out, nil
}

// RecordDelivery stores what an attempt came to; galaxy.ErrStale when the attempt is no longer the newest.
func (s *Store) RecordDelivery(ctx context.Context, r galaxy.DeliveryRecord) error {
	t := &tx{}
	next, settled := r.NextAt, &r.At
	if r.State == galaxy.DeliveryRetrying {
		settled = nil
	} else {
		next = r.At
	}
	t.guardedRaw(`UPDATE mail_deliveries SET status = $3, detail = $4, next_attempt_at = $5, settled_at = $6 WHERE delivery_id = $1 AND attempts = $2
		AND status IN ('pending', 'retrying') RETURNING 1`, r.Delivery.UUID, r.Attempt, string(r.State), r.Detail, next, settled)
	t.raw(`INSERT INTO mail_attempts (delivery_id, attempt_no, outcome, detail, at) VALUES ($1, $2, $3, $4, $5)`, r.Delivery.UUID, r.Attempt, r.Outcome, r.Detail, r.At)
	if r.State == galaxy.DeliveryDeadLettered {
		t.raw(`INSERT INTO mail_dead_letters (delivery_id, detail, at) VALUES ($1, $2, $3) ON CONFLICT (delivery_id) DO UPDATE SET detail = excluded.detail, at = excluded.at`,
			r.Delivery.UUID, r.Detail, r.At)
	}
	if r.DropSecret {
		t.raw(`DELETE FROM mail_payloads WHERE delivery_id = $1`, r.Delivery.UUID)
	}
	return s.commit(ctx, t)
}

// MailDepth counts the mails that wait, by state.
func (s *Store) MailDepth(ctx context.Context) (map[galaxy.DeliveryState]int64, error) {
	found, err := rows[struct {
		State string
		N     int64
	}](ctx, s, literal{`SELECT status, count(*) FROM mail_deliveries WHERE status IN ('pending', 'retrying') GROUP BY status`, nil})
	depth := map[galaxy.DeliveryState]int64{galaxy.DeliveryPending: 0, galaxy.DeliveryRetrying: 0}
	for _, f := range found {
		depth[galaxy.DeliveryState(f.State)] = f.N
	}
	return depth, err
}
