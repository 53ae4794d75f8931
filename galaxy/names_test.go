package galaxy

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestNamesThatCouldBeMistakenShareAKey: each line is one name in many disguises.
func TestNamesThatCouldBeMistakenShareAKey(t *testing.T) {
	for _, names := range [][]string{
		{"Terran", "terran", "TERRAN", "Ter-ran", "_Terran_", "T-e-r-r-a-n"},
		{"Aeon", "Аeon", "Αeon", "Аеоn", "AE0N"}, // Cyrillic А, Greek Α, Cyrillic Ае and о, a zero
		{"Omicron", "Οmicron", "οmicrοn", "Оmicrоn"},
		{"Odin", "0din", "Оdin", "οdin"},
		{"Illium", "lllium", "1llium", "I11ium"},
		{"Modern", "Modem", "MODEM", "rnodern"}, // rn and m
		{"Ａlpha", "Alpha", "Ａｌｐｈａ", "Αlpha"},    // full width
		{"Café", "Cafe\u0301"},                  // composed and not
		{"Größe", "GRÖSSE", "Gro\u0308sse"},     // what folding makes of ß
		{"Μέγα", "ΜΈΓΑ"},
		{"Привет", "ПРИВЕТ", "при-вет"},
		{"ﬁnal", "final"}, // a ligature
	} {
		want, err := RaceKey(names[0])
		require.NoError(t, err)
		for _, name := range names[1:] {
			got, err := RaceKey(name)
			require.NoError(t, err, name)
			require.Equal(t, want, got, "%s and %s", names[0], name)
		}
	}
}

// TestNamesOfRealLanguagesStayApart: what nobody would mistake for one another can be had side by side.
func TestNamesOfRealLanguagesStayApart(t *testing.T) {
	names := []string{"Terran", "Vulcan", "Aeon", "Neon", "Zürich", "Zurück", "Żubr", "Zubry", "Ångström", "Ørsted", "Łódź", "Kraków", "Kiew", "Київ", "Киев", "Москва",
		"Минск", "Ελλάδα", "Αθήνα", "İzmir", "Ankara", "北京", "南京", "東京", "京都", "서울", "부산", "ירושלים", "القاهرة", "दिल्ली", "मुंबई", "ไทย", "Việt", "Nam", "Hanoi",
		"Señor", "Señora", "Naïve", "Élan", "Garçon", "Straße", "Strasbourg", "Vogon", "Vogons", "Rome", "Roma", "Paris", "Pari", "Mars", "Mark", "Andromeda", "Andromache"}
	keys := map[string]string{}
	for _, name := range names {
		key, err := RaceKey(name)
		require.NoError(t, err, name)
		require.Empty(t, keys[key], "%s is taken for %s", name, keys[key])
		keys[key] = name
	}
}

// TestAKeyIsItsOwnKey: whatever the name, the key does not depend on how often it is made.
func TestAKeyIsItsOwnKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOfN(rapid.RuneFrom(nil, unicode.Letter, unicode.Digit), 1, 10, -1).Draw(t, "name")
		key, err := RaceKey(name)
		if err != nil {
			return
		}
		for _, disguise := range []string{"-" + name, strings.Join(strings.Split(name, ""), "_")} {
			if again, err := RaceKey(disguise); err == nil && again != key {
				t.Fatalf("%q is %q, but %q is %q", name, key, disguise, again)
			}
		}
	})
}

func TestRaceNamesThatAreRefused(t *testing.T) {
	for _, name := range []string{"", "-_-", strings.Repeat("x", 21), "two words", "a\x00b", "a\nb", "a\u200bb", "a\u202eb", "🚀", "\xff", "\xed\xa0\x80", "\u0301a", "\u200d", "a\u2066b", "\ufeffa", "a\u00adb", "a.b", "'", "👩\u200d🚀", "____", "-"} {
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
