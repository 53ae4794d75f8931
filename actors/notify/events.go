package notify

import (
	"fmt"

	flatbuffers "github.com/google/flatbuffers/go"

	"galaxy/backend/galaxy"
	"galaxy/backend/proto/fbs/notification"
)

// event is a notice in the wire form of its kind: the FlatBuffers table of that kind.
type event struct {
	kind    galaxy.Kind
	payload galaxy.Payload
}

func (e event) Kind() string { return string(e.kind) }

// tables encode the payload of each kind that goes by push.
var tables = map[galaxy.Kind]func(*flatbuffers.Builder, galaxy.Payload) flatbuffers.UOffsetT{
	galaxy.ApplicationSubmitted: func(b *flatbuffers.Builder, p galaxy.Payload) flatbuffers.UOffsetT {
		game, application := b.CreateString(p.Game.String()), b.CreateString(p.Application.String())
		notification.ApplicationSubmittedStart(b)
		notification.ApplicationSubmittedAddGameId(b, game)
		notification.ApplicationSubmittedAddApplicationId(b, application)
		return notification.ApplicationSubmittedEnd(b)
	},
	galaxy.ApplicationApproved: func(b *flatbuffers.Builder, p galaxy.Payload) flatbuffers.UOffsetT {
		game := b.CreateString(p.Game.String())
		notification.ApplicationApprovedStart(b)
		notification.ApplicationApprovedAddGameId(b, game)
		return notification.ApplicationApprovedEnd(b)
	},
	galaxy.ApplicationRejected: func(b *flatbuffers.Builder, p galaxy.Payload) flatbuffers.UOffsetT {
		game := b.CreateString(p.Game.String())
		notification.ApplicationRejectedStart(b)
		notification.ApplicationRejectedAddGameId(b, game)
		return notification.ApplicationRejectedEnd(b)
	},
	galaxy.TurnReady: func(b *flatbuffers.Builder, p galaxy.Payload) flatbuffers.UOffsetT {
		game := b.CreateString(p.Game.String())
		notification.TurnReadyStart(b)
		notification.TurnReadyAddGameId(b, game)
		notification.TurnReadyAddTurn(b, int32(*p.Turn))
		return notification.TurnReadyEnd(b)
	},
	galaxy.GamePaused: func(b *flatbuffers.Builder, p galaxy.Payload) flatbuffers.UOffsetT {
		game, reason := b.CreateString(p.Game.String()), b.CreateString(p.Reason)
		notification.GamePausedStart(b)
		notification.GamePausedAddGameId(b, game)
		notification.GamePausedAddTurn(b, int32(*p.Turn))
		notification.GamePausedAddReason(b, reason)
		return notification.GamePausedEnd(b)
	},
}

// Marshal encodes the table. A payload that lacks what its kind needs is an error.
func (e event) Marshal() (encoded []byte, err error) {
	table, ok := tables[e.kind]
	if !ok {
		return nil, fmt.Errorf("kind %s has no push form", e.kind)
	}
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("the payload of a %s lacks a field", e.kind)
		}
	}()
	b := flatbuffers.NewBuilder(128)
	b.Finish(table(b, e.payload))
	return b.FinishedBytes(), nil
}
