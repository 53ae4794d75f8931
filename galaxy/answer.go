package galaxy

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// EngineCall is one call of the engine contract.
type EngineCall string

// The calls of the engine contract.
const (
	CallHealth   EngineCall = "healthz"
	CallStatus   EngineCall = "status"
	CallInit     EngineCall = "init"
	CallTurn     EngineCall = "turn"
	CallBanish   EngineCall = "banish"
	CallOrders   EngineCall = "put order"
	CallReadBack EngineCall = "get order"
	CallBatch    EngineCall = "command"
	CallReport   EngineCall = "report"
)

// Codes of the contract that decide what an answer means, whatever its status is.
const (
	codeRaceUnknown = "race_unknown"
	codeInvalid     = "invalid_request"
)

// maxSaid is how many characters of an engine's words are shown.
const maxSaid = 200

// ReadAnswer classifies what an engine of any make has answered: nil when the call is done, and otherwise whose fault
// it is, in the engine's words, and whether a write may have been done. It is the only place that knows what a status
// means.
func ReadAnswer(call EngineCall, status int, body []byte) *EngineError {
	if status >= 200 && status < 300 {
		return nil
	}
	said := readSaid(body)
	e := &EngineError{Call: call, Status: status, Code: said.code, Message: said.words, shaped: said.shaped}
	if call == CallBanish && said.unknownRace(status) {
		e.Code = codeRaceUnknown
	}
	e.Kind = kindOfAnswer(call, status, said.shelf, e.Code)
	e.Player = e.Kind == EngineRefused && blamesPlayer(call, status, said.shelf, e.Code)
	return e
}

func kindOfAnswer(call EngineCall, status, shelf int, code string) EngineFailure {
	_, refusal := refusals[code]
	switch {
	case status < 400:
		return EngineUnanswered // a redirect is followed by nobody
	case status == statusNotImplemented && call == CallReadBack:
		return EngineMissing
	case status == statusNotImplemented && call != CallInit && call != CallBanish && call != CallHealth:
		return EngineEmpty
	case refusal, code == codeInvalid, shelf == shelfInput, shelf == shelfRules:
		return EngineRefused
	case shelf == shelfOwn:
		return EngineFailed
	case (call == CallBatch || call == CallReadBack) && (status == statusNotFound || status == statusMethodNotAllowed):
		return EngineMissing
	case status == statusRequestTimeout, status == statusTooEarly, status == statusTooManyRequests:
		return EngineBusy
	case call == CallBatch && (status == statusServiceUnavailable || status == statusGatewayTimeout):
		return EngineBusy
	case status >= 500 && status != statusNotImplemented:
		return EngineFailed
	default:
		return EngineRefused
	}
}

// blamesPlayer reports whether a refusal is about what the player sent.
func blamesPlayer(call EngineCall, status, shelf int, code string) bool {
	switch call {
	case CallOrders, CallBatch, CallReport:
	default:
		return false
	}
	return shelf == shelfInput || shelf == shelfRules || code == codeInvalid ||
		status == statusBadRequest || status == statusRequestEntityTooLarge || status == statusUnprocessableEntity
}

// The shelves of numeric codes: the engine's own faults, a player's input, and the rules of the game.
const (
	shelfOwn   = 1
	shelfInput = 2
	shelfRules = 3
)

// said is what an error's body says.
type said struct {
	code, words string
	shelf       int
	shaped      bool // it is one of the bodies that the contract knows, so that its words are meant to be read
}

// readSaid reads a body in any of the three shapes; of any other one its first characters are the words.
func readSaid(body []byte) said {
	var b struct {
		Error   json.RawMessage `json:"error"`
		Generic json.RawMessage `json:"generic_error"`
		Code    json.RawMessage `json:"code"`
	}
	if !unmarshalLeniently(body, &b) {
		return said{words: legible(string(body), maxSaid)}
	}
	var inner struct{ Code, Message json.RawMessage }
	s := said{shaped: true}
	switch {
	case isString(b.Error):
		s.words, s.code = scalar(b.Error), scalar(b.Code)
	case unmarshalLeniently(b.Error, &inner) && (inner.Code != nil || inner.Message != nil):
		s.words, s.code = scalar(inner.Message), scalar(inner.Code)
	case isString(b.Generic):
		s.words, s.code = scalar(b.Generic), scalar(b.Code)
	default:
		return said{words: legible(string(body), maxSaid)}
	}
	if n, err := strconv.Atoi(s.code); err == nil && n >= 1000 && n < 4000 {
		s.shelf = n / 1000
	}
	return s
}

// unmarshalLeniently leaves out what has another type than is expected.
func unmarshalLeniently(raw []byte, into any) bool {
	err := json.Unmarshal(raw, into)
	var other *json.UnmarshalTypeError
	return err == nil || errors.As(err, &other)
}

func isString(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '"' }

// scalar gives the text of a JSON string, or number; nothing of anything else.
func scalar(raw json.RawMessage) string {
	var text string
	var number json.Number
	switch {
	case isString(raw) && json.Unmarshal(raw, &text) == nil:
		return text
	case len(raw) > 0 && json.Unmarshal(raw, &number) == nil:
		return number.String()
	}
	return ""
}

// unknownRace reports whether the refusal of a banish says that there is no such race. A banish names nothing but a
// race, so a 404 without a word means it too; a page that was not found does not.
func (s said) unknownRace(status int) bool {
	if !slices.Contains(unknownRaceStatus, status) {
		return false
	}
	return s.code == codeRaceUnknown || status == statusNotFound && s.code == "" && s.words == "" ||
		raceUnknown.MatchString(s.words) || raceUnknown.MatchString(wordsOf(s.code))
}

var unknownRaceStatus = []int{statusBadRequest, statusNotFound, statusGone, statusUnprocessableEntity, statusInternalServerError}

var raceUnknown = regexp.MustCompile(`(?i)\b(unknown|no such|no) (race|player)\b` +
	`|\b(race|player)\b.{0,60}(\bunknown\b|\bnot found\b|\bnot exist\b|n't exist\b|\bnot known\b|\bnot registered\b)`)

// wordsOf splits a code such as RaceNotFound or race-not-found.
func wordsOf(code string) string {
	var b strings.Builder
	for i, r := range code {
		switch {
		case r == '_' || r == '-' || r == '.':
			r = ' '
		case i > 0 && unicode.IsUpper(r):
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// legible gives the first characters of a text that can be printed, on one line.
func legible(text string, most int) string {
	var b strings.Builder
	n, space := 0, false
	for _, r := range text {
		switch {
		case unicode.IsSpace(r):
			space = n > 0
			continue
		case !unicode.IsPrint(r):
			continue
		case n >= most, space && n+1 >= most:
			return b.String()
		case space:
			b.WriteByte(' ')
			n++
		}
		b.WriteRune(r)
		n, space = n+1, false
	}
	return b.String()
}
