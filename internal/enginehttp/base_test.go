package enginehttp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
)

// TestAStatusOfTheBaseIsRead: what it does not show is absent, and what has another type than ours is as well.
func TestAStatusOfTheBaseIsRead(t *testing.T) {
	all := galaxy.LacksPlanets | galaxy.LacksPopulation | galaxy.LacksIndustry | galaxy.LacksShips | galaxy.LacksVotes |
		galaxy.LacksExtinct | galaxy.LacksBanished | galaxy.LacksRevision
	for name, c := range map[string]struct {
		body  string
		turn  int
		lacks galaxy.Lacks
	}{
		"nothing else":   {`"currentTurn":0,"players":[{"raceName":"A"}]`, 0, all},
		"null":           {`"currentTurn":2,"stateDigest":null,"players":[{"raceName":"A","planets":null,"orderRevision":null}]`, 2, all},
		"no turn":        {`"players":[{"raceName":"A"}]`, galaxy.NoTurn, all},
		"other types":    {`"currentTurn":1,"stateDigest":7,"finished":"no","engineStatus":3,"winners":{},"players":[{"raceName":"A","ships":"many","votes":[],"extinct":0}]`, 1, all},
		"some":           {`"currentTurn":1,"players":[{"raceName":"A","planets":2.0,"population":1,"extinct":false}]`, 1, all &^ (galaxy.LacksPlanets | galaxy.LacksPopulation | galaxy.LacksExtinct)},
		"zero is a fact": {`"currentTurn":1,"players":[{"raceName":"A","planets":0,"orderRevision":0,"banished":false}]`, 1, all &^ (galaxy.LacksPlanets | galaxy.LacksRevision | galaxy.LacksBanished)},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(say(200, `{"gameId":"`+game.String()+`",`+c.body+`}`))
			t.Cleanup(s.Close)
			got, err := client(5*time.Second).Status(t.Context(), s.URL)
			require.NoError(t, err)
			require.Equal(t, game, got.Game)
			require.Equal(t, c.turn, got.Turn)
			require.Empty(t, got.Digest)
			require.Equal(t, c.lacks, got.Players[0].Lacks)
		})
	}
	for _, body := range []string{`{"gameId":"` + game.String() + `","players":[{}]}`, `[]`, `{"currentTurn":1}`, ``, `{"gameId":7}`} {
		s := httptest.NewServer(say(200, body))
		_, err := client(5*time.Second).Status(t.Context(), s.URL)
		s.Close()
		var e *galaxy.EngineError
		require.ErrorAs(t, err, &e, body)
		require.Equal(t, 200, e.Status, "it has answered")
		require.Equal(t, galaxy.ServiceUnavailable, e.ForPlayer().Code)
	}
}

func TestWhatBecameOfAListIsReadInAnyForm(t *testing.T) {
	two := []galaxy.CommandResult{{Index: 0, Applied: true}, {Index: 1, ErrorCode: "3042"}}
	for name, c := range map[string]struct {
		status int
		body   string
		want   galaxy.OrderResult
	}{
		"no body":                {204, "", galaxy.OrderResult{Turn: 4, Accepted: 2, Plain: true}},
		"a page":                 {200, "<html>", galaxy.OrderResult{Turn: 4, Accepted: 2, Plain: true}},
		"verdicts in the list":   {200, `{"commands":[{"type":"a","cmdApplied":true,"cmdErrorCode":0},{"cmdApplied":false,"cmdErrorCode":3042}]}`, galaxy.OrderResult{Turn: 4, Accepted: 1, Rejected: 1, Results: two, Plain: true}},
		"another name":           {201, `{"turn":4,"cmd":[{"cmdApplied":true},{"cmdApplied":false,"cmdErrorCode":"3042"}]}`, galaxy.OrderResult{Turn: 4, Accepted: 1, Rejected: 1, Results: two, Plain: true}},
		"verdicts beside":        {202, `{"turn":4,"revision":7,"accepted":1,"rejected":1,"results":[{"index":0,"applied":true},{"index":1,"applied":false,"errorCode":"3042"}]}`, galaxy.OrderResult{Turn: 4, Revision: 7, Accepted: 1, Rejected: 1, Results: two}},
		"verdicts without index": {202, `{"results":[{"applied":true},{"applied":false,"errorCode":3042}]}`, galaxy.OrderResult{Turn: 4, Accepted: 1, Rejected: 1, Results: two, Plain: true}},
		"what is no verdict":     {200, `{"commands":[{"type":"a"},{"type":"b"}],"results":"ok"}`, galaxy.OrderResult{Turn: 4, Accepted: 2, Plain: true}},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			t.Cleanup(s.Close)
			commands, err := galaxy.SplitCommands([]byte(`[{"a":1},{"b":2}]`))
			require.NoError(t, err)
			got, err := client(5*time.Second).PutOrders(t.Context(), s.URL, galaxy.OrderWrite{Game: game, Race: "A", Turn: 4, Commands: commands})
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestAListThatIsReadBackMayBeNone(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		plain  bool
		kind   galaxy.EngineFailure
	}{
		"there is none":            {204, "", true, ""},
		"without a revision":       {200, `{"turn":4,"commands":[]}`, true, ""},
		"with one":                 {200, `{"turn":4,"revision":0,"commands":null}`, false, ""},
		"a page":                   {200, "<html>", true, ""},
		"no such call":             {404, "", false, galaxy.EngineMissing},
		"no such call, otherwise":  {405, "<html>", false, galaxy.EngineMissing},
		"the race is not known":    {404, `{"error":{"code":"race_unknown"}}`, false, galaxy.EngineRefused},
		"it is another that fails": {502, "", false, galaxy.EngineFailed},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(say(c.status, c.body))
			t.Cleanup(s.Close)
			got, err := client(5*time.Second).Orders(t.Context(), s.URL, "A", 4)
			if c.kind == "" {
				require.NoError(t, err)
				require.Equal(t, c.plain, got.Plain)
				return
			}
			var e *galaxy.EngineError
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.kind, e.Kind)
		})
	}
}

