package store

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"galaxy/backend/galaxy"
)

// LiveRights hands the rights of every player to each, in three queries.
func (s *Store) LiveRights(ctx context.Context, each func(galaxy.UserID, galaxy.Rights)) error {
	sanctions, err := everything[sanctionRow](ctx, s, sanctionQuery+" WHERE lifted_at IS NULL ORDER BY sanction_id")
	if err != nil {
		return err
	}
	limits, err := everything[limitRow](ctx, s, limitQuery+" ORDER BY name")
	if err != nil {
		return err
	}
	forbidden, set := map[uuid.UUID][]galaxy.Sanction{}, map[uuid.UUID][]galaxy.Limit{}
	for _, r := range sanctions {
		forbidden[r.User] = append(forbidden[r.User], r.sanction())
	}
	for _, r := range limits {
		set[r.User] = append(set[r.User], r.limit())
	}
	r, err := s.pool.Query(ctx, `SELECT a.user_id, `+entitlementFields+` FROM accounts a JOIN entitlement_snapshots e USING (user_id) WHERE a.deletion = ''`)
	if err != nil {
		return translate(err)
	}
	var id uuid.UUID
	var e entitlementColumns
	_, err = pgx.ForEachRow(r, []any{&id, &e.Tier, &e.Source, &e.StartsAt, &e.EndsAt, &e.RaceNames, &e.PrivateGames, &e.Memberships}, func() error {
		each(galaxy.UserID{UUID: id}, galaxy.Rights{Entitlement: e.entitlement(), Limits: set[id], Sanctions: forbidden[id]})
		e.EndsAt = nil // it was handed out
		return nil
	})
	return translate(err)
}

// everything is rows for the few queries that warm memory at the start, which may take their time.
func everything[T any](ctx context.Context, s *Store, sql string) ([]T, error) {
	r, err := s.pool.Query(ctx, sql)
	if err != nil {
		return nil, translate(err)
	}
	out, err := pgx.CollectRows(r, pgx.RowToStructByPos[T])
	return out, translate(err)
}

// ListUsers gives a page of players, newest first, and the cursor of the next page.
func (s *Store) ListUsers(ctx context.Context, f galaxy.UserFilter, p galaxy.Page) ([]galaxy.Account, string, error) {
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	now := arg(f.Now) + "::timestamptz"
	where := []string{now + " IS NOT NULL"}
	if query := prefixes(f.Text); query != "" {
		where = append(where, "account_words(a.email, a.user_name, a.display_name) @@ to_tsquery('simple', "+arg(query)+")")
	} else if f.Text != "" {
		where = append(where, "false") // no word in it
	}
	switch f.Status {
	case galaxy.UserActive:
		where = append(where, "NOT "+shutOut("a", now))
	case galaxy.UserBlocked:
		where = append(where, "a.deletion = ''", sanctioned("a", now, galaxy.LoginBlock))
	case galaxy.UserDeleted:
		where = append(where, "a.deletion <> ''")
	}
	if f.Sanction != "" {
		where = append(where, "EXISTS (SELECT FROM sanctions x WHERE x.user_id = a.user_id AND x.kind = "+arg(string(f.Sanction))+
			" AND x.lifted_at IS NULL AND (x.expires_at IS NULL OR x.expires_at > "+now+"))")
	}
	if f.Tier == galaxy.TierFree {
		where = append(where, "(e.tier = 'free' OR e.ends_at <= "+now+")")
	} else if f.Tier != "" {
		where = append(where, "e.tier = "+arg(string(f.Tier)), "(e.ends_at IS NULL OR e.ends_at > "+now+")")
	}
	if f.Country != "" {
		where = append(where, "a.declared_country = "+arg(f.Country))
	}
	if p.Cursor != "" {
		key, err := keyOf(p.Cursor)
		if err != nil {
			return nil, "", err
		}
		where = append(where, "a.user_id < "+arg(key))
	}
	found, err := rows[accountRow](ctx, s, literal{accountQuery + " WHERE " + strings.Join(where, " AND ") + " ORDER BY a.user_id DESC LIMIT " + arg(p.Limit+1), args})
	if err != nil {
		return nil, "", err
	}
	page, next := paged(found, p.Limit, func(r accountRow) uuid.UUID { return r.ID })
	out := make([]galaxy.Account, 0, len(page))
	for _, r := range page {
		out = append(out, r.account())
	}
	return out, next, s.addSanctions(ctx, out)
}

// addSanctions reads what is forbidden to the players of a page.
func (s *Store) addSanctions(ctx context.Context, page []galaxy.Account) error {
	if len(page) == 0 {
		return nil
	}
	at := map[uuid.UUID]int{}
	ids := make([]uuid.UUID, 0, len(page))
	for i, a := range page {
		at[a.ID.UUID], ids = i, append(ids, a.ID.UUID)
	}
	found, err := rows[sanctionRow](ctx, s, literal{sanctionQuery + " WHERE user_id = ANY($1) AND lifted_at IS NULL ORDER BY sanction_id", []any{ids}})
	for _, r := range found {
		a := &page[at[r.User]]
		a.Sanctions = append(a.Sanctions, r.sanction())
	}
	return err
}

