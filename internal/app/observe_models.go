package app

import (
	"groundwork/internal/telemetry"
	"groundwork/llm"
)

// watchModels shows the load of the model servers and the breakers.
func (a *App) watchModels() {
	a.metrics.ModelServers(func() telemetry.ModelLoad {
		load := telemetry.ModelLoad{InFlight: map[string]int{}}
		for kind, st := range a.modelStats() {
			load.Waiting, load.Refused = load.Waiting+st.Waiting, load.Refused+st.Refused
			for _, s := range st.Servers {
				load.InFlight[kind+" "+s.Host] = s.Outstanding
			}
		}
		return load
	})
	a.metrics.Breakers(func() []telemetry.Breaker {
		var out []telemetry.Breaker
		for kind, st := range a.modelStats() {
			for _, s := range st.Servers {
				out = append(out, telemetry.Breaker{Dependency: kind + " " + s.Host, Open: s.Breaker != "closed"})
			}
		}
		if x, ok := a.index.(interface{ Breaker() string }); ok {
			out = append(out, telemetry.Breaker{Dependency: "qdrant", Open: x.Breaker() != "closed"})
		}
		return out
	})
}

func (a *App) modelStats() map[string]llm.Stats {
	out := map[string]llm.Stats{}
	if a.models.chat != nil {
		out["chat"] = a.models.chat.Chat().Stats()
	}
	if a.models.rerank != nil {
		out["rerank"] = a.models.rerank.Stats()
	}
	if a.models.embed != nil {
		out["embed"] = a.models.embed.Stats()
	}
	return out
}
