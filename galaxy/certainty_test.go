package galaxy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyWhoSawEveryWriteIsCertain(t *testing.T) {
	races := []string{"A", "B"}
	for name, c := range map[string]struct {
		of      Certainty
		doubted []string
		want    []string
	}{
		"who has seen nothing":            {Certainty{}, nil, races},
		"who has seen nothing, and more":  {Certainty{}, []string{"A"}, races},
		"who has seen every write":        {Certain(), nil, []string{}},
		"whose write of A is in doubt":    {Certain(), []string{"A", "A"}, []string{"A"}},
		"whose writes are all in doubt":   {Certain(), races, races},
		"whose doubt is of no race of it": {Certain(), []string{"C"}, []string{}},
	} {
		for _, race := range c.doubted {
			c.of.Doubt(race)
		}
		require.Equal(t, c.want, c.of.Uncertain(races), name)
	}
	require.Equal(t, []string{"A", "B"}, races)
}
