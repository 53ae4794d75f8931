package server

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"galaxy/backend/engineapi"
)

// Handler serves the contract.
func (e *Engine) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, map[string]string{"status": "ok"}) })
	mux.HandleFunc("GET /api/v1/admin/status", func(w http.ResponseWriter, _ *http.Request) {
		s, bad := e.Status()
		reply(w, 200, s, bad)
	})
	mux.HandleFunc("POST /api/v1/admin/init", handle(e, false, 201, func(_ *http.Request, in engineapi.InitRequest) (engineapi.Status, *failure) {
		return e.init(in)
	}))
	mux.HandleFunc("PUT /api/v1/admin/turn", handle(e, true, 200, func(r *http.Request, in engineapi.TurnRequest) (engineapi.TurnResult, *failure) {
		return e.turn(r.Context(), in.ExpectedTurn)
	}))
	mux.HandleFunc("POST /api/v1/admin/race/banish", handle(e, true, 204, func(_ *http.Request, in engineapi.BanishRequest) (struct{}, *failure) {
		return struct{}{}, e.banish(in.RaceName)
	}))
	mux.HandleFunc("PUT /api/v1/command", handle(e, true, 200, func(_ *http.Request, in engineapi.CommandRequest) (engineapi.Results, *failure) {
		return e.command(in)
	}))
	mux.HandleFunc("PUT /api/v1/order", handle(e, true, 202, func(_ *http.Request, in engineapi.OrderRequest) (engineapi.Results, *failure) {
		return e.order(in)
	}))
	mux.HandleFunc("GET /api/v1/order", query(func(race string, turn int) (engineapi.OrderList, *failure) { return e.orders(race, turn) }))
	mux.HandleFunc("GET /api/v1/report", query(func(race string, turn int) (json.RawMessage, *failure) { return e.report(race, turn) }))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 0, nil, fail(404, engineapi.CodeNotFound, "there is no such operation"))
	})
	return mux
}

// handle decodes a write's body, whole and strictly, and checks that the write is meant for this game.
func handle[In, Out any](e *Engine, named bool, status int, work func(*http.Request, In) (Out, *failure)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		if bad := decode(w, r, &in); bad != nil {
			reply(w, 0, nil, bad)
			return
		}
		if named {
			if bad := e.meant(r.Header.Get(engineapi.GameHeader)); bad != nil {
				reply(w, 0, nil, bad)
				return
			}
		}
		out, bad := work(r, in)
		reply(w, status, out, bad)
	}
}

// meant refuses a write that names another game. One that names none is taken.
func (e *Engine) meant(game string) *failure {
	e.mu.Lock()
	defer e.mu.Unlock()
	if game != "" && e.game != nil && game != e.game.State.GameID {
		return fail(409, engineapi.CodeWrongGame, "this engine holds another game")
	}
	return nil
}

func decode(w http.ResponseWriter, r *http.Request, into any) *failure {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, engineapi.MaxBody))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if errors.Is(err, io.EOF) && r.ContentLength <= 0 {
		return nil // an empty body is an empty object
	}
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the JSON value")
		}
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return fail(413, engineapi.CodeTooLarge, "a body has at most %d bytes", engineapi.MaxBody)
	case err != nil:
		return fail(400, engineapi.CodeInvalid, "the body is not what this operation takes")
	}
	return nil
}

func query[Out any](work func(race string, turn int) (Out, *failure)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		turn, err := strconv.Atoi(r.URL.Query().Get("turn"))
		if err != nil {
			reply(w, 0, nil, fail(400, engineapi.CodeInvalid, "turn must be a number"))
			return
		}
		out, bad := work(r.URL.Query().Get("raceName"), turn)
		reply(w, 200, out, bad)
	}
}

func reply(w http.ResponseWriter, status int, out any, bad *failure) {
	switch {
	case bad != nil:
		answer(w, bad.status, engineapi.Error{Error: bad.ErrorBody})
	case status == http.StatusNoContent:
		w.WriteHeader(status)
	default:
		answer(w, status, out)
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