func TestAnInitThatIsDoneNeedNotShowTheGame(t *testing.T) {
	for _, answer := range []http.HandlerFunc{say(200, ""), say(201, "created"), say(299, `{"gameId":5}`), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }} {
		s := httptest.NewServer(answer)
		made, err := client(5*time.Second).Init(t.Context(), s.URL, galaxy.EngineInit{Game: game, Races: []string{"A"}})
		s.Close()
		require.NoError(t, err)
		require.Equal(t, galaxy.GameID{}, made.Game)
	}
}

// TestARefusalIsReadHoweverItsBodyComes: its header says it all.
func TestARefusalIsReadHoweverItsBodyComes(t *testing.T) {
	for name, c := range map[string]struct{ raw, words string }{
		"HTTP/1.0":         {"HTTP/1.0 400 no\r\n\r\n{\"error\":\"oh\"}", "oh"},
		"broken off":       {"HTTP/1.1 400 no\r\nContent-Length: 1000\r\n\r\n{\"error\":\"oh", `{"error":"oh`},
		"in broken chunks": {"HTTP/1.1 400 no\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nthere\r\nzzz", "there"},
		"no body":          {"HTTP/1.1 400 no\r\nContent-Length: 0\r\n\r\n", ""},
		"after a continue": {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 no\r\nConnection: close\r\n\r\n{\"error\":\"oh\"}", "oh"},
		"of another type":  {"HTTP/1.1 400 no\r\nContent-Type: image/png\r\nConnection: close\r\n\r\n\x89PNG", "\uFFFDPNG"},
	} {
		t.Run(name, func(t *testing.T) {
			address := rawServer(t, c.raw)
			_, err := client(5*time.Second).PutOrders(t.Context(), address, galaxy.OrderWrite{Game: game, Race: "A", Turn: 1})
			var e *galaxy.EngineError
			require.ErrorAs(t, err, &e)
			require.Equal(t, galaxy.EngineRefused, e.Kind)
			require.Equal(t, galaxy.InvalidRequest, e.ForPlayer().Code)
			require.Equal(t, c.words, e.Words())
		})
	}
	t.Run("never ending", func(t *testing.T) {
		release := make(chan struct{})
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, strings.Repeat("<br>", 100))
			_ = http.NewResponseController(w).Flush()
			<-release
		}))
		t.Cleanup(func() { close(release); s.CloseClientConnections() })
		_, err := client(300*time.Millisecond).PutOrders(t.Context(), s.URL, galaxy.OrderWrite{Game: game, Race: "A", Turn: 1})
		var e *galaxy.EngineError
		require.ErrorAs(t, err, &e)
		require.Equal(t, galaxy.EngineRefused, e.Kind)
	})
}

// rawServer answers every request on a connection of its own with those bytes.
func rawServer(t *testing.T, raw string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = io.WriteString(conn, raw)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestBodiesHaveALength(t *testing.T) {
	lengths := make(chan string, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lengths <- fmt.Sprint(r.Header.Get("Transfer-Encoding"), r.TransferEncoding, r.ContentLength > 0)
		w.WriteHeader(204)
	}))
	t.Cleanup(s.Close)
	c := client(5 * time.Second)
	_, _ = c.Init(t.Context(), s.URL, galaxy.EngineInit{Game: game})
	_, _ = c.Turn(t.Context(), s.URL, game, nil)
	_ = c.Banish(t.Context(), s.URL, game, "A")
	_, _ = c.PutOrders(t.Context(), s.URL, galaxy.OrderWrite{Game: game})
	_, _ = c.PutBatch(t.Context(), s.URL, galaxy.BatchWrite{Game: game})
	for range 5 {
		require.Equal(t, "[] true", <-lengths)
	}
}

// TestWhatCannotBeRepeatedIsSentOnAFreshConnection: one that rests may be closed by the engine just then.
func TestWhatCannotBeRepeatedIsSentOnAFreshConnection(t *testing.T) {
	var sources []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sources = append(sources, r.RemoteAddr)
		_, _ = io.WriteString(w, `{"gameId":"`+game.String()+`","currentTurn":1,"players":[]}`)
	}))
	t.Cleanup(s.Close)
	c := client(5 * time.Second)
	for range 2 {
		_, err := c.Status(t.Context(), s.URL)
		require.NoError(t, err)
		_, err = c.Turn(t.Context(), s.URL, game, nil)
		require.NoError(t, err)
		_, err = c.PutBatch(t.Context(), s.URL, galaxy.BatchWrite{Game: game, Race: "A", Turn: 1})
		require.NoError(t, err)
	}
	require.Equal(t, sources[0], sources[3], "reads share one")
	for i, source := range sources {
		for j, other := range sources {
			require.False(t, i != j && source == other && (i%3 != 0 || j%3 != 0), "%d and %d", i, j)
		}
	}
}

func TestAReportThatIsNoneIsAnAnswer(t *testing.T) {
	for _, body := range []string{"", "<html>", `{"a":`, strings.Repeat(" ", engineapi.MaxReport+1)} {
		s := httptest.NewServer(say(200, body))
		_, err := client(5*time.Second).Report(t.Context(), s.URL, "A", 1)
		s.Close()
		var e *galaxy.EngineError
		require.True(t, errors.As(err, &e))
		require.Equal(t, galaxy.ServiceUnavailable, e.ForPlayer().Code, "not as if it had not answered")
	}
}
