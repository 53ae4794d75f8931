package enginetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"galaxy/backend/galaxy"
)

// Base is an engine of another make: it keeps the base of the contract and knows none of the extensions. No answer
// has a digest, a revision, or numbers of a race; nothing is done once only because it carries a number or an id. It
// refuses fields that the base does not have, and bodies without a length. The zero value answers with 200 and a body
// where the base leaves the choice.
type Base struct {
	Least     int                                // fewer races are refused with 400
	Stateless bool                               // init is answered without a body
	Init      int                                // status of an init that is done; 200 by default
	Put       int                                // status of a list that is stored; 200 by default
	Bare      bool                               // a list that is stored is answered without a body
	Readback  int                                // status of a list that is read back: 200, 204, 404 (the default) or 405
	Command   int                                // status of PUT command: 404 (the default) or 405 when there is none; 200 when there is
	Unknown   int                                // status of a banish of an unknown race; 400 by default
	Status    int                                // status of a status without a game; 501 by default
	Says      func(code int, text string) string // how refusals are worded: ErrorObject, ErrorText, Generic or any other; Generic by default
	Headers   map[string]string                  // headers of every answer
}

// The wordings of refusals that engines have.
func ErrorText(_ int, text string) string { return encode(map[string]string{"error": text}) }

// Generic names the shelf of the fault by its code.
func Generic(code int, text string) string {
	return encode(map[string]any{"generic_error": text, "code": code})
}

// ErrorObject is the wording of our own contract, without its codes.
func ErrorObject(code int, text string) string {
	return encode(map[string]any{"error": map[string]any{"code": fmt.Sprint(code), "message": text}})
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// Make has all engines be of another make from now on.
func (e *Engines) Make(b Base) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.base = &b
}

func (e *Engines) made() *Base {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.base
}

// said is an answer of an engine of another make.
type said struct {
	status int
	body   string
}

func or(status, otherwise int) int {
	if status == 0 {
		return otherwise
	}
	return status
}

// doBase does what is asked, and tells it if tell.
func (e *Engines) doBase(b *Base, id galaxy.GameID, operation string, w http.ResponseWriter, r *http.Request, tell bool) {
	e.mu.Lock()
	g := e.game(id)
	var out said
	if g.State == galaxy.ContainerRunning {
		out = b.do(g, operation, r)
	}
	e.mu.Unlock()
	if !tell || out.status == 0 {
		return
	}
	for name, value := range b.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(out.status)
	_, _ = w.Write([]byte(out.body))
}

func (b *Base) refuse(status, code int, format string, args ...any) said {
	says := b.Says
	if says == nil {
		says = Generic
	}
	return said{status, says(code, fmt.Sprintf(format, args...))}
}

// baseFields are the fields of the base's requests.
var baseFields = map[string][]string{
	Init:    {"gameId", "races"},
	Turn:    {},
	Banish:  {"raceName"},
	Put:     {"raceName", "turn", "commands"},
	Command: {"raceName", "turn", "commands"},
}

