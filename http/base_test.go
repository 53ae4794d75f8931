package http_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/internal/enginetest"
)

// TestAnEngineOfAnotherMakeIsAnsweredFor: whatever it says, players are told what they can act on.
func TestAnEngineOfAnotherMakeIsAnsweredFor(t *testing.T) {
	m := beginMatch(t, func(e *enginetest.Engines) { e.Make(enginetest.Base{}) })
	orders, commands := m.in()+"/orders", m.in()+"/commands"
	const one = `{"turn":1,"commands":[{"type":"vote"}]}`
	said := func(who as, method, path, body, want string) string {
		status, answer, _ := m.call(who, method, path, body)
		require.GreaterOrEqual(t, status, 400)
		require.Equal(t, want, code(answer))
		return answer["error"].(map[string]any)["message"].(string)
	}
	require.Equal(t, "this game takes no commands; send orders", said(m.members[0], "POST", commands, one, "conflict"))
	done := m.want(http.StatusOK, m.members[0], "PUT", orders, `{"turn":1,"commands":[{"type":"vote"},{"type":"refuse me"}]}`)
	require.Equal(t, []any{1.0, 1.0, 1.0}, []any{done["revision"], done["accepted"], done["rejected"]}, "at once, after a call that the engine lacks")
	require.Equal(t, []any{map[string]any{"index": 0.0, "applied": true}, map[string]any{"index": 1.0, "applied": false, "error_code": "3042"}}, done["results"])
	require.Contains(t, said(m.members[0], "PUT", orders, `{"turn":1,"commands":[{"type":"quit"},{"type":"vote"}]}`, "invalid_request"), "quit must be the last command")
	m.want(http.StatusOK, m.members[0], "PUT", orders, `{"turn":1,"commands":[]}`)

	for body, want := range map[string]struct {
		status int
		code   string
	}{
		`{"error":{"code":"oops","message":"secret words"}}`: {409, "conflict"},
		`{"error":"secret words"}`:                           {502, "service_unavailable"},
		`{"generic_error":"secret words","code":1000}`:       {400, "service_unavailable"},
		`<html>secret words`:                                 {400, "invalid_request"},
		"secret words \xff":                                  {415, "conflict"},
		`{"error":{"code":"race_extinct"}}`:                  {500, "forbidden"},
		`{"error":{"code":"too_many_commands"}}`:             {422, "invalid_request"},
		` `:                                                  {429, "service_unavailable"},
		`secret words, redirected`:                           {307, "service_unavailable"},
	} {
		fault := enginetest.Fault{Status: want.status, Body: body}
		m.engines.Fail(enginetest.Put, fault, fault)
		require.NotContains(t, said(m.members[1], "PUT", orders, one, want.code), "secret", "%d %s", want.status, body)
		m.engines.Forgive(enginetest.Put)
	}
	m.engines.Fail(enginetest.Put, enginetest.Fault{Status: 503, Body: `{"generic_error":"planet 7 is not yours","code":3007}`})
	require.Contains(t, said(m.members[1], "PUT", orders, one, "invalid_request"), "planet 7 is not yours")
	m.want(http.StatusOK, m.members[1], "PUT", orders, one)

	races := m.want(http.StatusOK, m.members[0], "GET", m.in(), "")["races"].([]any)
	require.Len(t, races, 2)
	for _, race := range races {
		require.Len(t, race, 1, "what is not shown is absent")
	}
}

// TestABatchThatMayBeLostIsShownAsSuch to its player, who decides what to do.
func TestABatchThatMayBeLostIsShownAsSuch(t *testing.T) {
	m := beginMatch(t, func(e *enginetest.Engines) { e.Make(enginetest.Base{Command: 200}) })
	const batch = `{"turn":1,"batch_id":"one","commands":[{"type":"vote"}]}`
	m.engines.Fail(enginetest.Command, enginetest.Fault{Cut: true, After: true})
	m.refused("timeout", m.members[0], "POST", m.in()+"/commands", batch)
	m.refused("conflict", m.members[0], "POST", m.in()+"/commands", batch)
	m.want(http.StatusOK, m.members[0], "POST", m.in()+"/commands", `{"turn":1,"batch_id":"two","commands":[{"type":"vote"}]}`)
	batches := m.want(http.StatusOK, m.members[0], "GET", m.in()+"/orders", "")["batches"].([]any)
	require.Len(t, batches, 2)
	require.Equal(t, []any{true, nil}, []any{batches[0].(map[string]any)["lost"], batches[1].(map[string]any)["lost"]})
	require.Equal(t, 2, m.engines.Calls(enginetest.Command))
}
