package store

import (
	"context"
	"encoding/json"
	"fmt"

	. "github.com/go-jet/jet/v2/postgres"
	"github.com/google/uuid"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/jet/backend/model"
	. "galaxy/backend/store/jet/backend/table"
)

var (
	ofLists   = Orders.GameID.EQ(UUID(uuid.Nil)).AND(Orders.Epoch.EQ(Int(0))).AND(Orders.Turn.EQ(Int(0)))
	ofBatches = OrderBatches.GameID.EQ(UUID(uuid.Nil)).AND(OrderBatches.Epoch.EQ(Int(0))).AND(OrderBatches.Turn.EQ(Int(0)))

	listsOfTurn   = shapeOf(lists(ofLists))
	listOfRace    = shapeOf(lists(ofLists.AND(Orders.RaceName.EQ(String("")))))
	batchesOfTurn = shapeOf(batches(ofBatches))
	batchesOfRace = shapeOf(batches(ofBatches.AND(OrderBatches.RaceName.EQ(String("")))))
)

func lists(where BoolExpression) SelectStatement {
	return SELECT(Orders.AllColumns).FROM(Orders).WHERE(where).ORDER_BY(Orders.RaceName)
}

func batches(where BoolExpression) SelectStatement {
	return SELECT(OrderBatches.AllColumns).FROM(OrderBatches).WHERE(where).ORDER_BY(OrderBatches.RaceName, OrderBatches.EngineRevision)
}

// SaveOrders stores a list that the engine has accepted, over the one of the revision before it.
func (s *Store) SaveOrders(ctx context.Context, o galaxy.StoredOrders) error {
	t := &tx{}
	t.guardedRaw(`INSERT INTO orders (game_id, epoch, turn, race_name, user_id, revision, engine_revision, commands, stored_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (game_id, epoch, turn, race_name) DO UPDATE SET user_id = excluded.user_id, revision = excluded.revision,
			engine_revision = excluded.engine_revision, commands = excluded.commands, stored_at = excluded.stored_at
		WHERE orders.revision < excluded.revision RETURNING 1`,
		o.Game.UUID, o.Epoch, o.Turn, o.Race, o.User.UUID, o.Revision, o.EngineRevision, string(o.Commands), o.StoredAt)
	return s.commit(ctx, t)
}

// Orders gives a race's stored list for a turn; one with Revision 0 when there is none.
func (s *Store) Orders(ctx context.Context, game galaxy.GameID, epoch, turn int, race string) (galaxy.StoredOrders, error) {
	found, err := s.readOrders(ctx, listOfRace.with(game.UUID, epoch, turn, race), batchesOfRace.with(game.UUID, epoch, turn, race))
	if err != nil || len(found) == 0 {
		return noOrders(game, epoch, turn, race), err
	}
	return found[0], nil
}

func noOrders(game galaxy.GameID, epoch, turn int, race string) galaxy.StoredOrders {
	return galaxy.StoredOrders{Game: game, Epoch: epoch, Turn: turn, Race: race, Commands: []byte("[]")}
}

// readOrders gives lists with the batches that belong to them, by race.
func (s *Store) readOrders(ctx context.Context, lists, batches statement) ([]galaxy.StoredOrders, error) {
	var found []model.Orders
	var added []model.OrderBatches
	t := &tx{}
	scanAll(t.add(lists), &found)
	scanAll(t.add(batches), &added)
	if err := s.read(ctx, t); err != nil {
		return nil, err
	}
	var out []galaxy.StoredOrders
	at := map[string]int{}
	for _, m := range found {
		at[m.RaceName] = len(out)
		out = append(out, orders(m))
	}
	for _, m := range added {
		b, err := batch(m)
		if err != nil {
			return nil, err
		}
		i, ok := at[m.RaceName]
		if !ok {
			i = len(out)
			at[m.RaceName] = i
			out = append(out, noOrders(b.Game, b.Epoch, b.Turn, b.Race))
		}
		out[i].Batches = append(out[i].Batches, b)
	}
	return out, nil
}

// TurnOrders gives the stored lists of every race for a turn.
func (s *Store) TurnOrders(ctx context.Context, game galaxy.GameID, epoch, turn int) ([]galaxy.StoredOrders, error) {
	return s.readOrders(ctx, listsOfTurn.with(game.UUID, epoch, turn), batchesOfTurn.with(game.UUID, epoch, turn))
}

// SaveBatch stores a batch that the engine has accepted. One that is there already is galaxy.ErrStale.
func (s *Store) SaveBatch(ctx context.Context, b galaxy.StoredBatch) error {
	results, err := json.Marshal(b.Result)
	if err != nil {
		return fmt.Errorf("encode the results of a batch: %w", err)
	}
	t := &tx{}
	t.guardedRaw(`INSERT INTO order_batches (game_id, epoch, turn, race_name, batch_id, user_id, engine_revision, commands, results, stored_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING RETURNING 1`,
		b.Game.UUID, b.Epoch, b.Turn, b.Race, b.ID, b.User.UUID, b.EngineRevision, string(b.Commands), results, b.StoredAt)
	return s.commit(ctx, t)
}

func batch(m model.OrderBatches) (galaxy.StoredBatch, error) {
	b := galaxy.StoredBatch{Game: galaxy.GameID{UUID: m.GameID}, Epoch: int(m.Epoch), Turn: int(m.Turn), Race: m.RaceName, User: galaxy.UserID{UUID: m.UserID},
		ID: m.BatchID, EngineRevision: m.EngineRevision, Commands: []byte(m.Commands), StoredAt: m.StoredAt}
	if err := json.Unmarshal([]byte(m.Results), &b.Result); err != nil {
		return b, fmt.Errorf("the results of batch %s of game %s: %w", m.BatchID, m.GameID, err)
	}
	return b, nil
}

func orders(m model.Orders) galaxy.StoredOrders {
	return galaxy.StoredOrders{Game: galaxy.GameID{UUID: m.GameID}, Epoch: int(m.Epoch), Turn: int(m.Turn), Race: m.RaceName, User: galaxy.UserID{UUID: m.UserID},
		Revision: m.Revision, EngineRevision: m.EngineRevision, Commands: []byte(m.Commands), StoredAt: m.StoredAt}
}
