-- +goose Up

-- kept_copies are numbers of patches whose copies of the game's state operators may have need of: a JSON array. All other copies of
-- patches that are over are cleared.
ALTER TABLE runtimes ADD COLUMN kept_copies jsonb NOT NULL DEFAULT '[]';

-- +goose Down
ALTER TABLE runtimes DROP COLUMN kept_copies;
