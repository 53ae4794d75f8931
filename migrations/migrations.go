// Package migrations holds the schema, one numbered file per change, in the order they are applied.
package migrations

import "embed"

// Files are the migrations, as goose reads them.
//
//go:embed *.sql
var Files embed.FS
