-- +goose Up

-- report_gaps are turns, up to reports, of which not every report could be read: a JSON array of numbers, those first that are
-- asked for next.
ALTER TABLE runtimes ADD COLUMN report_gaps jsonb NOT NULL DEFAULT '[]';
DROP INDEX runtimes_reports_idx;
CREATE INDEX runtimes_reports_idx ON runtimes (game_id) WHERE reports < turn OR report_gaps <> '[]';

-- +goose Down
DROP INDEX runtimes_reports_idx;
CREATE INDEX runtimes_reports_idx ON runtimes (game_id) WHERE reports < turn;
ALTER TABLE runtimes DROP COLUMN report_gaps;
