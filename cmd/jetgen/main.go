// Command jetgen writes store/jet anew: it starts a private PostgreSQL, applies the migrations and reads the schema back.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/go-jet/jet/v2/generator/metadata"
	jet "github.com/go-jet/jet/v2/generator/postgres"
	"github.com/go-jet/jet/v2/generator/template"
	pg "github.com/go-jet/jet/v2/postgres"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"encoding/json"

	"galaxy/backend/internal/postgres"
	"galaxy/backend/store"
)

func main() {
	out := "store/jet"
	if len(os.Args) > 1 {
		out = os.Args[1]
	}
	if err := generate(context.Background(), out); err != nil {
		fmt.Fprintln(os.Stderr, "jetgen:", err)
		os.Exit(1)
	}
}

// leftOut names what no query is built for: goose's own table, partitions, which are reached through their parents, and
// the lease, which is kept by hand-written SQL on a connection of its own.
var leftOut = regexp.MustCompile(`^(goose_db_version|audit_\w+|lease)$`)

func generate(ctx context.Context, out string) error {
	dir, err := os.MkdirTemp("", "galaxy-jetgen")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	cluster, err := postgres.Start(ctx, postgres.Options{Dir: filepath.Join(dir, "data"), Fast: true})
	if err != nil {
		return err
	}
	defer func() { _ = cluster.Stop() }()
	dsn := cluster.DSN("postgres") + "&search_path=" + store.Schema
	st, err := store.Open(ctx, store.Config{DSN: dsn, MaxConns: 5, OperationTimeout: 10e9}, zap.NewNop(), noop.NewTracerProvider())
	if err != nil {
		return err
	}
	err = st.Migrate(ctx)
	st.Close()
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }()
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	return jet.GenerateDB(db, store.Schema, out, templates())
}

func templates() template.Template {
	return template.Default(pg.Dialect).UseSchema(func(schema metadata.Schema) template.Schema {
		return template.DefaultSchema(schema).
			UseModel(template.DefaultModel().UseTable(func(table metadata.Table) template.TableModel {
				if leftOut.MatchString(table.Name) {
					return template.TableModel{Skip: true}
				}
				return template.DefaultTableModel(table).UseField(field)
			})).
			UseSQLBuilder(template.DefaultSQLBuilder().UseTable(func(table metadata.Table) template.TableSQLBuilder {
				if leftOut.MatchString(table.Name) {
					return template.TableSQLBuilder{Skip: true}
				}
				return template.DefaultTableSQLBuilder(table)
			}))
	})
}

func field(column metadata.Column) template.TableModelField {
	f := template.DefaultTableModelField(column)
	if column.DataType.Name == "jsonb" {
		if column.IsNullable {
			return f.UseType(template.NewType(new(json.RawMessage)))
		}
		return f.UseType(template.NewType(json.RawMessage{}))
	}
	return f
}
