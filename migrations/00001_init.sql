-- +goose Up

-- One row: which backend serves this database. The epoch rises at every take-over and fences every commit.
CREATE TABLE lease (
    one          boolean     PRIMARY KEY DEFAULT true CHECK (one),
    epoch        bigint      NOT NULL DEFAULT 0,
    holder       text        NOT NULL DEFAULT '',
    taken_at     timestamptz,
    heartbeat_at timestamptz
);
INSERT INTO lease DEFAULT VALUES;

-- Ends a transaction in which a guarded write hit no row, so that all of it can be sent at once.
-- +goose StatementBegin
CREATE FUNCTION fence(hits bigint, what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF hits = 0 THEN
        RAISE EXCEPTION 'fence: %', what USING ERRCODE = CASE what WHEN 'lease' THEN 'GX002' ELSE 'GX001' END;
    END IF;
    RETURN true;
END
$$;
-- +goose StatementEnd

-- The high bits of push cursors: one number per process lifetime.
CREATE SEQUENCE push_boot_seq MINVALUE 1 MAXVALUE 8388607 CYCLE;

-- Keys that were not configured and were made at the first start.
CREATE TABLE secrets (
    name       text        PRIMARY KEY,
    value      bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE accounts (
    user_id            uuid        PRIMARY KEY,
    version            bigint      NOT NULL DEFAULT 1,
    email              text,
    user_name          text        NOT NULL UNIQUE,
    display_name       text        NOT NULL DEFAULT '',
    preferred_language text        NOT NULL,
    time_zone          text        NOT NULL,
    declared_country   text        NOT NULL DEFAULT '',
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    deleted_at         timestamptz,
    CHECK ((email IS NULL) = (deleted_at IS NOT NULL))
);
CREATE UNIQUE INDEX accounts_email_key ON accounts (email) WHERE deleted_at IS NULL;

CREATE TABLE entitlement_snapshots (
    user_id                   uuid        PRIMARY KEY REFERENCES accounts,
    tier                      text        NOT NULL CHECK (tier IN ('free', 'monthly', 'yearly', 'permanent')),
    source                    text        NOT NULL,
    starts_at                 timestamptz NOT NULL,
    ends_at                   timestamptz,
    max_registered_race_names integer     NOT NULL,
    max_owned_private_games   integer     NOT NULL,
    max_active_memberships    integer     NOT NULL
);

CREATE TABLE auth_challenges (
    challenge_id uuid        PRIMARY KEY,
    email        text        NOT NULL,
    code_hash    bytea       NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    attempts     integer     NOT NULL DEFAULT 0,
    consumed_at  timestamptz
);
CREATE INDEX auth_challenges_email_idx ON auth_challenges (email, created_at DESC);

CREATE TABLE device_sessions (
    device_session_id uuid        PRIMARY KEY,
    version           bigint      NOT NULL DEFAULT 1,
    user_id           uuid        NOT NULL REFERENCES accounts,
    client_public_key bytea       NOT NULL CHECK (octet_length(client_public_key) = 32),
    device_name       text        NOT NULL DEFAULT '',
    created_at        timestamptz NOT NULL,
    last_seen_at      timestamptz NOT NULL,
    revoked_at        timestamptz,
    revoke_reason     text        NOT NULL DEFAULT ''
);
CREATE INDEX device_sessions_user_idx ON device_sessions (user_id);

CREATE TABLE admin_accounts (
    username      text        PRIMARY KEY,
    version       bigint      NOT NULL DEFAULT 1,
    password_hash bytea       NOT NULL,
    enabled       boolean     NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);

CREATE TABLE engine_versions (
    version            text        PRIMARY KEY,
    image_ref          text        NOT NULL,
    enabled            boolean     NOT NULL,
    expected_turn      boolean     NOT NULL,
    created_at         timestamptz NOT NULL,
    created_by         text        NOT NULL,
    idempotency_key    text,
    idempotency_digest bytea,
    UNIQUE (created_by, idempotency_key)
);

CREATE TABLE games (
    game_id            uuid        PRIMARY KEY,
    version            bigint      NOT NULL,
    visibility         text        NOT NULL CHECK (visibility IN ('public', 'private')),
    status             text        NOT NULL CHECK (status IN ('draft', 'enrollment_open', 'ready_to_start', 'starting',
                                                              'start_failed', 'running', 'paused', 'finished', 'cancelled')),
    reason             text        NOT NULL DEFAULT '',
    name               text        NOT NULL,
    description        text        NOT NULL DEFAULT '',
    min_players        integer     NOT NULL,
    max_players        integer     NOT NULL CHECK (max_players >= min_players),
    enrollment_ends_at timestamptz,
    turn_schedule      text        NOT NULL,
    schedule_time_zone text        NOT NULL,
    target_version     text        NOT NULL DEFAULT '',
    created_by_kind    text        NOT NULL,
    created_by         text        NOT NULL,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    idempotency_key    text,
    idempotency_digest bytea,
    UNIQUE (created_by_kind, created_by, idempotency_key)
);
CREATE INDEX games_list_idx ON games (visibility, game_id DESC);
CREATE INDEX games_status_idx ON games (visibility, status, game_id DESC);

-- The engine's side of a game. It changes only together with its games row, whose version fences both.
CREATE TABLE runtimes (
    game_id        uuid        PRIMARY KEY REFERENCES games,
    status         text        NOT NULL CHECK (status IN ('none', 'starting', 'running', 'generation_in_progress', 'generation_failed',
                                                          'engine_unreachable', 'stopped', 'finished')),
    engine_version text        NOT NULL DEFAULT '',
    image_ref      text        NOT NULL DEFAULT '',
    expected_turn  boolean     NOT NULL DEFAULT false,
    epoch          integer     NOT NULL DEFAULT 0,
    turn           integer     NOT NULL DEFAULT -1,
    digest         text        NOT NULL DEFAULT '',
    deadline       timestamptz,
    op_kind        text,
    op_number      bigint      NOT NULL DEFAULT 0,
    op_attempt     integer     NOT NULL DEFAULT 0,
    op_since       timestamptz,
    op_turn        integer,
    op_cause       text,
    op_by_kind     text,
    op_by          text,
    op_due         timestamptz,
    pauses         integer     NOT NULL DEFAULT 0,
    why            text        NOT NULL DEFAULT 'idle',
    why_text       text        NOT NULL DEFAULT '',
    why_since      timestamptz NOT NULL,
    started_at     timestamptz
);
CREATE INDEX runtimes_deadline_idx ON runtimes (deadline) WHERE deadline IS NOT NULL;
CREATE INDEX runtimes_op_idx ON runtimes (game_id) WHERE op_kind IS NOT NULL;
CREATE INDEX runtimes_live_idx ON runtimes (status) WHERE status NOT IN ('none', 'stopped', 'finished');

CREATE TABLE applications (
    application_id     uuid        PRIMARY KEY,
    game_id            uuid        NOT NULL REFERENCES games,
    user_id            uuid        NOT NULL REFERENCES accounts,
    race_name          text        NOT NULL,
    race_key           text        NOT NULL,
    status             text        NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'withdrawn')),
    created_at         timestamptz NOT NULL,
    decided_at         timestamptz,
    decided_by_kind    text        NOT NULL DEFAULT '',
    decided_by         text        NOT NULL DEFAULT '',
    idempotency_key    text,
    idempotency_digest bytea,
    UNIQUE (user_id, idempotency_key)
);
CREATE UNIQUE INDEX applications_live_key ON applications (game_id, user_id) WHERE status = 'pending';
CREATE INDEX applications_game_idx ON applications (game_id, application_id);
CREATE INDEX applications_user_idx ON applications (user_id, application_id);

