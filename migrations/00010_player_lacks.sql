-- +goose Up

-- lacks says which numbers an engine has not shown of the race (the bits of galaxy.Lacks): they are not known, and stand as 0.
ALTER TABLE player_stats ADD COLUMN lacks smallint NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE player_stats DROP COLUMN lacks;
