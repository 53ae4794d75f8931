package galaxy

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"go.mau.fi/util/confusable"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxRaceName is the length of a race name in characters.
const maxRaceName = 20

// RaceKey checks a race name and gives its canonical key, which is equal for names that a person could mistake for
// one another: compatibility forms and case are folded, separators dropped, and confusable characters replaced by
// one stand-in (Unicode UTS #39 skeletons), before and after folding, since folding makes new look-alikes.
func RaceKey(name string) (string, error) {
	if err := checkRaceName(name); err != nil {
		return "", err
	}
	bare := strings.Map(dropSeparators, norm.NFKC.String(name))
	fold := cases.Fold()
	key := confusable.Skeleton(fold.String(confusable.Skeleton(fold.String(bare))))
	key = strings.Map(dropSeparators, norm.NFKC.String(fold.String(key)))
	// A capital I looks like l and 1, and folds to i: all four must be one, for a key cannot be equal to two others.
	key = strings.ReplaceAll(key, "i", "l")
	if key == "" {
		return "", Errorf(InvalidRequest, "race_name must hold a letter or a digit")
	}
	return key, nil
}

func checkRaceName(name string) error {
	if !utf8.ValidString(name) {
		return Errorf(InvalidRequest, "race_name is not valid UTF-8")
	}
	if n := utf8.RuneCountInString(name); n == 0 || n > maxRaceName {
		return Errorf(InvalidRequest, "race_name must have 1 to %d characters", maxRaceName)
	}
	lettered := false
	for _, r := range name {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r):
			lettered = true
		case r == '-', r == '_':
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Mc, r):
			if !lettered {
				return Errorf(InvalidRequest, "race_name must not begin with a combining mark")
			}
		default:
			return Errorf(InvalidRequest, "race_name may hold letters, digits, - and _ only")
		}
	}
	if !lettered {
		return Errorf(InvalidRequest, "race_name must hold a letter or a digit")
	}
	return nil
}

func dropSeparators(r rune) rune {
	if r == '-' || r == '_' {
		return -1
	}
	return r
}
