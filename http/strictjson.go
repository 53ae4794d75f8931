package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"galaxy/backend/galaxy"
)

// maxDepth is how deep a body may be nested.
const maxDepth = 32

var (
	errNotJSON   = galaxy.Errorf(galaxy.InvalidRequest, "the body is not valid JSON")
	errDuplicate = galaxy.Errorf(galaxy.InvalidRequest, "the body names a field twice")
	errNUL       = galaxy.Errorf(galaxy.InvalidRequest, "the body holds a NUL")
	errDeep      = galaxy.Errorf(galaxy.InvalidRequest, "the body is nested too deeply")
)

// strictJSON reads one JSON value as validators want it, and refuses what encoding/json lets pass: trailing data,
// fields named twice, NUL in strings, invalid UTF-8 and bottomless nesting.
func strictJSON(raw []byte) (any, error) {
	if !utf8.Valid(raw) {
		return nil, errNotJSON
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	v, err := value(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotJSON
	}
	return v, nil
}

func value(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	t, err := d.Token()
	if err != nil {
		return nil, errNotJSON
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return object(d, depth)
		}
		return array(d, depth)
	case string:
		if strings.ContainsRune(t, 0) {
			return nil, errNUL
		}
	}
	return t, nil
}

func object(d *json.Decoder, depth int) (any, error) {
	fields := map[string]any{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, errNotJSON
		}
		name, ok := t.(string)
		if !ok {
			return nil, errNotJSON
		}
		if _, twice := fields[name]; twice {
			return nil, errDuplicate
		}
		if strings.ContainsRune(name, 0) {
			return nil, errNUL
		}
		if fields[name], err = value(d, depth+1); err != nil {
			return nil, err
		}
	}
	return fields, closed(d)
}

func array(d *json.Decoder, depth int) (any, error) {
	items := []any{}
	for d.More() {
		v, err := value(d, depth+1)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	return items, closed(d)
}

func closed(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errNotJSON
	}
	return nil
}

// uniqueKeys refuses an object that names one of its own fields twice, without looking into their values.
func uniqueKeys(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errNotJSON
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return errNotJSON
		}
		if seen[name] {
			return errDuplicate
		}
		seen[name] = true
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return errNotJSON
		}
	}
	if closed(d) != nil {
		return errNotJSON
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errNotJSON
	}
	return nil
}
