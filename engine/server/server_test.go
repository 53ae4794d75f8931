package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/engine/disk"
	"galaxy/backend/engineapi"
)

const gameID = "01890000-0000-7000-8000-000000000001"

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// open serves the directory, and gives the way to end that as a crash would: without a word.
func open(t *testing.T, path string) (*httptest.Server, func()) {
	dir, err := disk.Open(path)
	require.NoError(t, err)
	e, err := New(dir, "1.0.0", quiet)
	require.NoError(t, err)
	s := httptest.NewServer(checked(t, e.Handler()))
	end := sync.OnceFunc(func() { s.Close(); _ = dir.Close() })
	t.Cleanup(end)
	return s, end
}

func call[T any](t *testing.T, s *httptest.Server, method, path string, body any) (int, T) {
	t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		j, err := json.Marshal(b)
		require.NoError(t, err)
		in = bytes.NewReader(j)
	}
	req, err := http.NewRequest(method, s.URL+path, in)
	require.NoError(t, err)
	req.Header.Set(engineapi.GameHeader, gameID)
	res, err := s.Client().Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	var out T
	if res.StatusCode != 204 {
		require.NoError(t, json.NewDecoder(res.Body).Decode(&out))
	}
	return res.StatusCode, out
}

func refused(t *testing.T, s *httptest.Server, status int, code, method, path string, body any) {
	t.Helper()
	got, e := call[engineapi.Error](t, s, method, path, body)
	require.Equal(t, status, got, e.Error.Message)
	require.Equal(t, code, e.Error.Code)
	require.NotEmpty(t, e.Error.Message)
}

var twoRaces = engineapi.InitRequest{GameID: gameID, Races: []engineapi.InitRace{{RaceName: "Terrans"}, {RaceName: "Zerg"}}}

func started(t *testing.T, path string) *httptest.Server {
	s, _ := open(t, path)
	status, st := call[engineapi.Status](t, s, "POST", "/api/v1/admin/init", twoRaces)
	require.Equal(t, 201, status)
	require.Equal(t, 0, st.CurrentTurn)
	return s
}

func cmd(s string) []json.RawMessage { return []json.RawMessage{json.RawMessage(s)} }

func TestBeforeInitEverythingIs501(t *testing.T) {
	s, _ := open(t, t.TempDir())
	status, _ := call[map[string]string](t, s, "GET", "/healthz", nil)
	require.Equal(t, 200, status)
	refused(t, s, 501, engineapi.CodeNotInitialised, "GET", "/api/v1/admin/status", nil)
	refused(t, s, 501, engineapi.CodeNotInitialised, "PUT", "/api/v1/admin/turn", nil)
	refused(t, s, 501, engineapi.CodeNotInitialised, "PUT", "/api/v1/order", engineapi.OrderRequest{RaceName: "Terrans", Turn: 1})
	refused(t, s, 501, engineapi.CodeNotInitialised, "GET", "/api/v1/report?raceName=Terrans&turn=0", nil)
}

func TestInitRefusesWhatIsNoGame(t *testing.T) {
	s, _ := open(t, t.TempDir())
	for name, in := range map[string]any{
		"zero id":       engineapi.InitRequest{GameID: "00000000-0000-0000-0000-000000000000", Races: twoRaces.Races},
		"one race":      engineapi.InitRequest{GameID: gameID, Races: twoRaces.Races[:1]},
		"same names":    engineapi.InitRequest{GameID: gameID, Races: []engineapi.InitRace{{RaceName: "Zerg"}, {RaceName: "ZERG"}}},
		"short seed":    engineapi.InitRequest{GameID: gameID, Races: twoRaces.Races, Seed: "00"},
		"unknown field": `{"gameId":"` + gameID + `","races":[],"extra":1}`,
		"trailing data": `{"gameId":"` + gameID + `"} {}`,
		"no JSON":       `nonsense`,
	} {
		t.Run(name, func(t *testing.T) { refused(t, s, 400, engineapi.CodeInvalid, "POST", "/api/v1/admin/init", in) })
	}
	refused(t, s, 413, engineapi.CodeTooLarge, "POST", "/api/v1/admin/init", strings.Repeat(" ", engineapi.MaxBody+1)+"{}")
	refused(t, s, 404, engineapi.CodeNotFound, "GET", "/api/v1/nowhere", nil)
}

func TestOfRacingInitsOneWins(t *testing.T) {
	s, _ := open(t, t.TempDir())
	var wg sync.WaitGroup
	got := make([]int, 8)
	for i := range got {
		wg.Go(func() { got[i], _ = call[json.RawMessage](t, s, "POST", "/api/v1/admin/init", twoRaces) })
	}
	wg.Wait()
	made := 0
	for _, status := range got {
		if status == 201 {
			made++
		} else {
			require.Equal(t, 409, status)
		}
	}
	require.Equal(t, 1, made)
}

