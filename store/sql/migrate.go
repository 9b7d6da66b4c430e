package sql

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// migrate brings the queue's tables, then ours, to the newest version.
func migrate(ctx context.Context, db *sql.DB, d *dialect, driver riverdriver.Driver[*sql.Tx]) error {
	silent := slog.New(slog.DiscardHandler)
	queue, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: silent})
	if err != nil {
		return fmt.Errorf("migrate the queue: %w", err)
	}
	if _, err := queue.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the queue: %w", err)
	}
	dir, err := fs.Sub(migrations, "migrations/"+d.name)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	ours, err := goose.NewProvider(d.goose, db, dir, goose.WithSlog(silent), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := ours.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
