package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// schemaTable is where the migrations that were made are noted down.
const schemaTable = "schema_versions"

// migrate brings the schema to what this binary works with. A schema that is newer
// is an error: this binary cannot know what its tables mean.
func migrate(ctx context.Context, db *sql.DB, d *dialect) error {
	p, err := newProvider(db, d)
	if err != nil {
		return err
	}
	current, latest, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if current > latest {
		return fmt.Errorf("the database has schema %d, this version of hufu knows schemas up to %d: "+
			"use the version of hufu that wrote it, or a newer one", current, latest)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema from %d to %d: %w", current, latest, err)
	}
	return nil
}

func newProvider(db *sql.DB, d *dialect) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, d.migrations)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(d.goose, db, files,
		goose.WithTableName(schemaTable),
		goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()))
}
