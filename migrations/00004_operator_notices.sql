-- +goose Up

-- What happens to engines is told to operators: one route for each notice, to the address that is configured when it is
-- sent, and so without a player.
ALTER TABLE notification_routes ALTER COLUMN user_id DROP NOT NULL;
ALTER TABLE notification_routes DROP CONSTRAINT notification_routes_channel_check;
ALTER TABLE notification_routes
    ADD CONSTRAINT notification_routes_channel_check CHECK (channel IN ('push', 'email', 'admin_email')),
    ADD CONSTRAINT notification_routes_user_check CHECK ((user_id IS NULL) = (channel = 'admin_email'));
-- The key over notice, channel and player does not count routes without a player.
CREATE UNIQUE INDEX notification_routes_operators_key ON notification_routes (notice_id) WHERE user_id IS NULL;

ALTER TABLE notifications DROP CONSTRAINT notifications_kind_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_kind_check CHECK (kind IN (
    'lobby.invite.received', 'lobby.invite.revoked', 'lobby.application.submitted', 'lobby.application.approved', 'lobby.application.rejected',
    'lobby.membership.removed', 'lobby.membership.blocked', 'lobby.race_name.registered', 'lobby.race_name.pending', 'lobby.race_name.expired',
    'lobby.game.updated', 'game.turn.ready', 'game.paused',
    'runtime.image_pull_failed', 'runtime.container_start_failed', 'runtime.start_config_invalid', 'runtime.engine_unreachable',
    'runtime.state_mismatch', 'runtime.disk_low', 'runtime.external_turn', 'runtime.banish_refused'));

-- +goose Down
-- The release before has no text for these mails: those that wait would be given up as dead letters.
UPDATE mail_deliveries SET status = 'skipped', detail = 'the release that knew this mail was taken back', settled_at = now()
    WHERE template_id LIKE 'runtime.%' AND status IN ('pending', 'retrying');
DELETE FROM notification_routes WHERE user_id IS NULL;
DELETE FROM notifications WHERE kind LIKE 'runtime.%';
ALTER TABLE notifications DROP CONSTRAINT notifications_kind_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_kind_check CHECK (kind IN (
    'lobby.invite.received', 'lobby.invite.revoked', 'lobby.application.submitted', 'lobby.application.approved', 'lobby.application.rejected',
    'lobby.membership.removed', 'lobby.membership.blocked', 'lobby.race_name.registered', 'lobby.race_name.pending', 'lobby.race_name.expired',
    'lobby.game.updated', 'game.turn.ready', 'game.paused'));
DROP INDEX notification_routes_operators_key;
ALTER TABLE notification_routes DROP CONSTRAINT notification_routes_user_check;
ALTER TABLE notification_routes DROP CONSTRAINT notification_routes_channel_check;
ALTER TABLE notification_routes ADD CONSTRAINT notification_routes_channel_check CHECK (channel IN ('push', 'email'));
ALTER TABLE notification_routes ALTER COLUMN user_id SET NOT NULL;
