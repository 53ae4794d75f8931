package galaxy

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// The bounds of a list of orders. Commands are not interpreted here: their size, number and form are all that is checked.
const (
	MaxCommands    = 1000
	MaxOrdersBytes = 200 << 10
)

// SplitCommands reads a JSON array of objects and gives each as it was written.
func SplitCommands(raw []byte) ([]json.RawMessage, error) {
	if len(raw) > MaxOrdersBytes {
		return nil, Errorf(PayloadTooLarge, "commands must have at most %d bytes", MaxOrdersBytes)
	}
	if !utf8.Valid(raw) || bytes.ContainsRune(raw, 0) || bytes.Contains(raw, []byte(`\u0000`)) {
		return nil, Errorf(InvalidRequest, "commands must be UTF-8 without NUL")
	}
	var commands []json.RawMessage
	if err := json.Unmarshal(raw, &commands); err != nil || commands == nil {
		return nil, Errorf(InvalidRequest, "commands must be a JSON array of objects")
	}
	if len(commands) > MaxCommands {
		return nil, Errorf(InvalidRequest, "commands must be at most %d", MaxCommands)
	}
	for i, c := range commands {
		if len(c) == 0 || c[0] != '{' {
			return nil, Errorf(InvalidRequest, "command %d must be a JSON object", i)
		}
	}
	return commands, nil
}