CREATE TABLE memberships (
    membership_id uuid        PRIMARY KEY,
    game_id       uuid        NOT NULL REFERENCES games,
    user_id       uuid        NOT NULL REFERENCES accounts,
    race_name     text        NOT NULL,
    race_key      text        NOT NULL,
    status        text        NOT NULL CHECK (status IN ('active', 'removed', 'blocked', 'left')),
    joined_at     timestamptz NOT NULL,
    ended_at      timestamptz
);
CREATE UNIQUE INDEX memberships_live_user_key ON memberships (game_id, user_id) WHERE status = 'active';
CREATE UNIQUE INDEX memberships_live_race_key ON memberships (game_id, race_key) WHERE status = 'active';
CREATE INDEX memberships_game_idx ON memberships (game_id, membership_id);
CREATE INDEX memberships_user_idx ON memberships (user_id, membership_id);

-- The Race Name Directory: who holds a canonical key, …
CREATE TABLE race_names (
    race_key   text        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES accounts,
    race_name  text        NOT NULL,
    status     text        NOT NULL CHECK (status IN ('registered', 'reserved', 'pending_registration')),
    since      timestamptz NOT NULL,
    expires_at timestamptz
);
CREATE INDEX race_names_user_idx ON race_names (user_id);

-- … and in which games it is reserved.
CREATE TABLE race_name_reservations (
    game_id   uuid NOT NULL REFERENCES games,
    race_key  text NOT NULL REFERENCES race_names ON DELETE CASCADE,
    race_name text NOT NULL,
    PRIMARY KEY (game_id, race_key)
);
CREATE INDEX race_name_reservations_key_idx ON race_name_reservations (race_key);

CREATE TABLE game_turns (
    game_id uuid        NOT NULL REFERENCES games,
    epoch   integer     NOT NULL,
    turn    integer     NOT NULL,
    digest  text        NOT NULL,
    made_at timestamptz NOT NULL,
    PRIMARY KEY (game_id, epoch, turn)
);

CREATE TABLE player_stats (
    game_id    uuid             NOT NULL,
    epoch      integer          NOT NULL,
    turn       integer          NOT NULL,
    race_name  text             NOT NULL,
    planets    integer          NOT NULL,
    population double precision NOT NULL,
    industry   double precision NOT NULL,
    ships      integer          NOT NULL,
    votes      double precision NOT NULL,
    extinct    boolean          NOT NULL,
    banished   boolean          NOT NULL,
    PRIMARY KEY (game_id, epoch, turn, race_name),
    FOREIGN KEY (game_id, epoch, turn) REFERENCES game_turns
);

