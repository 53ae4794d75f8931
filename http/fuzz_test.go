package http

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

// FuzzStrictJSON: what is accepted means the same to encoding/json, and can be stored.
func FuzzStrictJSON(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"a":2}`, `{"a":"\u0000"}`, `{"\u0000":1}`, `[1,2,{"b":[null,true]}]`, `1 2`,
		`"\ud800"`, `{"a":1e999}`, `nul`,
		strings.Repeat("[", 40), "{\"a\":\"\xff\"}", `{"a":{"b":{}},}`, "\ufeff{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := strictJSON(raw)
		if err != nil {
			require.Equal(t, galaxy.InvalidRequest, galaxy.CodeOf(err))
			return
		}
		require.True(t, json.Valid(raw))
		again, err := json.Marshal(v)
		require.NoError(t, err)
		same, err := strictJSON(again)
		require.NoError(t, err)
		require.Equal(t, v, same)
	})
}

// FuzzOrderBody: of an order's envelope nothing is lost but the commands, which are looked at on their own.
func FuzzOrderBody(f *testing.F) {
	for _, s := range []string{`{"turn":1,"commands":[{"a":1}]}`, `{"commands":[],"commands":[]}`, `{"Commands":[1]}`,
		`{"commands":null}`, `[]`, `{"commands":[{}]} {}`,
		`{"\u0063ommands":[{}]}`, `{"turn":{"commands":[{"x":"\u0000"}]}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		reduced, err := withoutCommands(raw)
		if err != nil {
			require.Contains(t, []galaxy.Code{galaxy.InvalidRequest, galaxy.PayloadTooLarge}, galaxy.CodeOf(err))
			return
		}
		var was, is map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &was))
		require.NoError(t, json.Unmarshal(reduced, &is))
		require.Len(t, is, len(was))
		if _, ok := is["commands"]; ok {
			require.JSONEq(t, "[]", string(is["commands"]))
		}
	})
}

// FuzzOrdersAnswer: an answer with orders is JSON that holds every command byte for byte, whatever the names in it are.
func FuzzOrdersAnswer(f *testing.F) {
	f.Add("b", []byte(`[{"a": 1}]`))
	f.Add(`"commands":0`, []byte(`[{"commands":0,"x":"\"commands\":1"}]`))
	f.Add("\\", []byte(`[]`))
	f.Fuzz(func(t *testing.T, batch string, raw []byte) {
		if _, err := galaxy.SplitCommands(raw); err != nil || !utf8.ValidString(batch) {
			return
		}
		out, err := ordersJSON(galaxy.StoredOrders{Turn: 1, Revision: 1, Commands: raw,
			Batches: []galaxy.StoredBatch{{ID: batch, Commands: raw}}})
		require.NoError(t, err)
		require.True(t, json.Valid(out), "%s", out)
		require.GreaterOrEqual(t, bytes.Count(out, raw), 2)
		var back struct{ Batches []struct{ BatchID string } }
		require.NoError(t, json.Unmarshal(bytes.ReplaceAll(out, []byte("batch_id"), []byte("BatchID")), &back))
	})
}

// FuzzHeaders: what a caller writes in headers is an address, an id or a key, or is not used at all.
func FuzzHeaders(f *testing.F) {
	f.Add("1.2.3.4, 5.6.7.8", "127.0.0.1:1", "id", `"12"`, "eyJ")
	f.Add("fe80::1%"+strings.Repeat("z", 100), "[::1]:80", "a b", `"`, "")
	f.Add("::ffff:1.2.3.4", "@", "\x00", "99999999999999999999", "=")
	f.Fuzz(func(t *testing.T, forwarded, peer, id, match, cursor string) {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = &http.Request{Header: http.Header{"X-Forwarded-For": {forwarded}}, RemoteAddr: peer}
		addr := source(c)
		require.Empty(t, addr.Zone(), "a zone is of the caller's making")
		key := sourceKey(addr)
		require.True(t, !key.IsValid() || key.Is4() || key.Is6())
		require.LessOrEqual(t, len(key.String()), 64)
		if validRequestID(id) {
			require.LessOrEqual(t, len(id), 128)
			require.True(t, storable(id))
			require.NotContains(t, id, "\n")
		}
		if v := version(&match); v > 0 && match == *tag(v) {
			require.Equal(t, match, *tag(version(tag(v))))
		}
		if path, err := pathOf(cursor); err == nil {
			require.Equal(t, cursor, cursorOf(path))
		}
		require.LessOrEqual(t, len(shortened(id)), 64)
	})
}
