package store

import (
	"context"

	. "github.com/go-jet/jet/v2/postgres"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/jet/backend/model"
	. "galaxy/backend/store/jet/backend/table"
)

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
	found, err := rows[model.Orders](ctx, s, SELECT(Orders.AllColumns).FROM(Orders).WHERE(ordersOf(game, epoch, turn).AND(Orders.RaceName.EQ(String(race)))))
	if err != nil || len(found) == 0 {
		return galaxy.StoredOrders{Game: game, Epoch: epoch, Turn: turn, Race: race, Commands: []byte("[]")}, err
	}
	return orders(found[0]), nil
}

// TurnOrders gives the stored lists of every race for a turn.
func (s *Store) TurnOrders(ctx context.Context, game galaxy.GameID, epoch, turn int) ([]galaxy.StoredOrders, error) {
	found, err := rows[model.Orders](ctx, s, SELECT(Orders.AllColumns).FROM(Orders).WHERE(ordersOf(game, epoch, turn)).ORDER_BY(Orders.RaceName))
	var out []galaxy.StoredOrders
	for _, m := range found {
		out = append(out, orders(m))
	}
	return out, err
}

func ordersOf(game galaxy.GameID, epoch, turn int) BoolExpression {
	return Orders.GameID.EQ(UUID(game.UUID)).AND(Orders.Epoch.EQ(Int(int64(epoch)))).AND(Orders.Turn.EQ(Int(int64(turn))))
}

func orders(m model.Orders) galaxy.StoredOrders {
	return galaxy.StoredOrders{Game: galaxy.GameID{UUID: m.GameID}, Epoch: int(m.Epoch), Turn: int(m.Turn), Race: m.RaceName, User: galaxy.UserID{UUID: m.UserID},
		Revision: m.Revision, EngineRevision: m.EngineRevision, Commands: []byte(m.Commands), StoredAt: m.StoredAt}
}
