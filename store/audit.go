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

// audit adds lines to the record of who did what, in one statement.
func (t *tx) audit(at time.Time, lines ...galaxy.Audit) {
	if len(lines) == 0 {
		return
	}
	rows := make([]model.Audit, len(lines))
	for i, l := range lines {
		rows[i] = model.Audit{AuditID: galaxy.NewID(), At: at, ActorKind: string(l.By.Kind), ActorID: l.By.ID, Action: l.Action,
			Subject: l.Subject, RequestID: l.RequestID, Before: small(l.Before), After: small(l.After)}
	}
	if len(rows) == 1 {
		t.add(insertAudit.with(fields(rows[0])...))
		return
	}
	t.add(Audit.INSERT(Audit.AllColumns).MODELS(rows))
}

// noted is the part of a statement that adds a line to the audit when the table expression hits has a row: what changes
// nothing, as a request that is repeated, leaves no line. Its parameters are those of notedArgs, from number n on.
func noted(hits string, n int) string {
	return fmt.Sprintf(`INSERT INTO audit (audit_id, at, actor_kind, actor_id, action, subject, request_id, before, after)
		SELECT $%d::uuid, $%d::timestamptz, $%d::text, $%d::text, $%d::text, $%d::text, $%d::text, $%d::jsonb, $%d::jsonb WHERE EXISTS (SELECT FROM %s)`,
		n, n+1, n+2, n+3, n+4, n+5, n+6, n+7, n+8, hits)
}

func notedArgs(at time.Time, l galaxy.Audit) []any {
	return []any{galaxy.NewID(), at, string(l.By.Kind), l.By.ID, l.Action, l.Subject, l.RequestID, small(l.Before),
		small(l.After)}
}

var insertAudit = shapeOf(Audit.INSERT(Audit.AllColumns).MODEL(model.Audit{}))

func small(m map[string]any) *json.RawMessage {
	if m == nil {
		return nil
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic("audit values must be plain: " + err.Error())
	}
	raw := json.RawMessage(b)
	return &raw
}

// ListAudit gives a page of the audit, newest first, and the cursor of the next page.
func (s *Store) ListAudit(ctx context.Context, f galaxy.AuditFilter, p galaxy.Page) ([]galaxy.AuditLine, string, error) {
	where := Bool(true)
	if f.Actor.Kind != "" {
		where = where.AND(Audit.ActorKind.EQ(String(string(f.Actor.Kind))))
	}
	if f.Actor.ID != "" {
		where = where.AND(Audit.ActorID.EQ(String(f.Actor.ID)))
	}
	if f.Action != "" {
		where = where.AND(Audit.Action.EQ(String(f.Action)))
	}
	if f.Subject != "" {
		where = where.AND(Audit.Subject.EQ(String(f.Subject)))
	}
	if f.From != nil {
		where = where.AND(Audit.At.GT_EQ(TimestampzT(*f.From)))
	}
	if f.Until != nil {
		where = where.AND(Audit.At.LT(TimestampzT(*f.Until)))
	}
	where, err := beyond(where, p, Audit.AuditID.LT)
	if err != nil {
		return nil, "", err
	}
	found, err := rows[model.Audit](ctx, s, SELECT(Audit.AllColumns).FROM(Audit).WHERE(where).ORDER_BY(Audit.AuditID.DESC()).LIMIT(int64(p.Limit)+1))
	if err != nil {
		return nil, "", err
	}
	page, next := paged(found, p.Limit, func(m model.Audit) uuid.UUID { return m.AuditID })
	var out []galaxy.AuditLine
	for _, m := range page {
		line := galaxy.AuditLine{ID: m.AuditID, At: m.At, Audit: galaxy.Audit{By: galaxy.Principal{Kind: galaxy.PrincipalKind(m.ActorKind), ID: m.ActorID},
			Action: m.Action, Subject: m.Subject, RequestID: m.RequestID}}
		if line.Before, err = values(m.Before); err != nil {
			return nil, "", err
		}
		if line.After, err = values(m.After); err != nil {
			return nil, "", err
		}
		out = append(out, line)
	}
	return out, next, nil
}

func values(raw *json.RawMessage) (map[string]any, error) {
	if raw == nil {
		return nil, nil
	}
	var v map[string]any
	return v, json.Unmarshal(*raw, &v)
}

// KeepAudit makes the audit's partitions for the months to come, and drops those whose rows are all older than before.
func (s *Store) KeepAudit(ctx context.Context, now, before time.Time) (dropped int, err error) {
	t := &tx{}
	t.raw(`SELECT pg_advisory_xact_lock($1)`, auditLock) // two at once would make the same month
	t.raw(`SELECT audit_make_partitions($1, $2)`, now, now.AddDate(0, 2, 0))
	var found []struct{ N int }
	scanAll(t.raw(`SELECT audit_drop_partitions($1)`, before), &found)
	if err := s.commit(ctx, t); err != nil {
		return 0, err
	}
	return found[0].N, nil
}
