package galaxy

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddresses(t *testing.T) {
	for given, want := range map[string]string{
		"ann@example.com":          "ann@example.com",
		"  Ann.Lee@Example.COM\t":  "ann.lee@example.com",
		"ann+galaxy@example.co.uk": "ann+galaxy@example.co.uk",
		"a.n.n@example.com":        "a.n.n@example.com", // dots count
		"":                         "", "ann": "", "@example.com": "", "ann@": "", "ann@example": "", "a@b@example.com": "",
		"ann lee@example.com": "", "ann@exam ple.com": "", "ann@example.com\r\nBcc: all@example.com": "", "ann@example.com\x00": "",
		"Ann <ann@example.com>": "", "<ann@example.com>": "", "ann@example.com, bob@example.com": "", "\"ann lee\"@example.com": "",
		"аnn@example.com": "", "ann@exаmple.com": "", // Cyrillic а
		"ann@xn--e1afmkfd.example.com":             "ann@xn--e1afmkfd.example.com",
		".ann@example.com":                         "",
		"ann..lee@example.com":                     "",
		"ann@example..com":                         "",
		"ann@-example.com":                         "ann@-example.com", // syntax is not the relay's business
		strings.Repeat("a", 65) + "@example.com":   "",
		"ann@" + strings.Repeat("b", 250) + ".com": "",
		"ann@[192.0.2.1]":                          "",
		"ann(comment)@example.com":                 "",
	} {
		got, err := NormalEmail(given)
		require.Equal(t, want != "", err == nil, "%q gave %q", given, got)
		require.Equal(t, want, got, "%q", given)
		if err != nil {
			require.True(t, Is(err, InvalidRequest))
		}
	}
}

func TestPublicKeys(t *testing.T) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	good := base64.StdEncoding.EncodeToString(public)
	_, err = ParsePublicKey("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=") // RFC 8032, 7.1
	require.NoError(t, err)
	got, err := ParsePublicKey(good)
	require.NoError(t, err)
	require.Equal(t, []byte(public), got[:])
	point := func(s string) string {
		b, err := hex.DecodeString(s)
		require.NoError(t, err)
		return base64.StdEncoding.EncodeToString(b)
	}
	for name, key := range map[string]string{
		"nothing":             "",
		"one byte less":       base64.StdEncoding.EncodeToString(public[:31]),
		"one byte more":       base64.StdEncoding.EncodeToString(append(public, 0)),
		"no base64":           strings.Repeat("!", 44),
		"base64 for URLs":     base64.URLEncoding.EncodeToString([]byte(strings.Repeat("\xff", 32))),
		"no padding":          strings.TrimRight(good, "="),
		"a newline in it":     good[:20] + "\n" + good[20:],
		"not on the curve":    point("0200000000000000000000000000000000000000000000000000000000000000"),
		"the identity":        point("0100000000000000000000000000000000000000000000000000000000000000"),
		"order two":           point("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
		"order four":          point("0000000000000000000000000000000000000000000000000000000000000000"),
		"order eight":         point("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
		"not canonical":       point("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
		"zero, the other way": point("0000000000000000000000000000000000000000000000000000000000000080"),
	} {
		_, err := ParsePublicKey(key)
		require.True(t, Is(err, InvalidRequest), name)
	}
}

func TestLanguagesAndZonesAndDevices(t *testing.T) {
	for given, want := range map[string]string{"": "en", "de": "de", "PT-br": "pt-BR", "zh-hans-cn": "zh-Hans-CN", "xx-no-such-thing-at-all": "", "d": "", "de_DE!": "",
		strings.Repeat("en-", 20) + "us": ""} {
		got, err := NormalLanguage(given)
		require.Equal(t, want != "", err == nil, given)
		require.Equal(t, want, got)
	}
	for zone, good := range map[string]bool{"UTC": true, "Europe/Berlin": true, "": false, "Local": false, "Mars/Olympus": false, "../UTC": false, "/etc/passwd": false} {
		require.Equal(t, good, CheckTimeZone(zone) == nil, zone)
	}
	for name, good := range map[string]bool{"": true, "Ann's phone": true, "телефон": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false, "a\nb": false,
		"a\x00": false, "\u202e": false} {
		require.Equal(t, good, CheckDeviceName(name) == nil, "%q", name)
	}
}

func TestBearers(t *testing.T) {
	for header, good := range map[string]bool{"Bearer new": true, "Bearer old": true, "Bearer older": false, "Bearer ": false, "": false, "bearer new": false, "Basic new": false,
		"Bearer new ": false} {
		require.Equal(t, good, Bears(header, []string{"new", "old"}), header)
	}
}
