package galaxy

import (
	"crypto/subtle"
	"strings"
)

// Bears reports whether an Authorization header bears one of tokens (RFC 6750, 2.1), in constant time for each.
func Bears(header string, tokens []string) bool {
	given, ok := strings.CutPrefix(header, "Bearer ")
	for _, token := range tokens {
		if ok && subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1 {
			return true
		}
	}
	return false
}
