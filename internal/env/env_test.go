package env

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type config struct {
	Host    string        `env:"T_HOST,required,notEmpty" help:"Where | what."`
	Timeout time.Duration `env:"T_TIMEOUT" envDefault:"5s" help:"How long."`
	Secret  int           `env:"T_SECRET" defaultHelp:"made up" help:"Sssh."`
}

func (c *config) Validate() error {
	if c.Timeout <= 0 {
		return errors.New("T_TIMEOUT must be positive")
	}
	return nil
}

type other struct {
	Port int `env:"T_PORT,required"`
}

func TestEveryProblemIsReportedAtOnceByItsVariablesName(t *testing.T) {
	err := Load([]string{"T_TIMEOUT=soon", "T_SECRET=hunter2"}, &config{}, &other{})
	for _, want := range []string{"T_HOST", "T_TIMEOUT is not a valid duration", "T_SECRET is not a valid int", "T_PORT"} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "hunter2")
	require.ErrorContains(t, Load([]string{"T_HOST=h", "T_TIMEOUT=-1s"}, &config{}), "T_TIMEOUT must be positive")
	var c config
	require.NoError(t, Load([]string{"T_HOST=h"}, &c))
	require.Equal(t, 5*time.Second, c.Timeout)
}

func TestTheTableSaysWhatTheTagsSay(t *testing.T) {
	require.Equal(t, "| variable | required | default | purpose |\n|---|---|---|---|\n"+
		"| `T_HOST` | yes | – | Where \\| what. |\n| `T_TIMEOUT` | no | `5s` | How long. |\n| `T_SECRET` | no | made up | Sssh. |\n", Table(&config{}))
	require.Equal(t, []string{"T_HOST", "T_TIMEOUT", "T_SECRET", "T_PORT"}, Variables(&config{}, &other{}))
}
