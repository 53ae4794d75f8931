package notify

import (
	"fmt"
	"time"

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

// builder makes one table.
type builder = func(*flatbuffers.Builder, galaxy.Payload) flatbuffers.UOffsetT

// text makes a table of one string.
func text(value func(galaxy.Payload) string, start func(*flatbuffers.Builder), add func(*flatbuffers.Builder, flatbuffers.UOffsetT),
	end func(*flatbuffers.Builder) flatbuffers.UOffsetT) builder {
	return func(b *flatbuffers.Builder, p galaxy.Payload) flatbuffers.UOffsetT {
		s := b.CreateString(value(p))
		start(b)
		add(b, s)
		return end(b)
	}
}

func gameID(p galaxy.Payload) string { return p.Game.String() }

func raceName(p galaxy.Payload) string { return p.Race }

// tables encode the payload of each kind that goes by push.
var tables = map[galaxy.Kind]builder{
	galaxy.ApplicationApproved: text(gameID, notification.ApplicationApprovedStart, notification.ApplicationApprovedAddGameId, notification.ApplicationApprovedEnd),
	galaxy.ApplicationRejected: text(gameID, notification.ApplicationRejectedStart, notification.ApplicationRejectedAddGameId, notification.ApplicationRejectedEnd),
	galaxy.InviteWithdrawn:     text(gameID, notification.InviteRevokedStart, notification.InviteRevokedAddGameId, notification.InviteRevokedEnd),
	galaxy.MembershipBlocked:   text(gameID, notification.MembershipBlockedStart, notification.MembershipBlockedAddGameId, notification.MembershipBlockedEnd),
	galaxy.GameUpdated:         text(gameID, notification.GameUpdatedStart, notification.GameUpdatedAddGameId, notification.GameUpdatedEnd),
	galaxy.NameRegistered:      text(raceName, notification.RaceNameRegisteredStart, notification.RaceNameRegisteredAddRaceName, notification.RaceNameRegisteredEnd),
	galaxy.NameExpired:         text(raceName, notification.RaceNameExpiredStart, notification.RaceNameExpiredAddRaceName, notification.RaceNameExpiredEnd),
	galaxy.ApplicationSubmitted: func(b *flatbuffers.Builder, p galaxy.Payload) flatbuffers.UOffsetT {
		game, application := b.CreateString(p.Game.String()), b.CreateString(p.Application.String())
		notification.ApplicationSubmittedStart(b)
		notification.ApplicationSubmittedAddGameId(b, game)
		notification.ApplicationSubmittedAddApplicationId(b, application)
		return notification.ApplicationSubmittedEnd(b)
	},
	galaxy.InviteReceived: func(b *flatbuffers.Builder, p galaxy.Payload) flatbuffers.UOffsetT {
		game, inviter := b.CreateString(p.Game.String()), flatbuffers.UOffsetT(0)
		if p.Inviter != nil {
			inviter = b.CreateString(p.Inviter.String())
		}
		notification.InviteReceivedStart(b)
		notification.InviteReceivedAddGameId(b, game)
		if inviter != 0 {
			notification.InviteReceivedAddInviterUserId(b, inviter)
		}
		return notification.InviteReceivedEnd(b)
	},
	galaxy.MembershipRemoved: func(b *flatbuffers.Builder, p galaxy.Payload) flatbuffers.UOffsetT {
		game, reason := b.CreateString(p.Game.String()), b.CreateString(p.Reason)
		notification.MembershipRemovedStart(b)
		notification.MembershipRemovedAddGameId(b, game)
		notification.MembershipRemovedAddReason(b, reason)
		return notification.MembershipRemovedEnd(b)
	},
	galaxy.NameWon: func(b *flatbuffers.Builder, p galaxy.Payload) flatbuffers.UOffsetT {
		name, expires := b.CreateString(p.Race), b.CreateString(p.ExpiresAt.UTC().Format(time.RFC3339))
		notification.RaceNamePendingStart(b)
		notification.RaceNamePendingAddRaceName(b, name)
		notification.RaceNamePendingAddExpiresAt(b, expires)
		return notification.RaceNamePendingEnd(b)
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
