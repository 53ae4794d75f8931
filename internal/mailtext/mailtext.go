// Package mailtext renders the mails of the service, in English.
package mailtext

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"
	"time"
)

//go:embed templates/*.txt
var files embed.FS

// Kinds are the mails there are; each has a template whose first line is the subject.
var Kinds = []string{"auth.login_code", "auth.email_code", "auth.email_changed", "lobby.application.approved", "lobby.application.rejected",
	"lobby.invite.received", "lobby.membership.removed", "lobby.membership.blocked", "lobby.race_name.pending",
	"runtime.image_pull_failed", "runtime.container_start_failed", "runtime.start_config_invalid", "runtime.engine_unreachable",
	"runtime.state_mismatch", "runtime.disk_low", "runtime.external_turn", "runtime.banish_refused",
	"runtime.clock_skew", "runtime.schedule_broken"}

var templates = template.Must(template.New("").Option("missingkey=error").Funcs(template.FuncMap{"when": when, "game": game, "facts": facts}).ParseFS(files, "templates/*.txt"))

// when writes a time of a payload for people.
func when(stamp string) (string, error) {
	t, err := time.Parse(time.RFC3339, stamp)
	return t.UTC().Format("2 January 2006, 15:04 UTC"), err
}

// game names a game to operators: by its name if the payload has it, else by its id.
func game(values map[string]any) any {
	if name, ok := values["game_name"]; ok {
		return name
	}
	return values["game_id"]
}

// factLabels are the fields of a payload that operators are shown, in their order.
var factLabels = []struct{ key, label string }{{"game_name", "game"}, {"game_id", "game id"}, {"turn", "turn"}, {"race_name", "race"},
	{"image_ref", "image"}, {"reason", "reason"}}

// facts lists what a mail to operators is about, a line each. What the payload lacks is left out: a mail that says less is
// better than none.
func facts(values map[string]any) string {
	var lines []string
	for _, f := range factLabels {
		if v, ok := values[f.key]; ok {
			lines = append(lines, fmt.Sprintf("    %-9s%s", f.label, strings.Join(strings.Fields(fmt.Sprint(v)), " ")))
		}
	}
	return strings.Join(lines, "\n")
}

// Render makes subject and text of a mail from its payload, a JSON object.
func Render(kind string, payload json.RawMessage) (subject, text string, err error) {
	t := templates.Lookup(kind + ".txt")
	if t == nil {
		return "", "", fmt.Errorf("there is no mail of kind %q", kind)
	}
	var values map[string]any
	if err := json.Unmarshal(payload, &values); err != nil {
		return "", "", fmt.Errorf("payload of %s: %w", kind, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, values); err != nil {
		return "", "", fmt.Errorf("render %s: %w", kind, err)
	}
	subject, text, _ = strings.Cut(b.String(), "\n")
	// A name in a subject is somebody's input: no line of it may become a header.
	return strings.Join(strings.Fields(subject), " "), strings.TrimLeft(text, "\n"), nil
}
