-- +goose Up

-- How a game meets a turn that everybody is ready for, and the ticks that an outage has swallowed.
ALTER TABLE games
    ADD COLUMN early_turn boolean NOT NULL DEFAULT false,
    ADD COLUMN show_ready boolean NOT NULL DEFAULT false,
    ADD COLUMN catch_up   text    NOT NULL DEFAULT 'run_once' CHECK (catch_up IN ('run_once', 'skip', 'shift'));

-- early_at is the deadline that ready marks have brought forward; makeup says that the deadline stands for ticks that an
-- outage has swallowed; deadline_set_at is when it was set, so that no outage counts twice. closed_since is since when no orders
-- can be given although the game runs. reports is the newest turn whose reports are all stored. The patch_ columns are the
-- version that an open patch leads to, the failure_ columns how the engine last died.
ALTER TABLE runtimes
    ADD COLUMN early_at            timestamptz,
    ADD COLUMN makeup              boolean NOT NULL DEFAULT false,
    ADD COLUMN deadline_set_at     timestamptz,
    ADD COLUMN closed_since        timestamptz,
    ADD COLUMN reports             integer NOT NULL DEFAULT -1,
    ADD COLUMN patch_version       text,
    ADD COLUMN patch_image         text,
    ADD COLUMN patch_expected_turn boolean,
    ADD COLUMN failure_at          timestamptz,
    ADD COLUMN failure_cause       text    NOT NULL DEFAULT '',
    ADD COLUMN failure_log         text    NOT NULL DEFAULT '',
    ADD COLUMN ended_at            timestamptz;
ALTER TABLE runtimes DROP CONSTRAINT runtimes_status_check;
ALTER TABLE runtimes ADD CONSTRAINT runtimes_status_check CHECK (status IN ('none', 'starting', 'running', 'generation_in_progress', 'generation_failed',
    'engine_unreachable', 'stopped', 'finished', 'removed'));
DROP INDEX runtimes_live_idx;
CREATE INDEX runtimes_live_idx ON runtimes (status) WHERE status NOT IN ('none', 'stopped', 'finished', 'removed');
CREATE INDEX runtimes_early_idx ON runtimes (early_at) WHERE early_at IS NOT NULL;
CREATE INDEX runtimes_ended_idx ON runtimes (ended_at) WHERE ended_at IS NOT NULL AND status <> 'removed';
CREATE INDEX runtimes_purge_idx ON runtimes (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX runtimes_resting_idx ON runtimes (game_id) WHERE status IN ('stopped', 'engine_unreachable') AND op_kind IS NULL;
CREATE INDEX runtimes_reports_idx ON runtimes (game_id) WHERE reports < turn;
UPDATE runtimes r SET ended_at = g.updated_at FROM games g WHERE g.game_id = r.game_id AND g.status IN ('finished', 'cancelled') AND r.status <> 'none';

-- ready_for is the turn that a member has no more orders for. extinct is what the engine showed with the last turn. banish is
-- what the engine must be told of a race whose member is gone: 'wanted' until it has taken it, or does not know the race.
ALTER TABLE memberships
    ADD COLUMN ready_for integer NOT NULL DEFAULT 0,
    ADD COLUMN extinct   boolean NOT NULL DEFAULT false,
    ADD COLUMN banish    text    NOT NULL DEFAULT '' CHECK (banish IN ('', 'wanted', 'taken', 'unknown'));
UPDATE memberships m SET banish = 'wanted' FROM games g WHERE g.game_id = m.game_id AND g.status IN ('running', 'paused') AND m.status <> 'active' AND m.holds_name;
CREATE INDEX memberships_banish_idx ON memberships (game_id) WHERE banish = 'wanted';

-- Times in which no backend served, by the epoch of the one that did again. Grows with outages of a minute and more: a handful.
CREATE TABLE outages (
    epoch    bigint      NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    PRIMARY KEY (epoch, began_at)
);

-- Every race's report of every turn, compressed. Purged BACKEND_REPORT_RETENTION after the end of the game.
CREATE TABLE reports (
    game_id   uuid    NOT NULL REFERENCES games,
    epoch     integer NOT NULL,
    turn      integer NOT NULL,
    race_name text    NOT NULL,
    body      bytea   NOT NULL,
    PRIMARY KEY (game_id, epoch, turn, race_name)
);
-- It is compressed already.
ALTER TABLE reports ALTER COLUMN body SET STORAGE EXTERNAL;

-- Batches of commands that the engine has accepted. Purged like reports.
CREATE TABLE order_batches (
    game_id         uuid        NOT NULL REFERENCES games,
    epoch           integer     NOT NULL,
    turn            integer     NOT NULL,
    race_name       text        NOT NULL,
    batch_id        text        NOT NULL,
    user_id         uuid        NOT NULL REFERENCES accounts,
    engine_revision bigint      NOT NULL,
    commands        text        NOT NULL,
    results         jsonb       NOT NULL,
    stored_at       timestamptz NOT NULL,
    PRIMARY KEY (game_id, epoch, turn, race_name, batch_id)
);

-- A month can be dropped by two at once: by a purge that its service has not waited for, and by the start of the next one.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION audit_drop_partitions(before timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    part    text;
    dropped integer := 0;
BEGIN
    FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'audit'::regclass AND c.relname ~ '^audit_[0-9]{6}$'
            AND (to_date(substr(c.relname, 7), 'YYYYMM') + interval '1 month') AT TIME ZONE 'UTC' <= before
    LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I', part);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
-- +goose StatementEnd

-- Entries that can be edited have a version.
ALTER TABLE engine_versions ADD COLUMN version_number bigint NOT NULL DEFAULT 1;

-- +goose Down
ALTER TABLE engine_versions DROP COLUMN version_number;
DROP TABLE order_batches, reports, outages;
DROP INDEX memberships_banish_idx;
ALTER TABLE memberships DROP COLUMN ready_for, DROP COLUMN extinct, DROP COLUMN banish;
DROP INDEX runtimes_live_idx, runtimes_early_idx, runtimes_ended_idx, runtimes_purge_idx, runtimes_resting_idx, runtimes_reports_idx;
UPDATE runtimes SET status = 'stopped' WHERE status = 'removed';
ALTER TABLE runtimes DROP CONSTRAINT runtimes_status_check;
ALTER TABLE runtimes ADD CONSTRAINT runtimes_status_check CHECK (status IN ('none', 'starting', 'running', 'generation_in_progress', 'generation_failed',
    'engine_unreachable', 'stopped', 'finished'));
CREATE INDEX runtimes_live_idx ON runtimes (status) WHERE status NOT IN ('none', 'stopped', 'finished');
ALTER TABLE runtimes DROP COLUMN early_at, DROP COLUMN makeup, DROP COLUMN deadline_set_at, DROP COLUMN closed_since, DROP COLUMN reports, DROP COLUMN patch_version, DROP COLUMN patch_image,
    DROP COLUMN patch_expected_turn, DROP COLUMN failure_at, DROP COLUMN failure_cause, DROP COLUMN failure_log, DROP COLUMN ended_at;
ALTER TABLE games DROP COLUMN early_turn, DROP COLUMN show_ready, DROP COLUMN catch_up;
