package inbox

import (
	"encoding/json"
	"html/template"
	"net/http"
)

// Handler shows the mails: a page at /, JSON below /api.
func (in *Inbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", in.page)
	mux.HandleFunc("GET /api/messages", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, in.Messages(r.URL.Query().Get("to")))
	})
	mux.HandleFunc("DELETE /api/messages", func(w http.ResponseWriter, _ *http.Request) {
		in.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /api/faults", func(w http.ResponseWriter, r *http.Request) {
		var f Fault
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096))
		d.DisallowUnknownFields()
		err := d.Decode(&f)
		if err == nil {
			err = in.Misbehave(f)
		}
		if err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (in *Inbox) page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	to := r.URL.Query().Get("to")
	_ = page.Execute(w, map[string]any{"To": to, "Messages": in.Messages(to)})
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Inbox</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
article { border-top: 1px solid #ccc; padding: .75rem 0; }
header { display: flex; gap: 1rem; flex-wrap: wrap; color: #555; }
h2 { font-size: 1rem; margin: .25rem 0; }
pre { white-space: pre-wrap; margin: 0; }
</style>
<h1>Inbox</h1>
<form><label>To <input name="to" type="search" value="{{.To}}"></label> <button>Filter</button></form>
{{range .Messages}}<article>
<header><span>{{.ReceivedAt.Format "15:04:05"}}</span><span>to {{range .To}}<a href="?to={{.}}">{{.}}</a> {{end}}</span><span>from {{.From}}</span></header>
<h2>{{.Subject}}</h2><pre>{{.Text}}</pre></article>
{{else}}<p>No mail yet.</p>{{end}}</html>
`))
