-- +goose Up

-- The engine that has written a game's state last, while none of the version that the game is pinned to is known to have been
-- started on it since. NULL: one of the pinned version has written it. So rows that were here before take it from their pin, and
-- what a release before this one changes meanwhile stays true.
ALTER TABLE runtimes
    ADD COLUMN writer_version       text,
    ADD COLUMN writer_image         text,
    ADD COLUMN writer_expected_turn boolean;

-- +goose Down
ALTER TABLE runtimes DROP COLUMN writer_version, DROP COLUMN writer_image, DROP COLUMN writer_expected_turn;
