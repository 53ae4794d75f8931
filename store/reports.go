package store

import (
	"context"
	"time"

	. "github.com/go-jet/jet/v2/postgres"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/jet/backend/model"
	. "galaxy/backend/store/jet/backend/table"
)

// reports stores a turn's reports, in one statement whatever their number. One that is there already stays.
func (t *tx) reports(game galaxy.GameID, reports []galaxy.Report) {
	if len(reports) == 0 {
		return
	}
	races, bodies := make([]string, len(reports)), make([][]byte, len(reports))
	for i, r := range reports {
		races[i], bodies[i] = r.Race, r.Packed
	}
	t.raw(`INSERT INTO reports (game_id, epoch, turn, race_name, body) SELECT $1, $2, $3, * FROM unnest($4::text[], $5::bytea[]) ON CONFLICT DO NOTHING`,
		game.UUID, reports[0].Epoch, reports[0].Turn, races, bodies)
}

// Report gives a race's stored report of a turn; galaxy.NotFound when there is none.
func (s *Store) Report(ctx context.Context, game galaxy.GameID, epoch, turn int, race string) ([]byte, error) {
	m, err := row[model.Reports](ctx, s, SELECT(Reports.AllColumns).FROM(Reports).WHERE(Reports.GameID.EQ(UUID(game.UUID)).
		AND(Reports.Epoch.EQ(Int(int64(epoch)))).AND(Reports.Turn.EQ(Int(int64(turn)))).AND(Reports.RaceName.EQ(String(race)))))
	if galaxy.Is(err, galaxy.NotFound) {
		err = galaxy.Errorf(galaxy.NotFound, "there is no report of turn %d", turn)
	}
	if err != nil {
		return nil, err
	}
	return galaxy.Report{Race: race, Packed: m.Body}.Body()
}

// PurgeReports deletes up to n reports, lists and batches of games that were over before a time, and tells how many are gone.
func (s *Store) PurgeReports(ctx context.Context, before time.Time, n int) (gone int, err error) {
	for _, table := range []string{"reports", "orders", "order_batches"} {
		some, err := s.purge(ctx, `DELETE FROM `+table+` WHERE ctid = ANY(ARRAY(SELECT ctid FROM `+table+`
			WHERE game_id IN (SELECT game_id FROM runtimes WHERE ended_at < $1) LIMIT $2)) RETURNING 1`, before, n-gone)
		if gone += some; err != nil || gone == n {
			return gone, err
		}
	}
	return gone, nil
}
