package galaxy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

// refusedAs asserts that input was refused with one of some codes: a caller can act on it.
func refusedAs(t *testing.T, err error, codes ...Code) {
	t.Helper()
	require.Contains(t, codes, CodeOf(err), "%v", err)
}

// FuzzSchedule: what is accepted has ticks, each after the one before, and none too soon.
func FuzzSchedule(f *testing.F) {
	for _, cron := range []string{"0 21 * * *", "*/5 * * * *", "30 2 * * *", "0 0 29 2 *", "0 0 30 2 *",
		"0 9 1,15 jan-dec/2 ?", "CRON_TZ=UTC",
		"TZ=", "@every 1h", ", * * * *", "*/0 * * * *", "*-5 * * * *", "59,0 23,0 31,1 12,1 *", "0\u00a021 * * *"} {
		f.Add(cron, "Europe/Berlin", int64(1774746000))
	}
	for _, zone := range []string{"", "UTC", "Local", "Mars/Olympus", "../x", "Europe", "America/Sao_Paulo",
		"Australia/Lord_Howe", "Pacific/Apia"} {
		f.Add("0 0 * * *", zone, int64(1541214000))
		f.Add("*/15 * 4 11 *", zone, int64(1541214000))
	}
	f.Fuzz(func(t *testing.T, cron, zone string, unix int64) {
		const from, years = 315532800, 100 // from 1980 on: before, clocks differed by odd seconds
		now := time.Unix(from+int64(uint64(unix)%(years*366*24*3600)), 0)
		s, shortest := Schedule{cron, zone}, 5*time.Minute
		next, err := s.Next(now)
		if err != nil {
			refusedAs(t, err, InvalidRequest, ServiceUnavailable)
			require.Error(t, s.Validate(now, shortest), "nothing is accepted that has no tick")
			return
		}
		if err := s.Validate(now, shortest); err != nil {
			refusedAs(t, err, InvalidRequest)
			return
		}
		require.LessOrEqual(t, len(cron), maxCron)
		for at := now; ; {
			require.True(t, next.After(at), "%s is not after %s", next, at)
			require.Zero(t, next.Nanosecond())
			if at = next; at.Sub(now) > 3*24*time.Hour {
				return
			}
			if next, err = s.Next(at); err != nil {
				t.Fatal(err)
			}
			again, err := s.Next(next.Add(-time.Second))
			require.NoError(t, err)
			require.Equal(t, next, again)
		}
	})
}

// FuzzRaceKey: an accepted name has a key that fits an index, and equal names have equal keys.
func FuzzRaceKey(f *testing.F) {
	for _, name := range []string{"Terran", "Te-rr_an", "Ångström", "ﷺﷺﷺ", "І", "l1I", "\u0301a", "a\u0301", "-", "",
		"ßẞ", "数学", "\xff", "İ"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		key, err := RaceKey(name)
		if err != nil {
			refusedAs(t, err, InvalidRequest)
			return
		}
		require.NotEmpty(t, key)
		require.True(t, utf8.ValidString(key))
		require.Less(t, len(key), 2000, "an index takes 2700 bytes")
		for _, form := range []norm.Form{norm.NFC, norm.NFD} {
			if same, err := RaceKey(form.String(name)); err == nil {
				require.Equal(t, key, same)
			}
		}
	})
}

// FuzzNormalEmail: an accepted address is one address, safe in a header, and normal already.
func FuzzNormalEmail(f *testing.F) {
	for _, s := range []string{"ann@example.com", " Ann@Example.COM ", `"a b"@example.com`, "a@[1.2.3.4]", "a@b@c.d",
		"a@b", "Ann <a@b.c>", "a@b.c\r\nBcc: x@y.z",
		"\u212aelvin@example.com", strings.Repeat("a", 64) + "@example.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		email, err := NormalEmail(s)
		if err != nil {
			refusedAs(t, err, InvalidRequest)
			return
		}
		require.LessOrEqual(t, len(email), maxEmail)
		require.Equal(t, 1, strings.Count(email, "@"))
		require.False(t, strings.ContainsFunc(email, func(r rune) bool { return r <= ' ' || r > '~' }))
		again, err := NormalEmail(email)
		require.NoError(t, err)
		require.Equal(t, email, again)
	})
}

// FuzzParsePublicKey: an accepted key is written in one way only.
func FuzzParsePublicKey(f *testing.F) {
	f.Add("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	f.Add("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo\n=")
	f.Fuzz(func(t *testing.T, s string) {
		key, err := ParsePublicKey(s)
		if err != nil {
			refusedAs(t, err, InvalidRequest)
			return
		}
		require.Equal(t, s, base64.StdEncoding.EncodeToString(key[:]))
	})
}

// FuzzNormalLanguage: an accepted tag is canonical already, and short.
func FuzzNormalLanguage(f *testing.F) {
	for _, s := range []string{"", "de", "pt-BR", "zh-Hant-TW", "sh", "i-klingon", "x-private", "en-US-u-co-phonebk",
		"de-1996-1901", "root", "iw", "mul", "en-a-bbb-x-y",
		"en-u-ca", "und-t-en", "art-lojban", "tlh-a-b-foo"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tag, err := NormalLanguage(s)
		if err != nil {
			refusedAs(t, err, InvalidRequest)
			return
		}
		require.LessOrEqual(t, len(tag), maxLanguage)
		again, err := NormalLanguage(tag)
		require.NoError(t, err)
		require.Equal(t, tag, again)
	})
}

