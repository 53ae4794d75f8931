package dockertest

import (
	"fmt"
	"net/http"
	"strings"
)

// Instead has requests answered by do, which reports whether it has; others go on to the daemon. Nil ends that. do
// may change the request that goes on.
func (p *Proxy) Instead(do func(http.ResponseWriter, *http.Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.instead = do
}

func (p *Proxy) answered(w http.ResponseWriter, r *http.Request) bool {
	p.mu.Lock()
	do := p.instead
	p.mu.Unlock()
	return do != nil && do(w, r)
}

// Answer has every request that contains match, as in "POST /containers/create", answered like that.
func (p *Proxy) Answer(match string, status int, contentType, body string) {
	p.Instead(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.Method+" "+version.ReplaceAllString(r.URL.RequestURI(), "/"), match) {
			return false
		}
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
		return true
	})
}

// real is a version of the API that the daemons of today and of yesterday speak.
const real = "1.41"

// Speak has the daemon be one that speaks the versions of the API from least to most, in two digits after the point.
func (p *Proxy) Speak(least, most string) {
	p.Instead(func(w http.ResponseWriter, r *http.Request) bool {
		asked, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v"), "/")
		var refusal string
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
			w.Header().Set("Api-Version", most)
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = fmt.Fprint(w, "OK")
			return true
		case asked < least:
			refusal = "client version " + asked + " is too old. Minimum supported API version is " + least +
				", please upgrade your client to a newer version"
		case asked > most:
			refusal = "client version " + asked + " is too new. Maximum supported API version is " + most
		default:
			r.URL.Path = "/v" + real + strings.TrimPrefix(r.URL.Path, "/v"+asked)
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"message":%q}`, refusal)
		return true
	})
}
