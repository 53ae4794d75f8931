-- +goose Up

-- schedule_broken_since is since when the schedule of a game gives no tick, and schedule_broken_cause why; the cause is missing
-- while the schedule may only be unreadable for the moment. A game leaves the index when its schedule gives ticks again, or it ends.
ALTER TABLE runtimes
    ADD COLUMN schedule_broken_since timestamptz,
    ADD COLUMN schedule_broken_cause text;
CREATE INDEX runtimes_schedule_broken_idx ON runtimes (game_id) WHERE schedule_broken_since IS NOT NULL;
-- Games that have lost their deadline already ask their schedules again with the next sweep.
UPDATE runtimes r SET schedule_broken_since = r.why_since FROM games g
    WHERE g.game_id = r.game_id AND g.status = 'running' AND r.turn >= 0 AND r.deadline IS NULL AND coalesce(r.op_turn, 0) = 0;

ALTER TABLE notifications DROP CONSTRAINT notifications_kind_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_kind_check CHECK (kind IN (
    'lobby.invite.received', 'lobby.invite.revoked', 'lobby.application.submitted', 'lobby.application.approved', 'lobby.application.rejected',
    'lobby.membership.removed', 'lobby.membership.blocked', 'lobby.race_name.registered', 'lobby.race_name.pending', 'lobby.race_name.expired',
    'lobby.game.updated', 'game.turn.ready', 'game.paused',
    'runtime.image_pull_failed', 'runtime.container_start_failed', 'runtime.start_config_invalid', 'runtime.engine_unreachable',
    'runtime.state_mismatch', 'runtime.disk_low', 'runtime.external_turn', 'runtime.banish_refused', 'runtime.clock_skew',
    'runtime.schedule_broken'));

-- +goose Down
-- The release before has no text for this mail: those that wait would be given up as dead letters.
UPDATE mail_deliveries SET status = 'skipped', detail = 'the release that knew this mail was rolled back', settled_at = now()
    WHERE template_id = 'runtime.schedule_broken' AND status IN ('pending', 'retrying');
DELETE FROM notification_routes WHERE notice_id IN (SELECT notice_id FROM notifications WHERE kind = 'runtime.schedule_broken');
DELETE FROM notifications WHERE kind = 'runtime.schedule_broken';
ALTER TABLE notifications DROP CONSTRAINT notifications_kind_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_kind_check CHECK (kind IN (
    'lobby.invite.received', 'lobby.invite.revoked', 'lobby.application.submitted', 'lobby.application.approved', 'lobby.application.rejected',
    'lobby.membership.removed', 'lobby.membership.blocked', 'lobby.race_name.registered', 'lobby.race_name.pending', 'lobby.race_name.expired',
    'lobby.game.updated', 'game.turn.ready', 'game.paused',
    'runtime.image_pull_failed', 'runtime.container_start_failed', 'runtime.start_config_invalid', 'runtime.engine_unreachable',
    'runtime.state_mismatch', 'runtime.disk_low', 'runtime.external_turn', 'runtime.banish_refused', 'runtime.clock_skew'));
DROP INDEX runtimes_schedule_broken_idx;
ALTER TABLE runtimes DROP COLUMN schedule_broken_since, DROP COLUMN schedule_broken_cause;
