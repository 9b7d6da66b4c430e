package llm

import (
	"strings"

	"github.com/tmc/langchaingo/llms"

	"groundwork/rag"
)

// messages maps roles; developer is the newer word for system, and templates
// of local models silently drop it. For models whose template refuses the system role,
// what it says stands in front of the next message of the user.
func messages(in []rag.Message, noSystem bool) []llms.MessageContent {
	out := make([]llms.MessageContent, 0, len(in))
	var waiting []string
	for _, m := range in {
		role := llms.ChatMessageTypeHuman
		switch m.Role {
		case "system", "developer":
			role = llms.ChatMessageTypeSystem
		case "assistant":
			role = llms.ChatMessageTypeAI
		}
		text := m.Content
		if noSystem && role == llms.ChatMessageTypeSystem {
			waiting = append(waiting, text)
			continue
		}
		if role == llms.ChatMessageTypeHuman && len(waiting) > 0 {
			text = strings.Join(append(waiting, text), "\n\n")
			waiting = nil
		}
		out = append(out, llms.TextParts(role, text))
	}
	return out
}
