package openai

import "encoding/json"

// VectorStore is a vector_store object.
type VectorStore struct {
	ID           string            `json:"id"`
	Object       string            `json:"object"`
	CreatedAt    int64             `json:"created_at"`
	Name         string            `json:"name"`
	UsageBytes   int64             `json:"usage_bytes"`
	FileCounts   FileCounts        `json:"file_counts"`
	Status       string            `json:"status"` // in_progress while a document is on its way, else completed
	LastActiveAt int64             `json:"last_active_at"`
	Metadata     map[string]string `json:"metadata"`
}

// FileCounts counts a store's documents by state.
type FileCounts struct {
	InProgress int `json:"in_progress"`
	Completed  int `json:"completed"`
	Failed     int `json:"failed"`
	Cancelled  int `json:"cancelled"`
	Total      int `json:"total"`
}

// NewVectorStore completes a vector_store object.
func NewVectorStore(v VectorStore) VectorStore {
	v.Object, v.Status = "vector_store", "completed"
	v.FileCounts.Total = v.FileCounts.InProgress + v.FileCounts.Completed + v.FileCounts.Failed
	if v.FileCounts.InProgress > 0 {
		v.Status = "in_progress"
	}
	if v.Metadata == nil {
		v.Metadata = map[string]string{}
	}
	return v
}

// FileStatus is OpenAI's word for a document's state.
func FileStatus(state string) string {
	switch state {
	case "ready":
		return "completed"
	case "failed":
		return "failed"
	}
	return "in_progress"
}

// StoreFile is a vector_store.file object.
type StoreFile struct {
	ID            string         `json:"id"`
	Object        string         `json:"object"`
	UsageBytes    int64          `json:"usage_bytes"`
	CreatedAt     int64          `json:"created_at"`
	VectorStoreID string         `json:"vector_store_id"`
	Status        string         `json:"status"`
	LastError     *FileError     `json:"last_error"` // of OpenAI's closed list; the exact code is in groundwork.error
	Attributes    map[string]any `json:"attributes"`
	Groundwork    Document       `json:"groundwork"`
}

// FromDocument is a document as OpenAI's vector_store.file.
func FromDocument(d Document) StoreFile {
	f := StoreFile{ID: d.ID, Object: "vector_store.file", UsageBytes: d.Bytes, CreatedAt: d.CreatedAt, VectorStoreID: d.Store,
		Status: FileStatus(d.Status), Attributes: orNone(d.Attributes), Groundwork: NewDocument(d)}
	if d.Error != nil {
		f.LastError = &FileError{Code: nearest(d.Error.Code), Message: d.Error.Message}
	}
	return f
}

// nearest is the member of OpenAI's closed list that comes closest to a code.
func nearest(code string) string {
	switch code {
	case "unsupported_file":
		return "unsupported_file"
	case "invalid_file", "empty_file", "encrypted", "no_text", "too_large", "parse_limit":
		return "invalid_file"
	}
	return "server_error"
}

// StoreRequest creates or changes a vector store. Name and Metadata are nil when not given.
type StoreRequest struct {
	Name     *string
	Metadata map[string]string
	FileIDs  []string
}

// ToStore reads POST /v1/vector_stores (create) and POST /v1/vector_stores/{id}.
func ToStore(f Fields, create bool) (StoreRequest, *Invalid) {
	rules := map[string]rule{"name": text, "metadata": metadata, "description": ignored}
	if create {
		rules["file_ids"] = ids
		rules["chunking_strategy"] = exactly(`{"type":"auto"}`)
	}
	if bad := check(f, "", rules); bad != nil {
		return StoreRequest{}, bad
	}
	var r StoreRequest
	decode(f["name"], &r.Name)
	decode(f["metadata"], &r.Metadata)
	decode(f["file_ids"], &r.FileIDs)
	return r, nil
}

// Attach is a file that becomes a document of a store.
type Attach struct {
	FileID string
	Labels Labels
}

// ToAttach reads POST /v1/vector_stores/{id}/files.
func ToAttach(f Fields) (Attach, *Invalid) { return toAttach("", f) }

func attachRules() map[string]rule {
	return map[string]rule{"file_id": text, "attributes": object, "groundwork": object, "chunking_strategy": exactly(`{"type":"auto"}`)}
}

func toAttach(prefix string, f Fields) (Attach, *Invalid) {
	if bad := check(f, prefix, attachRules()); bad != nil {
		return Attach{}, bad
	}
	var in Attach
	if decode(f["file_id"], &in.FileID); in.FileID == "" {
		return Attach{}, invalid(prefix+"file_id", "%sfile_id is missing. Upload a file with POST /v1/files and give its id.", prefix)
	}
	var bad *Invalid
	in.Labels, bad = labels(prefix, f)
	return in, bad
}

func ids(raw json.RawMessage) string {
	var list []string
	if json.Unmarshal(raw, &list) != nil || len(list) > 500 {
		return "must be an array of at most 500 file ids"
	}
	return ""
}

func metadata(raw json.RawMessage) string {
	const want = "must be an object of at most 16 strings: names up to 64 characters, values up to 512"
	var m map[string]string
	if json.Unmarshal(raw, &m) != nil || len(m) > 16 {
		return want
	}
	for name, value := range m {
		if len([]rune(name)) > 64 || len([]rune(value)) > 512 {
			return want
		}
	}
	return ""
}
