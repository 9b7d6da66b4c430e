package llm

import "strings"

// SplitURLs reads the base_url of a configuration: one address, or several
// separated by commas. An empty text has none.
func SplitURLs(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