func (b *Base) do(g *Game, operation string, r *http.Request) said {
	var in struct {
		GameID   string
		Races    []struct{ RaceName string }
		RaceName string
		Turn     int
		Commands []json.RawMessage
	}
	if fields, write := baseFields[operation]; write {
		var given map[string]json.RawMessage
		if r.ContentLength < 0 {
			return b.refuse(http.StatusLengthRequired, 1411, "a body needs a Content-Length")
		}
		if err := json.NewDecoder(r.Body).Decode(&given); err != nil {
			return b.refuse(http.StatusBadRequest, 2000, "not JSON: %v", err)
		}
		for name := range given {
			if !slices.Contains(fields, name) {
				return b.refuse(http.StatusBadRequest, 2001, "unknown field %q", name)
			}
		}
		if err := json.Unmarshal([]byte(encode(given)), &in); err != nil {
			return b.refuse(http.StatusBadRequest, 2002, "%v", err)
		}
	}
	none := g.Holds == galaxy.GameID{}
	race := in.RaceName
	switch {
	case operation == Healthz:
		return said{http.StatusOK, ""}
	case operation == Init && !none:
		return b.refuse(http.StatusConflict, 1001, "a game is there already")
	case operation == Init && len(in.Races) < b.Least:
		return b.refuse(http.StatusBadRequest, 3001, "too few races: %d of at least %d", len(in.Races), b.Least)
	case operation == Init:
		if err := g.Holds.UnmarshalText([]byte(in.GameID)); err != nil {
			return b.refuse(http.StatusBadRequest, 2003, "no such id")
		}
		for _, one := range in.Races {
			g.Races = append(g.Races, one.RaceName)
		}
		if b.Stateless {
			return said{or(b.Init, http.StatusOK), ""}
		}
		return said{or(b.Init, http.StatusOK), b.status(g)}
	case none:
		return said{or(b.Status, http.StatusNotImplemented), ""}
	case operation == Status:
		return said{http.StatusOK, b.status(g)}
	case operation == Turn:
		g.Advance()
		g.Digest = ""
		return said{http.StatusOK, b.status(g)}
	case operation == Banish && !slices.Contains(g.Races, race):
		return b.refuse(or(b.Unknown, http.StatusBadRequest), 2010, "unknown race %q", race)
	case operation == Banish:
		if g.Banned == nil {
			g.Banned = map[string]bool{}
		}
		g.Banned[race] = true
		return said{http.StatusNoContent, ""}
	case operation == Put:
		return b.put(g, race, in.Turn, in.Commands)
	case operation == Get:
		return b.readback(g, r.URL.Query().Get("raceName"))
	case operation == Command && or(b.Command, http.StatusNotFound) < 300:
		for _, command := range in.Commands {
			g.Ran = append(g.Ran, string(command))
		}
		return said{b.Command, b.stored(race, in.Turn, in.Commands)}
	case operation == Command:
		return said{or(b.Command, http.StatusNotFound), "404 page not found\n"}
	case operation == Report:
		return said{http.StatusOK, encode(map[string]any{"turn": g.Turn, "race": r.URL.Query().Get("raceName")})}
	}
	return said{http.StatusNotFound, "404 page not found\n"}
}

func (b *Base) status(g *Game) string {
	players := []map[string]string{}
	for _, race := range g.Races {
		players = append(players, map[string]string{"raceName": race})
	}
	return encode(map[string]any{"gameId": g.Holds.String(), "currentTurn": g.Turn, "players": players})
}

// put stores a list with its verdicts, also what is refused of it. "quit" has to be the last command.
func (b *Base) put(g *Game, race string, turn int, commands []json.RawMessage) said {
	for i, command := range commands {
		if strings.Contains(string(command), `"quit"`) && i < len(commands)-1 {
			return b.refuse(http.StatusBadRequest, 3020, "quit must be the last command")
		}
	}
	if len(commands) == 0 {
		delete(g.Lists, race)
	} else {
		held := g.Lists[race]
		held.Turn, held.Commands = turn, commands
		g.Lists[race] = held
	}
	if b.Bare {
		return said{or(b.Put, http.StatusOK), ""}
	}
	return said{or(b.Put, http.StatusOK), b.stored(race, turn, commands)}
}

// stored shows commands with a verdict in each.
func (b *Base) stored(race string, turn int, commands []json.RawMessage) string {
	shown := []map[string]any{}
	for _, command := range commands {
		one := map[string]any{}
		_ = json.Unmarshal(command, &one)
		one["cmdApplied"] = !strings.Contains(string(command), "refuse me")
		if one["cmdApplied"] == false {
			one["cmdErrorCode"] = 3042
		}
		shown = append(shown, one)
	}
	return encode(map[string]any{"raceName": race, "turn": turn, "cmd": shown})
}

func (b *Base) readback(g *Game, race string) said {
	held, ok := g.Lists[race]
	switch status := or(b.Readback, http.StatusNotFound); {
	case status == http.StatusOK && ok:
		return said{status, encode(map[string]any{"turn": held.Turn, "commands": held.Commands})}
	case status == http.StatusOK:
		return said{http.StatusNoContent, ""}
	default:
		return said{status, ""}
	}
}
