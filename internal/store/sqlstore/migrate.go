package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// schemaTable is where the migrations that were made are noted down.
const schemaTable = "schema_versions"

// migrate brings the schema of an embedded database to what this binary works with. A
// schema that is newer is an error: this binary cannot know what its tables mean.
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

// migrate brings the schema of a shared database to what this binary works with. Binaries
// of two versions use one database while they are replaced one by one. So a newer schema
// is as good, unless it says that older binaries cannot use it any more. Where there is
// nothing to do, no rights to change a schema are needed.
func (s *Shared) migrate(ctx context.Context, db *sql.DB) error {
	latest, err := latestSchema(s.dialect)
	if err != nil {
		return err
	}
	current, err := s.checkSchema(ctx, db, latest)
	if err != nil || current >= latest {
		return err
	}
	if err := s.bringUp(ctx); err != nil {
		// Where locks hold for a part of a cluster only, another server may have done it.
		if now, checkErr := s.checkSchema(ctx, db, latest); checkErr != nil || now < latest {
			return fmt.Errorf("bring the schema from %d to %d: %w", current, latest, err)
		}
	}
	return nil
}

// bringUp makes the migrations that are missing, alone.
func (s *Shared) bringUp(ctx context.Context) error {
	db := sql.OpenDB(s.engine.migrator)
	defer func() { _ = db.Close() }() // its work is done, or has failed
	p, err := newProvider(db, s.dialect)
	if err != nil {
		return err
	}
	// Goose's own locker will not do, as goose makes its table without it.
	unlock, err := s.dialect.lock(s.facts.schema).take(ctx, db)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.makeVersions(ctx, db); err != nil {
		return fmt.Errorf("make the table of the schema's versions: %w", err)
	}
	_, err = p.Up(ctx)
	return err
}

// makeVersions makes goose's table. Goose makes it too, but cannot do with one that a
// server has left without its first row.
func (s *Shared) makeVersions(ctx context.Context, db *sql.DB) error {
	versions, err := database.NewStore(s.dialect.goose, schemaTable)
	if err != nil {
		return err
	}
	var n int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM "+schemaTable).Scan(&n)
	if s.dialect.missing(err) {
		err = versions.CreateVersionTable(ctx, db)
	}
	if err != nil || n > 0 {
		return err
	}
	return versions.Insert(ctx, db, database.InsertRequest{Version: 0})
}

// checkSchema returns the version of the schema, 0 if there is none, if this binary can use
// it.
func (s *Shared) checkSchema(ctx context.Context, db *sql.DB, latest int64) (current int64, err error) {
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+schemaTable+" WHERE is_applied").Scan(&current)
	switch {
	case s.dialect.missing(err):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("read the schema's version: %w", err)
	case current <= latest:
		return current, nil
	}
	var oldest int64
	if err := db.QueryRowContext(ctx, "SELECT oldest FROM schema_compat").Scan(&oldest); err != nil {
		return 0, fmt.Errorf("read which versions of hufu the schema is for: %w", err)
	}
	if oldest > latest {
		return 0, fmt.Errorf("the database has schema %d, which is for versions of hufu that know schema %d, and this one knows %d: "+
			"use a newer version of hufu", current, oldest, latest)
	}
	return current, nil
}

// latestSchema is the newest one that this binary knows.
func latestSchema(d *dialect) (int64, error) {
	files, err := fs.Glob(migrations, d.migrations+"/*.sql")
	if err != nil || len(files) == 0 {
		return 0, errors.Join(err, errors.New("the binary has no schema for the database"))
	}
	return goose.NumericComponent(files[len(files)-1])
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
