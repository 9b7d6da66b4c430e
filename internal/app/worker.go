package app

import (
	"encoding/json"
	"net/http"
	"slices"

	"groundwork/api"
)

// workerHandler tells how a worker does: /healthz, /readyz and /metrics.
func (a *App) workerHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"status": "ok", "version": a.opts.Version})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		checks := a.Ready(r.Context())
		status := http.StatusOK
		if slices.ContainsFunc(checks, func(c api.Check) bool { return !c.OK && !c.Minor }) {
			status = http.StatusServiceUnavailable
		}
		writeJSON(w, status, map[string]any{"ready": status == http.StatusOK, "version": a.opts.Version, "checks": checks})
	})
	mux.Handle("GET /metrics", a.metrics.Handler())
	return mux
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that went away needs no answer
}
