package docker

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

func TestARegistryThatCannotBeUsedSaysNothingOfTheImage(t *testing.T) {
	d, p := pulling(t, "if_missing", "galaxy-test/none:1")
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"no such manifest":  {404, `{"message":"manifest for galaxy-test/none:1 not found: manifest unknown"}`, galaxy.ErrImagePull},
		"no repository":     {404, `{"message":"pull access denied for galaxy-test/none, repository does not exist or may require 'docker login'"}`, galaxy.ErrImagePull},
		"in a stream":       {200, `{"status":"Pulling"}` + "\n" + `{"errorDetail":{"code":404,"message":"manifest unknown"},"error":"manifest unknown"}`, galaxy.ErrImagePull},
		"no credentials":    {500, `{"message":"no basic auth credentials"}`, galaxy.ErrRegistry},
		"a token is over":   {404, `{"message":"pull access denied for x: denied: Your authorization token has expired."}`, galaxy.ErrRegistry},
		"too many":          {500, `{"message":"toomanyrequests: You have reached your pull rate limit."}`, galaxy.ErrRegistry},
		"too many, later":   {200, `{"status":"Pulling"}` + "\n" + `{"errorDetail":{"message":"toomanyrequests: slow down"},"error":"toomanyrequests: slow down"}`, galaxy.ErrRegistry},
		"no name service":   {500, `{"message":"Get \"https://r/v2/\": dial tcp: lookup r on 127.0.0.1:53: no such host"}`, galaxy.ErrRegistry},
		"no TLS":            {500, `{"message":"Get \"https://r/v2/\": x509: certificate has expired or is not yet valid"}`, galaxy.ErrRegistry},
		"the disk is full":  {200, `{"errorDetail":{"message":"write /layer: no space left on device"},"error":"x"}`, galaxy.ErrShortage},
		"not the daemon":    {404, `{"message":"page not found"}`, galaxy.ErrDriverUnknown},
		"a daemon that end": {500, `{"message":"daemon is shutting down"}`, galaxy.ErrDriverUnknown},
	} {
		p.Answer(pull, c.status, "application/json", c.body)
		_, err := d.Ensure(t.Context(), game("galaxy-test/none:1"))
		require.ErrorIs(t, err, c.want, name)
		for _, other := range []error{galaxy.ErrRegistry, galaxy.ErrShortage, galaxy.ErrStartConfig} {
			require.Equal(t, errors.Is(c.want, other), errors.Is(err, other), "%s: %v", name, other)
		}
		require.Equal(t, errors.Is(c.want, galaxy.ErrImagePull), errors.Is(err, galaxy.ErrImagePull), name)
		require.ErrorContains(t, err, "galaxy-test/none:1", name)
	}
}

func TestAnImageThatIsThereNeedsNoRegistry(t *testing.T) {
	d, p := pulling(t, "if_missing", "galaxy-test/none:1")
	spec := newSpec(t, d)
	p.Answer(pull, 500, "application/json", `{"message":"no such host"}`)
	_, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.Empty(t, p.Requests(pull))
}
