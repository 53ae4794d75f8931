-- +goose Up

-- How the lease notices a time in which nobody was served although its connection has survived.
-- generation counts the times that a backend has begun to serve, or has resumed after a gap: a decision that was made before a gap
-- cannot be committed after it. beats counts heartbeats, so that a standby sees each of them whatever the clock shows.
-- ahead_us is by how many microseconds the database's clock was ahead of the holder's at the heartbeat, and server_at tells which
-- server's clock that was: together they give the heartbeat by the clock of the hosts when the database is another server's by now.
ALTER TABLE lease
    ADD COLUMN IF NOT EXISTS generation bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS beats      bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS ahead_us   bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS server_at  timestamptz;

-- A fence also tells that the holder of the lease has stood still, and has not noted it yet.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION fence(hits bigint, what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF hits = 0 THEN
        RAISE EXCEPTION 'fence: %', what USING ERRCODE = CASE what WHEN 'lease' THEN 'GX002' WHEN 'blocked' THEN 'GX004' WHEN 'seats' THEN 'GX005'
            WHEN 'owned' THEN 'GX006' WHEN 'names' THEN 'GX007' WHEN 'taken' THEN 'GX008' WHEN 'gap' THEN 'GX009' ELSE 'GX001' END;
    END IF;
    RETURN true;
END
$$;
-- +goose StatementEnd

-- Operators are told that the clocks of the database and of the service differ.
ALTER TABLE notifications DROP CONSTRAINT notifications_kind_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_kind_check CHECK (kind IN (
    'lobby.invite.received', 'lobby.invite.revoked', 'lobby.application.submitted', 'lobby.application.approved', 'lobby.application.rejected',
    'lobby.membership.removed', 'lobby.membership.blocked', 'lobby.race_name.registered', 'lobby.race_name.pending', 'lobby.race_name.expired',
    'lobby.game.updated', 'game.turn.ready', 'game.paused',
    'runtime.image_pull_failed', 'runtime.container_start_failed', 'runtime.start_config_invalid', 'runtime.engine_unreachable',
    'runtime.state_mismatch', 'runtime.disk_low', 'runtime.external_turn', 'runtime.banish_refused', 'runtime.clock_skew'));

-- +goose Down
-- The release before has no text for this mail: one that waits would be given up as a dead letter.
UPDATE mail_deliveries SET status = 'skipped', detail = 'the release that knew this mail was rolled back', settled_at = next_attempt_at
    WHERE template_id = 'runtime.clock_skew' AND status IN ('pending', 'retrying');
DELETE FROM notification_routes WHERE notice_id IN (SELECT notice_id FROM notifications WHERE kind = 'runtime.clock_skew');
DELETE FROM notifications WHERE kind = 'runtime.clock_skew';
ALTER TABLE notifications DROP CONSTRAINT notifications_kind_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_kind_check CHECK (kind IN (
    'lobby.invite.received', 'lobby.invite.revoked', 'lobby.application.submitted', 'lobby.application.approved', 'lobby.application.rejected',
    'lobby.membership.removed', 'lobby.membership.blocked', 'lobby.race_name.registered', 'lobby.race_name.pending', 'lobby.race_name.expired',
    'lobby.game.updated', 'game.turn.ready', 'game.paused',
    'runtime.image_pull_failed', 'runtime.container_start_failed', 'runtime.start_config_invalid', 'runtime.engine_unreachable',
    'runtime.state_mismatch', 'runtime.disk_low', 'runtime.external_turn', 'runtime.banish_refused'));
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
-- The columns of the lease stay: the release before does without them, and a backend that still serves beats with them.