CREATE TABLE game_timeline (
    entry_id    uuid        PRIMARY KEY,
    game_id     uuid        NOT NULL REFERENCES games,
    epoch       integer     NOT NULL,
    turn        integer     NOT NULL,
    outcome     text        NOT NULL,
    cause       text        NOT NULL,
    by_kind     text        NOT NULL,
    by_id       text        NOT NULL,
    deadline    timestamptz,
    at          timestamptz NOT NULL,
    lateness_ms bigint      NOT NULL
);
CREATE INDEX game_timeline_game_idx ON game_timeline (game_id, entry_id);

CREATE TABLE orders (
    game_id         uuid        NOT NULL REFERENCES games,
    epoch           integer     NOT NULL,
    turn            integer     NOT NULL,
    race_name       text        NOT NULL,
    user_id         uuid        NOT NULL REFERENCES accounts,
    revision        bigint      NOT NULL,
    engine_revision bigint      NOT NULL,
    commands        text        NOT NULL,
    stored_at       timestamptz NOT NULL,
    PRIMARY KEY (game_id, epoch, turn, race_name)
);

CREATE TABLE notifications (
    notice_id  uuid        PRIMARY KEY,
    kind       text        NOT NULL CHECK (kind IN ('lobby.application.submitted', 'lobby.application.approved', 'lobby.application.rejected',
                                                    'game.turn.ready', 'game.paused')),
    dedupe_key text        NOT NULL,
    payload    jsonb       NOT NULL,
    request_id text        NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    UNIQUE (kind, dedupe_key)
);

CREATE TABLE notification_routes (
    route_id        uuid        PRIMARY KEY,
    notice_id       uuid        NOT NULL REFERENCES notifications,
    channel         text        NOT NULL CHECK (channel IN ('push', 'email')),
    user_id         uuid        NOT NULL REFERENCES accounts,
    status          text        NOT NULL CHECK (status IN ('pending', 'retrying', 'delivered', 'skipped', 'dead_lettered')),
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    detail          text        NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL,
    settled_at      timestamptz,
    UNIQUE (notice_id, channel, user_id)
);
CREATE INDEX notification_routes_due_idx ON notification_routes (next_attempt_at) WHERE status IN ('pending', 'retrying');
CREATE INDEX notification_routes_user_idx ON notification_routes (user_id, route_id);

CREATE TABLE mail_deliveries (
    delivery_id     uuid        PRIMARY KEY,
    template_id     text        NOT NULL,
    idempotency_key text        NOT NULL,
    status          text        NOT NULL CHECK (status IN ('pending', 'retrying', 'sent', 'skipped', 'dead_lettered')),
    priority        integer     NOT NULL DEFAULT 0,
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    expires_at      timestamptz,
    detail          text        NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL,
    settled_at      timestamptz,
    UNIQUE (template_id, idempotency_key)
);
CREATE INDEX mail_deliveries_due_idx ON mail_deliveries (priority DESC, next_attempt_at) WHERE status IN ('pending', 'retrying');

CREATE TABLE mail_recipients (
    delivery_id uuid NOT NULL REFERENCES mail_deliveries,
    address     text NOT NULL,
    PRIMARY KEY (delivery_id, address)
);

CREATE TABLE mail_payloads (
    delivery_id uuid  PRIMARY KEY REFERENCES mail_deliveries,
    payload     bytea NOT NULL
);

CREATE TABLE mail_attempts (
    delivery_id uuid        NOT NULL REFERENCES mail_deliveries,
    attempt_no  integer     NOT NULL,
    outcome     text        NOT NULL,
    detail      text        NOT NULL DEFAULT '',
    at          timestamptz NOT NULL,
    PRIMARY KEY (delivery_id, attempt_no)
);

CREATE TABLE mail_dead_letters (
    delivery_id uuid        PRIMARY KEY REFERENCES mail_deliveries,
    detail      text        NOT NULL,
    at          timestamptz NOT NULL
);

-- Append-only, in partitions by time so that old ones can be dropped whole.
CREATE TABLE audit (
    audit_id   uuid        NOT NULL,
    at         timestamptz NOT NULL,
    actor_kind text        NOT NULL,
    actor_id   text        NOT NULL,
    action     text        NOT NULL,
    subject    text        NOT NULL,
    request_id text        NOT NULL DEFAULT '',
    before     jsonb,
    after      jsonb,
    PRIMARY KEY (audit_id, at)
) PARTITION BY RANGE (at);
CREATE TABLE audit_default PARTITION OF audit DEFAULT;
CREATE INDEX audit_subject_idx ON audit (subject, at);

-- +goose Down
DROP TABLE audit, mail_dead_letters, mail_attempts, mail_payloads, mail_recipients, mail_deliveries, notification_routes, notifications,
    orders, game_timeline, player_stats, game_turns, race_name_reservations, race_names, memberships, applications, runtimes, games,
    engine_versions, admin_accounts, device_sessions, auth_challenges, entitlement_snapshots, accounts, secrets, lease;
DROP SEQUENCE push_boot_seq;
DROP FUNCTION fence;
