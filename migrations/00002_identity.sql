-- +goose Up

-- A fence also tells that a player is blocked, or has no seat left.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION fence(hits bigint, what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF hits = 0 THEN
        RAISE EXCEPTION 'fence: %', what USING ERRCODE = CASE what WHEN 'lease' THEN 'GX002' WHEN 'blocked' THEN 'GX004' WHEN 'seats' THEN 'GX005' ELSE 'GX001' END;
    END IF;
    RETURN true;
END
$$;
-- +goose StatementEnd

-- How far the deletion of an account has come: '' while it lives, then the steps in order, at last 'done'. The address
-- goes with the last step only, since the steps before find by it what else must go.
ALTER TABLE accounts
    ADD COLUMN deletion            text        NOT NULL DEFAULT '' CHECK (deletion IN ('', 'lobby', 'mails', 'traces', 'identity', 'done')),
    ADD COLUMN deletion_since      timestamptz,
    ADD COLUMN email_off           text[]      NOT NULL DEFAULT '{}';
CREATE INDEX accounts_deletion_idx ON accounts (user_id) WHERE deletion NOT IN ('', 'done');

-- Operators look for words of an account, each by its beginning.
-- +goose StatementBegin
CREATE FUNCTION account_words(email text, user_name text, display_name text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsvector('simple', regexp_replace(lower(coalesce(email, '') || ' ' || user_name || ' ' || display_name), '[^[:alnum:]]+', ' ', 'g'))
$$;
-- +goose StatementEnd
CREATE INDEX accounts_words_idx ON accounts USING gin (account_words(email, user_name, display_name));
CREATE INDEX accounts_country_idx ON accounts (declared_country, user_id DESC);

-- Every tier that a player was given, the newest of which is the snapshot. Grows with operators' decisions; never purged.
CREATE TABLE entitlement_history (
    entry_id  uuid        PRIMARY KEY,
    user_id   uuid        NOT NULL REFERENCES accounts,
    tier      text        NOT NULL,
    source    text        NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz,
    set_at    timestamptz NOT NULL,
    set_by    text        NOT NULL
);
CREATE INDEX entitlement_history_user_idx ON entitlement_history (user_id, entry_id);
CREATE INDEX entitlement_snapshots_tier_idx ON entitlement_snapshots (tier, user_id DESC);
CREATE INDEX entitlement_snapshots_ends_idx ON entitlement_snapshots (ends_at) WHERE ends_at IS NOT NULL AND tier <> 'free';

-- Single numbers of a player's entitlement that an operator has set instead.
CREATE TABLE user_limits (
    user_id    uuid        NOT NULL REFERENCES accounts,
    name       text        NOT NULL CHECK (name IN ('max_registered_race_names', 'max_owned_private_games', 'max_active_memberships')),
    value      integer     NOT NULL,
    expires_at timestamptz,
    set_at     timestamptz NOT NULL,
    set_by     text        NOT NULL,
    PRIMARY KEY (user_id, name)
);

-- Grows with operators' decisions; never purged: it is the history of what was forbidden to whom.
CREATE TABLE sanctions (
    sanction_id        uuid        PRIMARY KEY,
    user_id            uuid        NOT NULL REFERENCES accounts,
    kind               text        NOT NULL CHECK (kind IN ('login_block', 'profile_update_block', 'private_game_create_block', 'private_game_manage_block',
                                                            'game_join_block', 'diplomail_block', 'permanent_block')),
    reason_code        text        NOT NULL,
    note               text        NOT NULL DEFAULT '',
    applied_by         text        NOT NULL,
    applied_at         timestamptz NOT NULL,
    expires_at         timestamptz,
    lifted_by          text        NOT NULL DEFAULT '',
    lifted_at          timestamptz,
    lift_reason        text        NOT NULL DEFAULT '',
    idempotency_key    text,
    idempotency_digest bytea,
    UNIQUE (applied_by, idempotency_key)
);
CREATE INDEX sanctions_user_idx ON sanctions (user_id, sanction_id);
CREATE INDEX sanctions_kind_idx ON sanctions (kind, user_id) WHERE lifted_at IS NULL;

-- Addresses that a player had before or has asked to change to: what was mailed there goes with the account.
CREATE TABLE account_addresses (
    user_id uuid NOT NULL REFERENCES accounts,
    address text NOT NULL,
    PRIMARY KEY (user_id, address)
);

-- Requests of a player's devices by the country that they came from.
CREATE TABLE user_country_counters (
    user_id       uuid        NOT NULL REFERENCES accounts,
    country       text        NOT NULL,
    count         bigint      NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, country)
);

-- A challenge either signs a device in or, with a player, gives that player another address. Purged two days after it
-- was made: the limits of a day are counted on it.
ALTER TABLE auth_challenges
    ADD COLUMN user_id uuid REFERENCES accounts,
    ADD COLUMN blocked boolean NOT NULL DEFAULT false;
CREATE INDEX auth_challenges_created_idx ON auth_challenges (created_at);

-- Revoked sessions are purged after a while (BACKEND_SESSION_RETENTION).
CREATE INDEX device_sessions_live_idx ON device_sessions (user_id, device_session_id) WHERE revoked_at IS NULL;
CREATE INDEX device_sessions_revoked_idx ON device_sessions (revoked_at) WHERE revoked_at IS NOT NULL;

ALTER TABLE admin_accounts
    ADD COLUMN created_by         text NOT NULL DEFAULT 'system:bootstrap',
    ADD COLUMN idempotency_key    text,
    ADD COLUMN idempotency_digest bytea,
    ADD UNIQUE (created_by, idempotency_key);

ALTER TABLE mail_deliveries DROP CONSTRAINT mail_deliveries_status_check;
ALTER TABLE mail_deliveries ADD CONSTRAINT mail_deliveries_status_check
    CHECK (status IN ('pending', 'retrying', 'sent', 'skipped', 'suppressed', 'dead_lettered'));
CREATE INDEX mail_recipients_address_idx ON mail_recipients (address);

-- The audit: partitions by month, made ahead of time and dropped whole; no row is ever changed or deleted.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only: % is refused', TG_OP USING ERRCODE = 'GX003';
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION audit_make_partitions(first timestamptz, last timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    month timestamp := date_trunc('month', first AT TIME ZONE 'UTC');
    part  text;
    made  integer := 0;
BEGIN
    WHILE month <= last AT TIME ZONE 'UTC' LOOP
        part := 'audit_' || to_char(month, 'YYYYMM');
        IF to_regclass(part) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF audit FOR VALUES FROM (%L) TO (%L)', part,
                month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
            EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()', part);
            made := made + 1;
        END IF;
        month := month + interval '1 month';
    END LOOP;
    RETURN made;
END
$$;
-- +goose StatementEnd

-- Drops the partitions all of whose rows are older than a time, and gives their number.
-- +goose StatementBegin
CREATE FUNCTION audit_drop_partitions(before timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    part    text;
    dropped integer := 0;
BEGIN
    FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'audit'::regclass AND c.relname ~ '^audit_[0-9]{6}$'
            AND (to_date(substr(c.relname, 7), 'YYYYMM') + interval '1 month') AT TIME ZONE 'UTC' <= before
    LOOP
        EXECUTE format('DROP TABLE %I', part);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
-- +goose StatementEnd

-- What was written before there were months moves into them.
ALTER TABLE audit DETACH PARTITION audit_default;
ALTER TABLE audit_default RENAME TO audit_moving;
CREATE TABLE audit_default PARTITION OF audit DEFAULT;
SELECT audit_make_partitions(least(now(), (SELECT min(at) FROM audit_moving)), now() + interval '2 months');
INSERT INTO audit SELECT * FROM audit_moving;
DROP TABLE audit_moving;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit_default FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE INDEX audit_actor_idx ON audit (actor_kind, actor_id, audit_id);
CREATE INDEX audit_action_idx ON audit (action, audit_id);
CREATE INDEX audit_subject_id_idx ON audit (subject, audit_id);
DROP INDEX audit_subject_idx;

-- +goose Down
DROP TRIGGER append_only ON audit;
DROP TRIGGER no_truncate ON audit;
DROP TRIGGER no_truncate ON audit_default;
DROP INDEX audit_actor_idx, audit_action_idx, audit_subject_id_idx;
CREATE INDEX audit_subject_idx ON audit (subject, at);
DROP FUNCTION audit_make_partitions, audit_drop_partitions;
DROP INDEX mail_recipients_address_idx, device_sessions_live_idx, device_sessions_revoked_idx, auth_challenges_created_idx,
    entitlement_snapshots_tier_idx, entitlement_snapshots_ends_idx, accounts_country_idx, accounts_words_idx, accounts_deletion_idx;
UPDATE mail_deliveries SET status = 'skipped' WHERE status = 'suppressed';
ALTER TABLE mail_deliveries DROP CONSTRAINT mail_deliveries_status_check;
ALTER TABLE mail_deliveries ADD CONSTRAINT mail_deliveries_status_check CHECK (status IN ('pending', 'retrying', 'sent', 'skipped', 'dead_lettered'));
ALTER TABLE admin_accounts DROP COLUMN created_by, DROP COLUMN idempotency_key, DROP COLUMN idempotency_digest;
ALTER TABLE auth_challenges DROP COLUMN user_id, DROP COLUMN blocked;
DROP TABLE account_addresses, user_country_counters, sanctions, user_limits, entitlement_history;
DROP FUNCTION account_words;
ALTER TABLE accounts DROP COLUMN deletion, DROP COLUMN deletion_since, DROP COLUMN email_off;
