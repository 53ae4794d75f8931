package galaxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesThatCouldBeMistakenShareAKey(t *testing.T) {
	for _, names := range [][]string{
		{"Terran", "terran", "TERRAN", "Ter-ran", "_Terran_"},
		{"Aeon", "Аeon", "Αeon"}, // Cyrillic and Greek A
		{"Odin", "0din", "Оdin"},
		{"Illium", "lllium", "1llium"},
		{"Ａlpha", "Alpha"}, // full width
	} {
		want, err := RaceKey(names[0])
		require.NoError(t, err)
		for _, name := range names[1:] {
			got, err := RaceKey(name)
			require.NoError(t, err, name)
			require.Equal(t, want, got, "%s and %s", names[0], name)
		}
	}
	terran, _ := RaceKey("Terran")
	vulcan, _ := RaceKey("Vulcan")
	require.NotEqual(t, terran, vulcan)
}

func TestRaceNamesThatAreRefused(t *testing.T) {
	for _, name := range []string{"", "-_-", strings.Repeat("x", 21), "two words", "a\x00b", "a\nb", "a\u200bb", "a\u202eb", "🚀", "\xff", "\u0301a"} {
		_, err := RaceKey(name)
		require.Equal(t, InvalidRequest, CodeOf(err), "%q", name)
	}
}

func TestAddresses(t *testing.T) {
	for given, want := range map[string]string{
		"ann@example.com": "ann@example.com", " Ann@Example.COM ": "ann@example.com", "a.b+c@sub.example.com": "a.b+c@sub.example.com",
		"": "", "ann": "", "ann@": "", "@example.com": "", "ann@localhost": "", "Ann <ann@example.com>": "", "ann@example.com\r\nBcc: x@y.z": "",
		"ann@ex ample.com": "", "änn@example.com": "", "ann@exаmple.com": "", "a@b@example.com": "", strings.Repeat("a", 65) + "@example.com": "",
		"ann@" + strings.Repeat("a", 250) + ".com": "", "ann@example.com,bob@example.com": "",
	} {
		got, err := NormalEmail(given)
		require.Equal(t, want, got, "%q", given)
		require.Equal(t, want == "", err != nil, "%q: %v", given, err)
	}
}

func TestPublicKeys(t *testing.T) {
	for name, c := range map[string]struct {
		key  string
		good bool
	}{
		"of RFC 8032":           {"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", true},
		"too short":             {"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUQ==", false},
		"no base64":             {"?1qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", false},
		"without padding":       {"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo", false},
		"the identity":          {"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false},
		"of order two":          {"7P///////////////////////////////////////38=", false},
		"of order four":         {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false},
		"not on the curve":      {"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false},
		"not in canonical form": {"7v///////////////////////////////////////38=", false},
	} {
		_, err := ParsePublicKey(c.key)
		require.Equal(t, c.good, err == nil, "%s: %v", name, err)
	}
}

func TestCommandsStayAsTheyAre(t *testing.T) {
	commands, err := SplitCommands([]byte(`[ {"a" : "<b>"} ,{"type":"x","n":1.50}]`))
	require.NoError(t, err)
	require.Equal(t, `{"a" : "<b>"}`, string(commands[0]))
	require.Equal(t, `{"type":"x","n":1.50}`, string(commands[1]))
	for _, bad := range []string{``, `null`, `{}`, `[1]`, `["x"]`, `[null]`, `[{}`, `[{}] ` + "\x00", `[{"a":"\u0000"}]`, "[{\"a\":\"\xff\"}]", "[" + strings.Repeat("{},", 1000) + "{}]"} {
		_, err := SplitCommands([]byte(bad))
		require.Equal(t, InvalidRequest, CodeOf(err), "%.40q", bad)
	}
	_, err = SplitCommands([]byte("[" + strings.Repeat(" ", MaxOrdersBytes) + "]"))
	require.Equal(t, PayloadTooLarge, CodeOf(err))
}
