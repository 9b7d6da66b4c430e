package main

import (
	"encoding/json"
	"fmt"
	"mime/multipart"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// labels are what `ingest` says of the documents it takes in; nil says nothing.
type labels struct {
	attributes map[string]any
	allow      []string
}

// addLabelFlags adds --attribute and --allow; the returned function reads them.
func addLabelFlags(cmd *cobra.Command) func() (labels, error) {
	var attributes, allow []string
	cmd.Flags().StringArrayVar(&attributes, "attribute", nil, "attribute of the documents for filters, as name=value; may be repeated; replaces those they had")
	cmd.Flags().StringArrayVar(&allow, "allow", nil, "group whose keys may read the documents; may be repeated; replaces those that might")
	return func() (labels, error) {
		l := labels{allow: allow}
		for _, a := range attributes {
			name, value, ok := strings.Cut(a, "=")
			if !ok || name == "" {
				return labels{}, fmt.Errorf("--attribute %q is not of the form name=value", a)
			}
			if l.attributes == nil {
				l.attributes = map[string]any{}
			}
			l.attributes[name] = scalar(value)
		}
		return l, nil
	}
}

// scalar is a number, a boolean or a quoted string as JSON has them, else the text itself.
func scalar(text string) any {
	var v any
	if json.Unmarshal([]byte(text), &v) == nil {
		switch v.(type) {
		case float64, bool, string:
			return v
		}
	}
	return text
}

// write adds the fields of a form, before its files.
func (l labels) write(form *multipart.Writer) error {
	for name, value := range map[string]any{"attributes": l.attributes, "allow": l.allow} {
		raw, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if string(raw) == "null" {
			continue
		}
		if err := form.WriteField(name, string(raw)); err != nil {
			return err
		}
	}
	return nil
}

var comparison = regexp.MustCompile(`^([^=<>!]+)(=|!=|>=|>|<=|<)(.*)$`)

var operations = map[string]string{"=": "eq", "!=": "ne", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}

// filters reads --filter: each a filter as JSON, or short as in team=hr or
// year>=2025. All of them must hold. nil when there is none.
func filters(given []string) (any, error) {
	all := make([]any, 0, len(given))
	for _, text := range given {
		if strings.HasPrefix(text, "{") {
			var f map[string]any
			if err := json.Unmarshal([]byte(text), &f); err != nil {
				return nil, fmt.Errorf("--filter %q is not valid JSON: %w", text, err)
			}
			all = append(all, f)
			continue
		}
		m := comparison.FindStringSubmatch(text)
		if m == nil {
			return nil, fmt.Errorf(`--filter %q is neither JSON nor of the form name=value; !=, >, >=, < and <= compare too`, text)
		}
		all = append(all, map[string]any{"type": operations[m[2]], "key": m[1], "value": scalar(m[3])})
	}
	switch len(all) {
	case 0:
		return nil, nil
	case 1:
		return all[0], nil
	}
	return map[string]any{"type": "and", "filters": all}, nil
}
