package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"galaxy/backend/galaxy"
)

const copyRecordsQuery = `SELECT game_id, op_number, CASE WHEN op_kind = 'patch' THEN op_number ELSE 0 END, kept_copies
	FROM runtimes WHERE game_id = ANY($1)`

// CopyRecords gives what is recorded of the copies of games' states, of those games that there are.
func (s *Store) CopyRecords(ctx context.Context, ids []galaxy.GameID) (map[galaxy.GameID]galaxy.CopyRecord, error) {
	keys := make([]uuid.UUID, len(ids))
	for i, id := range ids {
		keys[i] = id.UUID
	}
	found, err := rows[struct {
		ID           uuid.UUID
		Newest, Open int64
		Kept         json.RawMessage
	}](ctx, s, literal{copyRecordsQuery, []any{keys}})
	if err != nil {
		return nil, err
	}
	out := map[galaxy.GameID]galaxy.CopyRecord{}
	for _, f := range found {
		record := galaxy.CopyRecord{Newest: f.Newest, Open: f.Open}
		if err := json.Unmarshal(f.Kept, &record.Kept); err != nil {
			return nil, fmt.Errorf("the kept copies of game %s: %w", f.ID, err)
		}
		out[galaxy.GameID{UUID: f.ID}] = record
	}
	return out, nil
}
