package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"galaxy/backend/galaxy"
)

// What a violated constraint means to a caller. A constraint that is not named here is a fault of ours.
var constraints = map[string]*galaxy.Error{
	"accounts_email_key":                                   galaxy.Errorf(galaxy.Conflict, "this address has an account already"),
	"applications_live_key":                                galaxy.Errorf(galaxy.Conflict, "you have applied to this game already"),
	"applications_user_id_idempotency_key_key":             errRepeated,
	"games_created_by_kind_created_by_idempotency_key_key": errRepeated,
	"engine_versions_created_by_idempotency_key_key":       errRepeated,
	"sanctions_applied_by_idempotency_key_key":             errRepeated,
	"admin_accounts_created_by_idempotency_key_key":        errRepeated,
	"admin_accounts_pkey":                                  galaxy.Errorf(galaxy.Conflict, "there is an operator of this name already"),
	"applications_user_id_fkey":                            galaxy.Errorf(galaxy.Unauthorized, "this player has no account"),
	"memberships_live_user_key":                            galaxy.Errorf(galaxy.Conflict, "this player is a member of the game already"),
	"memberships_live_race_key":                            galaxy.Errorf(galaxy.NameTaken, "this race name, or one that looks like it, is taken in this game"),
	"race_names_pkey":                                      errTaken,
	"race_names_user_id_idempotency_key_key":               errRepeated,
	"invites_live_key":                                     galaxy.Errorf(galaxy.Conflict, "this player is invited already"),
	"invites_inviter_kind_inviter_id_idempotency_key_key":  errRepeated,
	"invites_user_id_fkey":                                 galaxy.Errorf(galaxy.NotFound, "there is no such player"),
	"engine_versions_pkey":                                 galaxy.Errorf(galaxy.Conflict, "this engine version is registered already"),
	"orders_user_id_fkey":                                  galaxy.Errorf(galaxy.Unauthorized, "this player has no account"),
}

var errTaken = galaxy.Errorf(galaxy.NameTaken, "this race name, or one that looks like it, belongs to another player")

// errRepeated: the caller's idempotency key belongs to a row made before.
var errRepeated = galaxy.Errorf(galaxy.Conflict, "this idempotency key was used before")

var (
	errAway     = galaxy.Errorf(galaxy.ServiceUnavailable, "the database does not answer; try again shortly")
	errConflict = galaxy.Errorf(galaxy.ServiceUnavailable, "the database was busy with a conflicting change; try again")
	errGap      = galaxy.Errorf(galaxy.ServiceUnavailable,
		"this backend has stood still and finds out what it has missed; try again shortly").Because(errUnnoted)
	errSlow = galaxy.Errorf(galaxy.Timeout, "the database did not answer in time")
)

// errUnnoted: nobody was served for a while, and what was to be committed does not know.
var errUnnoted = errors.New("a gap in the service was not known to the decision")

// translate gives what a failure of Postgres means to the service.
func translate(err error) error {
	var pg *pgconn.PgError
	var known *galaxy.Error
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.As(err, &known), galaxy.MemoryStale(err):
		return err
	case errors.Is(err, pgx.ErrNoRows):
		return galaxy.Errorf(galaxy.NotFound, "there is no such thing")
	case errors.As(err, &pg):
		return translateServer(pg)
	case errors.Is(err, context.DeadlineExceeded):
		return errSlow.Because(err)
	case disconnected(err):
		return errAway.Because(err)
	}
	return err
}

func translateServer(pg *pgconn.PgError) error {
	if e, ok := constraints[pg.ConstraintName]; ok && strings.HasPrefix(pg.Code, "23") {
		if e == errRepeated {
			return e.Because(errors.Join(galaxy.ErrRepeated, pg))
		}
		return e.Because(pg)
	}
	switch {
	case pg.Code == "40001", pg.Code == "40P01", pg.Code == "55P03":
		return errConflict.Because(pg)
	case pg.Code == "57014":
		return errSlow.Because(pg)
	case strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "57P"), pg.Code == "53300":
		return errAway.Because(pg)
	case strings.HasPrefix(pg.Code, "22"), strings.HasPrefix(pg.Code, "23"): // data, and constraints that nobody expected to meet
		return fmt.Errorf("%w: %w", galaxy.ErrRefused, pg)
	}
	return pg
}

func disconnected(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "unexpected EOF") || strings.Contains(err.Error(), "conn closed")
}

// translateCommit is translate for a transaction that was on its way: when the connection broke, or time ran out,
// nobody knows whether it was committed, unless Postgres said so or nothing was sent.
func translateCommit(err error) error {
	var pg *pgconn.PgError
	if err == nil || errors.As(err, &pg) || pgconn.SafeToRetry(err) {
		return translate(err)
	}
	out := translate(err)
	var known *galaxy.Error
	if galaxy.MemoryStale(out) || !errors.As(out, &known) || known.Code == galaxy.ServiceUnavailable || known.Code == galaxy.Timeout {
		if !galaxy.MemoryStale(out) && (disconnected(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
			return errAway.Because(errors.Join(galaxy.ErrOutcomeUnknown, err))
		}
	}
	return out
}