func TestATurnIsSafeToRepeat(t *testing.T) {
	s := started(t, t.TempDir())
	zero, one, seven := 0, 1, 7
	status, r := call[engineapi.TurnResult](t, s, "PUT", "/api/v1/admin/turn", engineapi.TurnRequest{ExpectedTurn: &zero})
	require.Equal(t, 200, status)
	require.Equal(t, 1, r.GeneratedTurn)
	require.False(t, r.Replayed)
	status, again := call[engineapi.TurnResult](t, s, "PUT", "/api/v1/admin/turn", engineapi.TurnRequest{ExpectedTurn: &zero})
	require.Equal(t, 200, status)
	require.True(t, again.Replayed)
	require.Equal(t, r.StateDigest, again.StateDigest)
	refused(t, s, 409, engineapi.CodeTurnMismatch, "PUT", "/api/v1/admin/turn", engineapi.TurnRequest{ExpectedTurn: &seven})
	status, r = call[engineapi.TurnResult](t, s, "PUT", "/api/v1/admin/turn", engineapi.TurnRequest{ExpectedTurn: &one})
	require.Equal(t, 200, status)
	require.Equal(t, 2, r.CurrentTurn)
}

func TestConcurrentCallsMakeOneTurn(t *testing.T) {
	s := started(t, t.TempDir())
	zero := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			status, r := call[engineapi.TurnResult](t, s, "PUT", "/api/v1/admin/turn", engineapi.TurnRequest{ExpectedTurn: &zero})
			if status != 200 || r.CurrentTurn != 1 {
				t.Errorf("status %d, turn %d", status, r.CurrentTurn)
			}
		})
	}
	wg.Wait()
}

func TestOrdersAreReplacedWholeAndGuardedByTheirRevision(t *testing.T) {
	s := started(t, t.TempDir())
	zero := int64(0)
	_, before := call[engineapi.Status](t, s, "GET", "/api/v1/admin/status", nil)
	in := engineapi.OrderRequest{RaceName: "Terrans", Turn: 1, ExpectedRevision: &zero, Commands: append(cmd(`{"type":"shiptype.create","name":"Scout","drive":2}`), cmd(`{"type":"fly"}`)...)}
	status, r := call[engineapi.Results](t, s, "PUT", "/api/v1/order", in)
	require.Equal(t, 202, status)
	require.Equal(t, engineapi.Results{Turn: 1, Revision: 1, Accepted: 1, Rejected: 1, Results: []engineapi.Result{{Index: 0, Applied: true},
		{Index: 1, ErrorCode: "unknown_command", Message: `there is no command "fly"`}}}, r)
	refused(t, s, 409, engineapi.CodeRevision, "PUT", "/api/v1/order", in)
	_, after := call[engineapi.Status](t, s, "GET", "/api/v1/admin/status", nil)
	require.Equal(t, before.StateDigest, after.StateDigest, "pending orders do not change the digest")
	require.EqualValues(t, 1, after.Players[0].OrderRevision)
	_, list := call[engineapi.OrderList](t, s, "GET", "/api/v1/order?raceName=Terrans&turn=1", nil)
	require.Len(t, list.Commands, 1)
	for _, c := range []struct {
		status int
		code   string
		change func(*engineapi.OrderRequest)
	}{
		{404, engineapi.CodeRaceUnknown, func(o *engineapi.OrderRequest) { o.RaceName = "?" }},
		{409, engineapi.CodeTurnMismatch, func(o *engineapi.OrderRequest) { o.Turn = 2 }},
		{409, engineapi.CodeTurnMismatch, func(o *engineapi.OrderRequest) { o.Turn = 0 }},
		{422, engineapi.CodeTooManyCommands, func(o *engineapi.OrderRequest) {
			for range engineapi.MaxCommands {
				o.Commands = append(o.Commands, json.RawMessage(`{}`))
			}
		}},
	} {
		bad := in
		c.change(&bad)
		refused(t, s, c.status, c.code, "PUT", "/api/v1/order", bad)
	}
}

func TestABatchIsAllOrNothingAndAnswersARepeatTheSame(t *testing.T) {
	s := started(t, t.TempDir())
	in := engineapi.CommandRequest{RaceName: "Zerg", Turn: 1, BatchID: "b1", Commands: append(cmd(`{"type":"shiptype.create","name":"Scout","drive":2}`), cmd(`{"type":"fly"}`)...)}
	_, r := call[engineapi.Results](t, s, "PUT", "/api/v1/command", in)
	require.Equal(t, 2, r.Rejected)
	in.Commands = in.Commands[:1]
	_, first := call[engineapi.Results](t, s, "PUT", "/api/v1/command", in)
	require.Equal(t, 1, first.Accepted)
	_, again := call[engineapi.Results](t, s, "PUT", "/api/v1/command", in)
	require.Equal(t, first, again)
	_, rep := call[engineapi.TurnResult](t, s, "PUT", "/api/v1/admin/turn", nil)
	require.Equal(t, 1, rep.CurrentTurn)
	_, report := call[struct{ ShipTypes []struct{ Name string } }](t, s, "GET", "/api/v1/report?raceName=Zerg&turn=1", nil)
	require.Len(t, report.ShipTypes, 3)
}

