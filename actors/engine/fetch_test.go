package engine

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/semaphore"
)

// slow is an engine whose report for B does not come.
type slow struct{ Client }

func (slow) Report(ctx context.Context, _, race string, _ int) (json.RawMessage, error) {
	if race == "B" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return json.RawMessage(`{}`), nil
}

// TestAReportThatDoesNotComeInTimeIsMissing, so that it is counted, and given up some day; unless nobody wants it any more.
func TestAReportThatDoesNotComeInTimeIsMissing(t *testing.T) {
	a := &driver{Deps: &Deps{Client: slow{}}, lasting: &lasting{places: semaphore.NewWeighted(readsAtOnce)}}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	got, err := a.fetch(ctx, "", FetchReports{Turn: 3, Races: []string{"A", "B", "C"}})
	require.NoError(t, err)
	require.Equal(t, []string{"B"}, got.Missing)
	require.ErrorIs(t, got.Cause, context.DeadlineExceeded)
	require.Len(t, got.Reports, 2)

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = a.fetch(gone, "", FetchReports{Turn: 3, Races: []string{"A", "B"}})
	require.ErrorIs(t, err, context.Canceled)
}
