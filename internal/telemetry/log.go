// Package telemetry is logging and metrics. Both carry ids, counts and sizes,
// never document text, questions, answers or keys.
package telemetry

import (
	"io"
	"log/slog"
)

// Logger writes to w at level (debug, info, warn, error) as text or json.
func Logger(w io.Writer, level, format string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	opts := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
