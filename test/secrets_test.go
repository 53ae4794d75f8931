package test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"galaxy/backend/internal/stack"
)

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// secrets are what the service knows and must not say: codes, keys, passwords, tokens and what it mailed.
func (w *world) secrets(ctx context.Context) map[string]string {
	all := map[string]string{stack.AdminPassword: "an operator's password", token: "a token", previousToken: "a token"}
	for _, m := range w.stack.Inbox.Messages("") {
		code := sixDigits.FindString(m.Subject)
		if code != "" {
			// Six digits alone may be anything.
			for _, form := range []string{`"%s"`, `: %s`, `=%s`, `{%s`, ` %s,`, `>%s<`} {
				all[fmt.Sprintf(form, code)] = "a code"
			}
		}
		for line := range strings.Lines(m.Text) {
			if line = strings.TrimSpace(line); len(line) > 20 {
				all[line] = "a mail"
			}
		}
	}
	for _, p := range w.players {
		for _, key := range [][]byte{p.Key, p.Key.Seed(), p.Key[32:]} {
			all[base64.StdEncoding.EncodeToString(key)] = "a key"
			all[hex.EncodeToString(key)] = "a key"
		}
	}
	conn, err := pgx.Connect(ctx, w.stack.DSN)
	if err != nil {
		w.Logf("no database to ask for its secrets: %v", err)
		return all
	}
	defer func() { _ = conn.Close(ctx) }()
	var key []byte
	if err := conn.QueryRow(ctx, "SELECT value FROM secrets WHERE name = 'secret_key'").Scan(&key); err == nil {
		all[string(key)] = "the secret key"
	}
	rows, err := conn.Query(ctx, "SELECT password_hash FROM admin_accounts")
	require.NoError(w, err)
	hashes, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	require.NoError(w, err)
	for _, hash := range hashes {
		all[string(hash)] = "the hash of a password"
	}
	return all
}

// keptSecret asserts that nothing the service has written holds a secret: neither logs nor traces nor errors.
func (w *world) keptSecret(secrets map[string]string) {
	logs, err := filepath.Glob(filepath.Join(w.stack.Dir, "backend*.log"))
	require.NoError(w, err)
	require.NotEmpty(w, logs)
	for _, log := range logs {
		raw, err := os.ReadFile(log)
		require.NoError(w, err)
		text := string(raw)
		for secret, what := range secrets {
			if i := strings.Index(text, secret); i >= 0 {
				w.Errorf("%s was written: …%s…", what, text[max(0, i-200):min(len(text), i+200)])
			}
		}
	}
}