// FuzzTimeZone: what is accepted can be loaded, and is a place's.
func FuzzTimeZone(f *testing.F) {
	for _, s := range []string{"Europe/Berlin", "UTC", "", "Local", "Europe", "../../etc/passwd", "zone.tab", "a\x00",
		"/UTC", "Etc/GMT+12", "posixrules"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if err := CheckTimeZone(s); err != nil {
			refusedAs(t, err, InvalidRequest, ServiceUnavailable)
			return
		}
		_, err := time.LoadLocation(s)
		require.NoError(t, err)
		require.NotEqual(t, "Local", s)
		require.LessOrEqual(t, len(s), maxZone)
	})
}

// FuzzWords: names and notes that are accepted can be shown, stored, and put in a line.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"", "Ann's phone", "a\nb", "\x00", "\u202eevil", "\u2028", "é", "\xff", "🚀", "\u00ad"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, check := range map[string]struct {
			do    func(string) error
			lines bool
		}{
			"device": {CheckDeviceName, false},
			"note":   {func(s string) error { return checkNote("reason", s) }, true},
			"admin":  {CheckAdminName, false},
			"game": {func(s string) error {
				return Game{Name: s, MinPlayers: 2, MaxPlayers: 4,
					CatchUp: CatchUpSkip}.check()
			}, false},
		} {
			if err := check.do(s); err != nil {
				refusedAs(t, err, InvalidRequest)
				continue
			}
			require.True(t, utf8.ValidString(s), name)
			require.False(t, strings.ContainsAny(s, "\x00\r\u2028\u2029\u202e"), name)
			require.True(t, check.lines || !strings.Contains(s, "\n"), name)
			require.LessOrEqual(t, utf8.RuneCountInString(s), 2000, name)
		}
	})
}

// FuzzSplitCommands: every command is an object, as it was written, and nothing else was in the list.
func FuzzSplitCommands(f *testing.F) {
	for _, s := range []string{`[]`, `[{"a":1}]`, ` [ {} , {"b":"\u0041"} ] `, `null`, `[1]`, `[{}]x`, `["\u0000"]`,
		`{"a":[]}`, `[{"a":{"b":[[[[]]]]}}]`, `[null]`, "[\xff]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		commands, err := SplitCommands(raw)
		if err != nil {
			refusedAs(t, err, InvalidRequest, PayloadTooLarge)
			return
		}
		require.LessOrEqual(t, len(commands), MaxCommands)
		for _, c := range commands {
			require.True(t, json.Valid(c))
			require.True(t, bytes.Contains(raw, c), "byte for byte")
		}
		again, err := SplitCommands(slicesJoined(commands))
		require.NoError(t, err)
		require.Equal(t, commands, again)
	})
}

func slicesJoined(commands []json.RawMessage) []byte {
	out := []byte("[")
	for i, c := range commands {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, c...)
	}
	return append(out, ']')
}

// FuzzEngineVersion: an accepted version is found by its name, and is no patch of itself.
func FuzzEngineVersion(f *testing.F) {
	for _, s := range []string{"1.0.0", "1.0.0-rc.1+build", "01.0.0", "1.0", "v1.0.0", "18446744073709551616.0.0",
		"1.0.0-", "1.0.0-é", ""} {
		f.Add(s, "engine:"+s)
	}
	f.Add("1.0.0", "file:///bin/engine")
	f.Add("1.0.0", "file://host")
	f.Add("1.0.0", "%zz\x7f")
	f.Fuzz(func(t *testing.T, version, image string) {
		v := EngineVersion{Version: version, ImageRef: image, Enabled: true}
		if err := v.Validate(); err != nil {
			refusedAs(t, err, InvalidRequest)
			return
		}
		require.LessOrEqual(t, len(version), maxVersion)
		found, err := PickVersion([]EngineVersion{v}, version)
		require.NoError(t, err)
		require.Equal(t, v, found)
		_, _ = PickVersion([]EngineVersion{v}, "")
		require.Error(t, patches(version, version))
	})
}

// FuzzReport: a report comes out as it went in, and a damaged one is an error.
func FuzzReport(f *testing.F) {
	f.Add([]byte(`{"planets":[]}`))
	f.Add([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = Report{Packed: body}.Body()
		packed, err := PackReport("Terran", body)
		require.NoError(t, err)
		out, err := packed.Body()
		require.NoError(t, err)
		require.True(t, bytes.Equal(body, out))
	})
}

// FuzzBears: nothing but the token itself is let in.
func FuzzBears(f *testing.F) {
	f.Add("Bearer token")
	f.Add("bearer token")
	f.Add("Bearer token ")
	f.Add("Basic dG9rZW4=")
	f.Fuzz(func(t *testing.T, header string) {
		require.Equal(t, header == "Bearer token" || header == "Bearer other", Bears(header, []string{"token", "other"}))
		require.False(t, Bears(header, nil))
	})
}
