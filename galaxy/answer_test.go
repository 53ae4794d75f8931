package galaxy

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// TestEveryAnswerOfAnEngineOfAnyMakeIsClassified: what a call was answered with says what was done, whose fault it
// is, and what its player is told.
func TestEveryAnswerOfAnEngineOfAnyMakeIsClassified(t *testing.T) {
	own := func(code int) string { return fmt.Sprintf(`{"generic_error":"it is so","code":%d}`, code) }
	ours := func(code string) string { return `{"error":{"code":"` + code + `","message":"it is so"}}` }
	const text, page = `{"error":"it is so"}`, "<html>\n<h1>404</h1> not found</html>"
	for name, c := range map[string]struct {
		call   EngineCall
		status int
		body   string
		kind   EngineFailure
		player Code // what a player is told
		words  string
	}{
		"no game, without a body":             {CallStatus, 501, "", EngineEmpty, Conflict, ""},
		"no game, on the shelf of its own":    {CallStatus, 501, own(1001), EngineEmpty, Conflict, "it is so"},
		"a roster that is refused":            {CallInit, 400, text, EngineRefused, Conflict, "it is so"},
		"a roster that breaks the rules":      {CallInit, 500, own(3001), EngineRefused, Conflict, "it is so"},
		"an init that it does not know":       {CallInit, 501, "", EngineRefused, Conflict, ""},
		"an init that fails":                  {CallInit, 500, own(1003), EngineFailed, ServiceUnavailable, "it is so"},
		"an init that comes too early":        {CallInit, 429, "", EngineBusy, ServiceUnavailable, ""},
		"a turn that is refused":              {CallTurn, 409, ours("turn_mismatch"), EngineRefused, TurnAlreadyClosed, "it is so"},
		"a turn that fails":                   {CallTurn, 500, ours("generation_failed"), EngineFailed, ServiceUnavailable, "it is so"},
		"a turn, redirected":                  {CallTurn, 308, "", EngineUnanswered, ServiceUnavailable, ""},
		"a turn that some proxy gave up":      {CallTurn, 504, page, EngineFailed, ServiceUnavailable, "<html> <h1>404</h1> not found</html>"},
		"a list with a mistake":               {CallOrders, 400, text, EngineRefused, InvalidRequest, "it is so"},
		"a list with a mistake, as our own":   {CallOrders, 400, ours("quit_last"), EngineRefused, InvalidRequest, "it is so"},
		"a mistake told as a failure":         {CallOrders, 500, own(3020), EngineRefused, InvalidRequest, "it is so"},
		"a mistake told as unavailable":       {CallOrders, 503, own(2020), EngineRefused, InvalidRequest, "it is so"},
		"a mistake with its code as text":     {CallOrders, 500, `{"generic_error":"it is so","code":"2020"}`, EngineRefused, InvalidRequest, "it is so"},
		"its own fault told as a mistake":     {CallOrders, 400, own(1020), EngineFailed, ServiceUnavailable, "it is so"},
		"a number on no shelf":                {CallOrders, 400, own(9), EngineRefused, InvalidRequest, "it is so"},
		"a failure on no shelf":               {CallOrders, 500, own(4001), EngineFailed, ServiceUnavailable, "it is so"},
		"a mistake with a page":               {CallOrders, 400, page, EngineRefused, InvalidRequest, "<html> <h1>404</h1> not found</html>"},
		"a mistake without a word":            {CallOrders, 422, "", EngineRefused, InvalidRequest, ""},
		"a list that is too long":             {CallOrders, 413, "", EngineRefused, PayloadTooLarge, ""},
		"a list of a race that is extinct":    {CallOrders, 500, ours("race_extinct"), EngineRefused, Forbidden, "it is so"},
		"a list of a race it does not know":   {CallOrders, 404, ours("race_unknown"), EngineRefused, NotFound, "it is so"},
		"a list in a turn that is made":       {CallOrders, 409, ours("turn_in_progress"), EngineRefused, TurnAlreadyClosed, "it is so"},
		"a list that it does not want now":    {CallOrders, 409, text, EngineRefused, Conflict, "it is so"},
		"a list, redirected":                  {CallOrders, 301, "", EngineUnanswered, ServiceUnavailable, ""},
		"a list that is not taken in time":    {CallOrders, 408, "", EngineBusy, ServiceUnavailable, ""},
		"no commands":                         {CallBatch, 404, "404 page not found\n", EngineMissing, Conflict, "404 page not found"},
		"no commands, another way":            {CallBatch, 405, "", EngineMissing, Conflict, ""},
		"no commands, by our own code":        {CallBatch, 404, ours("not_found"), EngineMissing, Conflict, "it is so"},
		"commands of a race it does not know": {CallBatch, 404, ours("race_unknown"), EngineRefused, NotFound, "it is so"},
		"commands that break the rules":       {CallBatch, 404, own(3003), EngineRefused, InvalidRequest, "it is so"},
		"commands that were not run":          {CallBatch, 503, "", EngineBusy, ServiceUnavailable, ""},
		"commands that were not run in time":  {CallBatch, 504, page, EngineBusy, ServiceUnavailable, "<html> <h1>404</h1> not found</html>"},
		"commands that may have been run":     {CallBatch, 500, own(1500), EngineFailed, ServiceUnavailable, "it is so"},
		"commands without a game":             {CallBatch, 501, "", EngineEmpty, Conflict, ""},
		"nothing to read back":                {CallReadBack, 405, "", EngineMissing, Conflict, ""},
		"nothing to read back, not built":     {CallReadBack, 501, "", EngineMissing, Conflict, ""},
		"a report that is not there":          {CallReport, 404, text, EngineRefused, NotFound, "it is so"},
		"a report of an unknown turn":         {CallReport, 404, ours("turn_unknown"), EngineRefused, NotFound, "it is so"},
		"a report without a game":             {CallReport, 501, "", EngineEmpty, Conflict, ""},
		"a report that it cannot write":       {CallReport, 500, page, EngineFailed, ServiceUnavailable, "<html> <h1>404</h1> not found</html>"},
		"a banish, refused":                   {CallBanish, 409, text, EngineRefused, Conflict, "it is so"},
		"a banish that it does not know":      {CallBanish, 501, "", EngineRefused, Conflict, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := ReadAnswer(c.call, c.status, []byte(c.body))
			require.Equal(t, c.kind, e.Kind)
			require.Equal(t, c.words, e.Words())
			told := e.ForPlayer()
			require.Equal(t, c.player, told.Code)
			if told.Code == InvalidRequest && !strings.Contains(c.body, "<html>") {
				require.Contains(t, told.Message, c.words, "the engine's words")
			} else {
				require.NotContains(t, told.Message, "it is so")
			}
			require.NotContains(t, told.Message, "<")
			require.Contains(t, e.Said(), fmt.Sprintf("status %d", c.status))
			require.Equal(t, c.kind != EngineFailed && c.kind != EngineUnanswered, e.Settled())
		})
	}
	for _, call := range []EngineCall{CallHealth, CallStatus, CallInit, CallTurn, CallBanish, CallOrders, CallReadBack, CallBatch, CallReport} {
		for status := 200; status < 300; status++ {
			require.Nil(t, ReadAnswer(call, status, []byte("anything")), "%s %d is done", call, status)
		}
		for status := 100; status < 600; status++ {
			if status < 200 || status >= 300 {
				require.NotEmpty(t, ReadAnswer(call, status, nil).ForPlayer().Message)
			}
		}
	}
	require.Equal(t, "this game takes no commands; send orders", ReadAnswer(CallBatch, 404, nil).ForPlayer().Message)
}

