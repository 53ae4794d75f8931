package store

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	. "github.com/go-jet/jet/v2/postgres"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/jet/backend/model"
	. "galaxy/backend/store/jet/backend/table"
)

// TestAShapeIsWhatJetWouldSay: the text does not depend on the values, and those have the places that jet gives them.
func TestAShapeIsWhatJetWouldSay(t *testing.T) {
	id, at := galaxy.NewID(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	game := model.Games{GameID: id, Version: 7, Name: "a name", MinPlayers: 2, EnrollmentEndsAt: &at, OwnerID: &id, CatchUp: "skip"}
	runtime := runtimeRow(galaxy.GameID{UUID: id}, galaxy.Runtime{Turn: 3, Digest: "d", Deadline: &at, Gaps: []int{1}, Op: &galaxy.Operation{Kind: galaxy.OpTurn, Due: &at}})
	line := model.GameTimeline{EntryID: id, GameID: id, Turn: 3, Outcome: "ran", Deadline: &at, At: at, LatenessMs: 5}
	said := json.RawMessage(`{"a":1}`)
	record := model.Audit{AuditID: id, At: at, ActorKind: "admin", Action: "game.pause", After: &said}
	for name, c := range map[string]struct {
		ours, jets statement
		keys       int // values of the condition, which are compared by their number only: jet gives them types of its own
	}{
		"game": {updateGame.with(mutable(game, id, int64(6))...), Games.UPDATE(Games.MutableColumns).MODEL(game).
			WHERE(Games.GameID.EQ(UUID(id)).AND(Games.Version.EQ(Int(6)))).RETURNING(Games.GameID), 2},
		"runtime":  {updateRuntime.with(mutable(runtime, id)...), Runtimes.UPDATE(Runtimes.MutableColumns).MODEL(runtime).WHERE(Runtimes.GameID.EQ(UUID(id))), 1},
		"timeline": {insertTimeline.with(fields(line)...), GameTimeline.INSERT(GameTimeline.AllColumns).MODEL(line), 0},
		"audit":    {insertAudit.with(fields(record)...), Audit.INSERT(Audit.AllColumns).MODEL(record), 0},
		"turn": {insertTurn.with(id, int32(0), int32(3), "d", at), GameTurns.INSERT(GameTurns.AllColumns).
			MODEL(model.GameTurns{GameID: id, Turn: 3, Digest: "d", MadeAt: at}), 0},
	} {
		text, values := c.ours.Sql()
		want, wanted := c.jets.Sql()
		require.Equal(t, want, text, name)
		require.Len(t, values, len(wanted), name)
		require.Equal(t, len(values), strings.Count(text, "$"), name)
		for i := range len(values) - c.keys {
			require.Equal(t, wanted[i], plainly(values[i]), "%s, place %d", name, i+1)
		}
	}
}

// plainly is a value as jet takes it from a row: what a pointer points at.
func plainly(v any) any {
	switch v := v.(type) {
	case *time.Time:
		return pointedAt(v)
	case *string:
		return pointedAt(v)
	case *int32:
		return pointedAt(v)
	case *int64:
		return pointedAt(v)
	case *bool:
		return pointedAt(v)
	case *[]byte:
		return pointedAt(v)
	case *json.RawMessage:
		return pointedAt(v)
	case *uuid.UUID:
		return pointedAt(v)
	}
	return v
}

func pointedAt[T any](v *T) any {
	if v == nil {
		return nil
	}
	return *v
}
