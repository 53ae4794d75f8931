package http

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStrangersCannotMakeUpSeriesOfMetrics(t *testing.T) {
	var l labels
	for _, method := range []string{"GET", "BREW", "WHEN", "PROPFIND"} {
		l.of(method, "", 404)
	}
	l.of("GET", "/api/v1/user/account", 200)
	l.of("GET", "/api/v1/user/account", 200)
	made := 0
	l.made.Range(func(any, any) bool { made++; return true })
	require.Equal(t, 2, made)
}