// prefixes makes a text-search query of which every word must be the beginning of one in the account.
func prefixes(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, w := range words {
		words[i] = w + ":*"
	}
	return strings.Join(words, " & ")
}

// FindUser gives the id of the live account with an address, or with a user name.
func (s *Store) FindUser(ctx context.Context, email, userName string) (galaxy.UserID, error) {
	found, err := row[struct{ ID uuid.UUID }](ctx, s, literal{`SELECT user_id FROM accounts WHERE deleted_at IS NULL AND email = $1
		UNION SELECT user_id FROM accounts WHERE user_name = $2`, []any{nullable(email), nullable(userName)}})
	if galaxy.Is(err, galaxy.NotFound) {
		err = galaxy.Errorf(galaxy.NotFound, "no player has this address or user name")
	}
	return galaxy.UserID{UUID: found.ID}, err
}

// UserHistory gives what has been decided about a player and what the player has done, in one round trip.
func (s *Store) UserHistory(ctx context.Context, user galaxy.UserID) (galaxy.UserHistory, error) {
	var sanctions []sanctionRow
	var tiers []struct {
		Tier, Source string
		StartsAt     time.Time
		EndsAt       *time.Time
		SetAt        time.Time
		SetBy        string
	}
	var h galaxy.UserHistory
	t := &tx{}
	scanAll(t.raw(sanctionQuery+" WHERE user_id = $1 ORDER BY sanction_id", user.UUID), &sanctions)
	scanAll(t.raw(`SELECT tier, source, starts_at, ends_at, set_at, set_by FROM entitlement_history WHERE user_id = $1 ORDER BY entry_id`, user.UUID), &tiers)
	scanAll(t.raw(`SELECT m.game_id, g.name, g.status, m.race_name, m.status, m.joined_at, m.ended_at FROM memberships m JOIN games g USING (game_id)
		WHERE m.user_id = $1 ORDER BY m.membership_id DESC LIMIT 200`, user.UUID), &h.Games)
	scanAll(t.raw(`SELECT country, count, first_seen_at, last_seen_at FROM user_country_counters WHERE user_id = $1 ORDER BY count DESC, country`, user.UUID), &h.Countries)
	scanAll(t.raw(`SELECT a.game_id, a.race_name, a.status, a.created_at FROM applications a WHERE a.user_id = $1 ORDER BY a.application_id DESC LIMIT 200`, user.UUID), &h.Applications)
	scanAll(t.raw(`SELECT race_name, status, since, expires_at FROM race_names WHERE user_id = $1 ORDER BY race_name`, user.UUID), &h.RaceNames)
	err := s.read(ctx, t)
	for _, r := range sanctions {
		h.Sanctions = append(h.Sanctions, r.sanction())
	}
	for _, r := range tiers {
		h.Tiers = append(h.Tiers, galaxy.TierEntry{Tier: galaxy.Tier(r.Tier), Source: r.Source, StartsAt: r.StartsAt, EndsAt: r.EndsAt, SetAt: r.SetAt, SetBy: r.SetBy})
	}
	return h, err
}

// SanctionByKey gives the sanction that an operator set with an idempotency key, whether or not it was lifted since.
func (s *Store) SanctionByKey(ctx context.Context, by, key string) (galaxy.UserID, galaxy.Sanction, error) {
	r, err := row[sanctionRow](ctx, s, literal{sanctionQuery + " WHERE applied_by = $1 AND idempotency_key = $2", []any{by, key}})
	return galaxy.UserID{UUID: r.User}, r.sanction(), err
}

// ListRoutes gives a page of what a player was told, newest first, and the cursor of the next page.
func (s *Store) ListRoutes(ctx context.Context, user galaxy.UserID, p galaxy.Page) ([]galaxy.RouteSummary, string, error) {
	cursor := uuid.Max
	if p.Cursor != "" {
		var err error
		if cursor, err = keyOf(p.Cursor); err != nil {
			return nil, "", err
		}
	}
	found, err := rows[galaxy.RouteSummary](ctx, s, literal{`SELECT r.route_id, n.kind, r.channel, r.status, r.attempts, r.detail, r.created_at, r.settled_at
		FROM notification_routes r JOIN notifications n USING (notice_id) WHERE r.user_id = $1 AND r.route_id < $2 ORDER BY r.route_id DESC LIMIT $3`,
		[]any{user.UUID, cursor, p.Limit + 1}})
	if err != nil {
		return nil, "", err
	}
	page, next := paged(found, p.Limit, func(r galaxy.RouteSummary) uuid.UUID { return r.ID })
	return page, next, nil
}
