package enginehttp

import (
	"strings"
	"unicode/utf8"
)

// maxWords is how many bytes of an engine's error are kept: enough for the characters of it that are shown.
const maxWords = 800

// text makes what an engine says fit to be stored: Postgres takes no NUL, and nothing that is not UTF-8.
func text(said string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(said, "\x00", ""), "\uFFFD")
}

// shortened cuts after a whole character.
func shortened(said string) string {
	if said = text(said); len(said) <= maxWords {
		return said
	}
	cut := maxWords
	for !utf8.RuneStart(said[cut]) {
		cut--
	}
	return said[:cut]
}
