package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/storetest"
)

const lease = time.Minute

func TestANoticeIsRoutedOncePerPlayerAndChannel(t *testing.T) {
	st := storetest.Open(t)
	g, accounts := storetest.Game(t, st, 2)
	routes, err := st.ClaimRoutes(t.Context(), storetest.Now().Add(time.Second), 100, lease)
	require.NoError(t, err)
	got := map[galaxy.Kind]int{}
	for _, r := range routes {
		got[r.Kind]++
		require.Equal(t, g.ID, *r.Payload.Game)
		require.Equal(t, 1, r.Attempt)
		require.Contains(t, []string{accounts[0].Email, accounts[1].Email}, r.Email)
	}
	require.Equal(t, map[galaxy.Kind]int{galaxy.ApplicationSubmitted: 2, galaxy.ApplicationApproved: 4}, got)
	again, err := st.ClaimRoutes(t.Context(), storetest.Now().Add(time.Second), 100, lease)
	require.NoError(t, err)
	require.Empty(t, again, "what is claimed is not claimed twice")
	late, err := st.ClaimRoutes(t.Context(), storetest.Now().Add(2*lease), 100, lease)
	require.NoError(t, err)
	require.Len(t, late, len(routes), "a claim that was never recorded comes up again")

	now := storetest.Now()
	require.NoError(t, st.RecordRoutes(t.Context(), []galaxy.RouteRecord{{Route: routes[0].ID, Attempt: 1, State: galaxy.RouteDelivered, At: now}}))
	left, err := st.ClaimRoutes(t.Context(), now.Add(4*lease), 100, lease)
	require.NoError(t, err)
	require.Len(t, left, len(routes), "the record of an older attempt changes nothing")
	require.NoError(t, st.RecordRoutes(t.Context(), []galaxy.RouteRecord{{Route: left[0].ID, Attempt: left[0].Attempt, State: galaxy.RouteDelivered, At: now,
		Mail: &galaxy.NewDelivery{ID: galaxy.DeliveryID{UUID: galaxy.NewID()}, Template: "t", Key: "k", To: "a@example.com", Payload: []byte("{}")}}}))
	left, err = st.ClaimRoutes(t.Context(), now.Add(8*lease), 100, lease)
	require.NoError(t, err)
	require.Len(t, left, len(routes)-1)
}

func TestAMailIsClaimedSentAndRecordedOnce(t *testing.T) {
	st := storetest.Open(t)
	storetest.AddChallenge(t, st, "mail@example.com")
	now := storetest.Now().Add(time.Second)
	depth, err := st.MailDepth(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, depth[galaxy.DeliveryPending])
	claimed, err := st.ClaimDeliveries(t.Context(), now, 10, lease)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	require.Equal(t, "mail@example.com", claimed[0].To)
	require.JSONEq(t, `{"code":"123456","ttl":"10 minutes"}`, string(claimed[0].Payload))

	record := galaxy.DeliveryRecord{Delivery: claimed[0].ID, Attempt: 1, State: galaxy.DeliveryRetrying, Outcome: "temporary", At: now, NextAt: now.Add(time.Hour)}
	require.NoError(t, st.RecordDelivery(t.Context(), record))
	none, err := st.ClaimDeliveries(t.Context(), now.Add(time.Minute), 10, lease)
	require.NoError(t, err)
	require.Empty(t, none)
	again, err := st.ClaimDeliveries(t.Context(), now.Add(time.Hour), 10, lease)
	require.NoError(t, err)
	require.Equal(t, 2, again[0].Attempt)
	record.State = galaxy.DeliverySent
	require.ErrorIs(t, st.RecordDelivery(t.Context(), record), galaxy.ErrStale, "the first attempt has been overtaken")
	record.Attempt, record.DropSecret, record.Outcome = 2, true, "sent"
	require.NoError(t, st.RecordDelivery(t.Context(), record))
	none, err = st.ClaimDeliveries(t.Context(), now.Add(48*time.Hour), 10, lease)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestMailOfHigherPriorityGoesFirstAndDeadLettersAreKept(t *testing.T) {
	st := storetest.Open(t)
	g, _ := storetest.Game(t, st, 1)
	_ = g
	now := storetest.Now().Add(time.Second)
	routes, err := st.ClaimRoutes(t.Context(), now, 10, lease)
	require.NoError(t, err)
	var records []galaxy.RouteRecord
	for i, r := range routes {
		id := galaxy.DeliveryID{UUID: galaxy.NewID()}
		records = append(records, galaxy.RouteRecord{Route: r.ID, Attempt: r.Attempt, State: galaxy.RouteDelivered, At: now,
			Mail: &galaxy.NewDelivery{ID: id, Template: "t", Key: r.ID.String(), To: "a@example.com", Payload: []byte("{}"), Priority: i * 10}})
	}
	require.NoError(t, st.RecordRoutes(t.Context(), records))
	claimed, err := st.ClaimDeliveries(t.Context(), now.Add(time.Second), 1, lease)
	require.NoError(t, err)
	require.Equal(t, (len(records)-1)*10, claimed[0].Priority)
	require.NoError(t, st.RecordDelivery(t.Context(), galaxy.DeliveryRecord{Delivery: claimed[0].ID, Attempt: 1, State: galaxy.DeliveryDeadLettered, Outcome: "permanent", At: now}))
	next, err := st.ClaimDeliveries(t.Context(), now.Add(time.Second), 1, lease)
	require.NoError(t, err)
	require.NotEqual(t, claimed[0].ID, next[0].ID)
}