func TestARestartKeepsTurnOrdersAndReports(t *testing.T) {
	path := t.TempDir()
	s, crash := open(t, path)
	call[engineapi.Status](t, s, "POST", "/api/v1/admin/init", twoRaces)
	call[engineapi.TurnResult](t, s, "PUT", "/api/v1/admin/turn", nil)
	call[engineapi.Results](t, s, "PUT", "/api/v1/order", engineapi.OrderRequest{RaceName: "Terrans", Turn: 2, Commands: cmd(`{"type":"quit"}`)})
	_, before := call[engineapi.Status](t, s, "GET", "/api/v1/admin/status", nil)
	_, err := disk.Open(path)
	require.ErrorIs(t, err, disk.ErrLocked)
	crash()
	require.NoError(t, os.WriteFile(path+"/.tmp-left", []byte("half a st"), 0o644))
	s, _ = open(t, path)
	_, after := call[engineapi.Status](t, s, "GET", "/api/v1/admin/status", nil)
	require.Equal(t, before, after)
	require.NoFileExists(t, path+"/.tmp-left")
	refused(t, s, 409, engineapi.CodeInitialised, "POST", "/api/v1/admin/init", twoRaces)
	zero := 0
	_, r := call[engineapi.TurnResult](t, s, "PUT", "/api/v1/admin/turn", engineapi.TurnRequest{ExpectedTurn: &zero})
	require.True(t, r.Replayed, "the turn made before the restart is still known as the last")
	status, _ := call[json.RawMessage](t, s, "GET", "/api/v1/report?raceName=Terrans&turn=1", nil)
	require.Equal(t, 200, status)
	refused(t, s, 404, engineapi.CodeTurnUnknown, "GET", "/api/v1/report?raceName=Terrans&turn=5", nil)
}

func TestABanishedRaceIsOutAndTheDigestStays(t *testing.T) {
	s := started(t, t.TempDir())
	_, before := call[engineapi.Status](t, s, "GET", "/api/v1/admin/status", nil)
	for range 2 {
		status, _ := call[struct{}](t, s, "POST", "/api/v1/admin/race/banish", engineapi.BanishRequest{RaceName: "Zerg"})
		require.Equal(t, 204, status)
	}
	refused(t, s, 404, engineapi.CodeRaceUnknown, "POST", "/api/v1/admin/race/banish", engineapi.BanishRequest{RaceName: "?"})
	refused(t, s, 403, engineapi.CodeRaceExtinct, "PUT", "/api/v1/order", engineapi.OrderRequest{RaceName: "Zerg", Turn: 1})
	_, after := call[engineapi.Status](t, s, "GET", "/api/v1/admin/status", nil)
	require.Equal(t, before.StateDigest, after.StateDigest)
	require.True(t, after.Players[1].Banished)
	_, over := call[engineapi.TurnResult](t, s, "PUT", "/api/v1/admin/turn", nil)
	require.True(t, over.Finished)
	require.Equal(t, []string{"Terrans"}, over.Winners)
	refused(t, s, 409, engineapi.CodeGameFinished, "PUT", "/api/v1/admin/turn", nil)
}

func TestAWriteForAnotherGameIsRefused(t *testing.T) {
	s := started(t, t.TempDir())
	req, err := http.NewRequest("PUT", s.URL+"/api/v1/admin/turn", nil)
	require.NoError(t, err)
	req.Header.Set(engineapi.GameHeader, strings.Replace(gameID, "1", "2", 1))
	res, err := s.Client().Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, 409, res.StatusCode)
}

func TestADirectoryThatCannotBeWrittenLeavesTheTurnAsItIs(t *testing.T) {
	path := t.TempDir()
	s := started(t, path)
	require.NoError(t, os.RemoveAll(path+"/reports"))
	require.NoError(t, os.WriteFile(path+"/reports", nil, 0o644), "a file stands where a directory is needed")
	refused(t, s, 503, engineapi.CodeStorage, "PUT", "/api/v1/admin/turn", nil)
	_, st := call[engineapi.Status](t, s, "GET", "/api/v1/admin/status", nil)
	require.Equal(t, 0, st.CurrentTurn)
	require.Equal(t, engineapi.StateFailed, st.EngineStatus)
	require.NoError(t, os.Remove(path+"/reports"))
	status, _ := call[engineapi.TurnResult](t, s, "PUT", "/api/v1/admin/turn", nil)
	require.Equal(t, 200, status)
}

func TestTheArchiveKeepsTenStates(t *testing.T) {
	path := t.TempDir()
	s := started(t, path)
	for turn := 1; turn <= 14; turn++ {
		for _, race := range []string{"Terrans", "Zerg"} {
			call[engineapi.Results](t, s, "PUT", "/api/v1/order", engineapi.OrderRequest{RaceName: race, Turn: turn, Commands: cmd(`{}`)})
		}
		status, _ := call[engineapi.TurnResult](t, s, "PUT", "/api/v1/admin/turn", nil)
		require.Equal(t, 200, status, fmt.Sprint(turn))
	}
	entries, err := os.ReadDir(path + "/archive")
	require.NoError(t, err)
	require.Len(t, entries, 10)
}