func TestAnUnknownRaceIsReadInWhateverWords(t *testing.T) {
	for body, says := range map[string]bool{
		`{"error":{"code":"race_unknown","message":"no"}}`:              true,
		`{"error":{"code":"RaceNotFound","message":"no"}}`:              true,
		`{"error":"unknown race \"Zorg\""}`:                             true,
		`{"error":"Race Zorg was not found"}`:                           true,
		`{"generic_error":"player Zorg does not exist","code":2010}`:    true,
		`{"generic_error":"there is no race of that name","code":1010}`: true,
		`no such race`:                                            true,
		`{"error":"unknown field \"raceName\""}`:                  false,
		`{"error":"the race cannot be banished now"}`:             false,
		`{"generic_error":"state file not found","code":1003}`:    false,
		`{"error":{"code":"internal","message":"unknown error"}}`: false,
		"404 page not found":                                      false,
	} {
		for _, status := range []int{400, 404, 500} {
			require.Equal(t, says, ReadAnswer(CallBanish, status, []byte(body)).Code == "race_unknown", "%d %s", status, body)
		}
	}
	require.Equal(t, "race_unknown", ReadAnswer(CallBanish, 404, nil).Code)
	require.Empty(t, ReadAnswer(CallBanish, 500, nil).Code)
	require.Empty(t, ReadAnswer(CallBanish, 503, []byte(`{"error":"unknown race"}`)).Code, "it may know it later")
	require.Empty(t, ReadAnswer(CallOrders, 400, []byte(`{"error":"race A: planet 5 not found"}`)).Code, "a list names more than a race")
}

// TestAnEnginesWordsAreFitToBeShown whatever it sends.
func TestAnEnginesWordsAreFitToBeShown(t *testing.T) {
	for name, body := range map[string]string{
		"huge":          strings.Repeat("é", 5000),
		"huge, shaped":  `{"error":"` + strings.Repeat("word ", 5000) + `"}`,
		"not UTF-8":     "\xff\xfe\x00 oh \xc3",
		"broken off":    `{"error":{"code":"x","mess`,
		"controls":      "a\x1b[31m\r\n\tb\x00\u202e",
		"another shape": `{"message":"oh","detail":["a"]}`,
		"a list":        `[1,2]`,
		"null":          `null`,
		"odd types":     `{"error":7,"generic_error":{},"code":[]}`,
		"deep":          strings.Repeat("[", 100000),
	} {
		t.Run(name, func(t *testing.T) {
			e := ReadAnswer(CallOrders, 400, []byte(body))
			require.Equal(t, EngineRefused, e.Kind)
			words := e.Words()
			require.True(t, utf8.ValidString(words))
			require.LessOrEqual(t, utf8.RuneCountInString(words), 200)
			require.NotEmpty(t, words)
			for _, r := range words {
				require.True(t, unicode.IsPrint(r), "%q", r)
			}
		})
	}
	require.Equal(t, "a b", ReadAnswer(CallInit, 400, []byte("\n a \r\n\x00 b ")).Words())
}

