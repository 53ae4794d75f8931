-- +goose Up

-- A fence also tells that a player owns as many private games, or has registered as many race names, as is allowed, or
-- that a race name is somebody else's.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION fence(hits bigint, what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF hits = 0 THEN
        RAISE EXCEPTION 'fence: %', what USING ERRCODE = CASE what WHEN 'lease' THEN 'GX002' WHEN 'blocked' THEN 'GX004' WHEN 'seats' THEN 'GX005'
            WHEN 'owned' THEN 'GX006' WHEN 'names' THEN 'GX007' WHEN 'taken' THEN 'GX008' ELSE 'GX001' END;
    END IF;
    RETURN true;
END
$$;
-- +goose StatementEnd

-- wake_at is when the game must be looked at although nobody asks: an invite expires, or the enrolment or its gap ends.
ALTER TABLE games
    ADD COLUMN owner_id          uuid        REFERENCES accounts,
    ADD COLUMN start_gap_hours   integer     NOT NULL DEFAULT 0,
    ADD COLUMN start_gap_players integer     NOT NULL DEFAULT 0,
    ADD COLUMN gap_since         timestamptz,
    ADD COLUMN order_grace_ms    bigint,
    ADD COLUMN wake_at           timestamptz;
UPDATE games SET wake_at = enrollment_ends_at WHERE status = 'enrollment_open';
CREATE INDEX games_wake_idx ON games (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX games_owner_idx ON games (owner_id, game_id) WHERE owner_id IS NOT NULL;
CREATE INDEX games_all_idx ON games (status, game_id DESC);
CREATE INDEX games_live_idx ON games (game_id) WHERE status NOT IN ('draft', 'finished', 'cancelled');

-- Players look for words of a game, each by its beginning.
-- +goose StatementBegin
CREATE FUNCTION game_words(name text, description text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsvector('simple', regexp_replace(lower(name || ' ' || description), '[^[:alnum:]]+', ' ', 'g'))
$$;
-- +goose StatementEnd
CREATE INDEX games_words_idx ON games USING gin (game_words(name, description));

-- What a pause has left of the time to the deadline.
ALTER TABLE runtimes ADD COLUMN remaining_ms bigint;

-- An invite names who is asked into a private game. Grows with games, and is kept like them.
CREATE TABLE invites (
    invite_id          uuid        PRIMARY KEY,
    game_id            uuid        NOT NULL REFERENCES games,
    user_id            uuid        NOT NULL REFERENCES accounts,
    inviter_kind       text        NOT NULL,
    inviter_id         text        NOT NULL,
    status             text        NOT NULL CHECK (status IN ('pending', 'redeemed', 'declined', 'revoked', 'expired')),
    race_name          text        NOT NULL DEFAULT '',
    created_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    decided_at         timestamptz,
    idempotency_key    text,
    idempotency_digest bytea,
    UNIQUE (inviter_kind, inviter_id, idempotency_key)
);
CREATE UNIQUE INDEX invites_live_key ON invites (game_id, user_id) WHERE status = 'pending';
CREATE INDEX invites_game_idx ON invites (game_id, invite_id);
CREATE INDEX invites_user_idx ON invites (user_id, invite_id);

-- A seat keeps its race name reserved: an ended one only if it ended after the start.
ALTER TABLE memberships ADD COLUMN holds_name boolean NOT NULL DEFAULT false;
UPDATE memberships SET holds_name = true WHERE status = 'active';

-- A name that was won waits to be registered until expires_at.
ALTER TABLE race_names
    ADD COLUMN idempotency_key    text,
    ADD COLUMN idempotency_digest bytea,
    ADD UNIQUE (user_id, idempotency_key);
CREATE INDEX race_names_expires_idx ON race_names (expires_at) WHERE status = 'pending_registration';

-- What became of race names, for operators who settle a quarrel. Purged after BACKEND_RACE_NAME_RETENTION.
CREATE TABLE race_name_history (
    entry_id  uuid        PRIMARY KEY,
    race_key  text        NOT NULL,
    race_name text        NOT NULL,
    user_id   uuid        NOT NULL REFERENCES accounts,
    event     text        NOT NULL CHECK (event IN ('reserved', 'released', 'won', 'registered', 'expired')),
    game_id   uuid        REFERENCES games,
    at        timestamptz NOT NULL
);
CREATE INDEX race_name_history_key_idx ON race_name_history (race_key, entry_id);
CREATE INDEX race_name_history_user_idx ON race_name_history (user_id);
CREATE INDEX race_name_history_at_idx ON race_name_history (at);

ALTER TABLE notifications DROP CONSTRAINT notifications_kind_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_kind_check CHECK (kind IN (
    'lobby.invite.received', 'lobby.invite.revoked', 'lobby.application.submitted', 'lobby.application.approved', 'lobby.application.rejected',
    'lobby.membership.removed', 'lobby.membership.blocked', 'lobby.race_name.registered', 'lobby.race_name.pending', 'lobby.race_name.expired',
    'lobby.game.updated', 'game.turn.ready', 'game.paused'));

-- +goose Down
DELETE FROM notification_routes WHERE notice_id IN (SELECT notice_id FROM notifications WHERE kind NOT IN (
    'lobby.application.submitted', 'lobby.application.approved', 'lobby.application.rejected', 'game.turn.ready', 'game.paused'));
DELETE FROM notifications WHERE kind NOT IN (
    'lobby.application.submitted', 'lobby.application.approved', 'lobby.application.rejected', 'game.turn.ready', 'game.paused');
ALTER TABLE notifications DROP CONSTRAINT notifications_kind_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_kind_check CHECK (kind IN (
    'lobby.application.submitted', 'lobby.application.approved', 'lobby.application.rejected', 'game.turn.ready', 'game.paused'));
DROP TABLE race_name_history, invites;
DROP INDEX race_names_expires_idx;
ALTER TABLE race_names DROP COLUMN idempotency_key, DROP COLUMN idempotency_digest;
ALTER TABLE memberships DROP COLUMN holds_name;
ALTER TABLE runtimes DROP COLUMN remaining_ms;
DROP INDEX games_words_idx, games_wake_idx, games_owner_idx, games_all_idx, games_live_idx;
DROP FUNCTION game_words;
ALTER TABLE games DROP COLUMN owner_id, DROP COLUMN start_gap_hours, DROP COLUMN start_gap_players, DROP COLUMN gap_since,
    DROP COLUMN order_grace_ms, DROP COLUMN wake_at;
