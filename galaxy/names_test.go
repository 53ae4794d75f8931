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