func TestWhatIsPutAgainToAnEngineThatShowsLittle(t *testing.T) {
	batch := func(id string, r OrderResult) StoredBatch { return StoredBatch{ID: id, EngineRevision: 1, Result: r} }
	known, plain, gone := batch("known", OrderResult{}), batch("plain", OrderResult{Plain: true}), batch("gone", OrderResult{Plain: true, Lost: true})
	counts, silent := EnginePlayer{Race: "A", OrderRevision: 3}, EnginePlayer{Race: "A", Lacks: LacksRevision}
	for name, c := range map[string]struct {
		stored        StoredOrders
		shows         EnginePlayer
		uncertain     bool
		batches, lost []string
		list          bool
	}{
		"it holds it":                              {StoredOrders{Revision: 2, EngineRevision: 3}, counts, false, nil, nil, false},
		"it holds another":                         {StoredOrders{Revision: 2, EngineRevision: 4, Batches: []StoredBatch{known}}, counts, false, []string{"known"}, nil, true},
		"it does not tell":                         {StoredOrders{Revision: 2, EngineRevision: 4}, silent, false, nil, nil, true},
		"it never told, and shows zero now":        {StoredOrders{Revision: 2}, EnginePlayer{Race: "A"}, false, nil, nil, true},
		"it does not tell of batches either":       {StoredOrders{Batches: []StoredBatch{plain}}, silent, false, nil, nil, false},
		"it cannot tell another engine's batches":  {StoredOrders{Batches: []StoredBatch{known, plain}}, silent, false, nil, []string{"known"}, false},
		"it counts, and the one before did not":    {StoredOrders{Revision: 1, EngineRevision: 9, Batches: []StoredBatch{plain}}, counts, false, nil, []string{"plain"}, true},
		"the player has been told that it is lost": {StoredOrders{Batches: []StoredBatch{gone}}, counts, false, nil, nil, false},
		"whether it holds it is not certain":       {StoredOrders{Revision: 2, EngineRevision: 3, Batches: []StoredBatch{known}}, counts, true, []string{"known"}, nil, true},
		"it may hold a list that is not stored":    {StoredOrders{Batches: []StoredBatch{known}}, counts, true, []string{"known"}, nil, true},
		"it does not tell, and nothing is certain": {StoredOrders{Batches: []StoredBatch{plain}}, silent, true, nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			batches, list, lost := c.stored.Again(c.shows, c.uncertain)
			ids := func(all []StoredBatch) (out []string) {
				for _, b := range all {
					out = append(out, b.ID)
				}
				return out
			}
			require.Equal(t, c.batches, ids(batches))
			require.Equal(t, c.lost, ids(lost))
			require.Equal(t, c.list, list)
		})
	}
}

func TestADigestThatIsNotShownSpeaksAgainstNothing(t *testing.T) {
	id := GameID{UUID: NewID()}
	for _, c := range []struct {
		recorded, shown string
		verdict         Verdict
	}{{"a", "a", ShowsRecorded}, {"", "", ShowsRecorded}, {"a", "", ShowsRecorded}, {"", "b", ShowsRecorded}, {"a", "b", ShowsOther}} {
		require.Equal(t, c.verdict, Runtime{Turn: 3, Digest: c.recorded}.Compare(id, EngineStatus{Game: id, Turn: 3, Digest: c.shown}))
	}
	require.Equal(t, ShowsOther, Runtime{Turn: 0}.Compare(id, EngineStatus{Game: id, Turn: NoTurn}), "a turn that is not shown is not turn 0")
}

// TestABanishThatIsNotShownIsNotLost: an engine of another make takes it, and shows nothing of it ever.
func TestABanishThatIsNotShownIsNotLost(t *testing.T) {
	g := Game{Members: []Membership{{Race: "A", HoldsName: true, Banish: BanishTaken, Extinct: true}}}
	c := GameChange{Next: g}
	require.False(t, c.observe([]EnginePlayer{{Race: "A", Lacks: LacksBanished | LacksExtinct}}))
	require.Equal(t, BanishTaken, c.Next.Members[0].Banish)
	require.True(t, c.Next.Members[0].Extinct)
	require.True(t, c.observe([]EnginePlayer{{Race: "A"}}))
	require.Equal(t, BanishWanted, c.Next.Members[0].Banish)
}
