package openai

// File is a file object.
type File struct {
	ID        string `json:"id"`
	Object    string `json:"object"`
	Bytes     int64  `json:"bytes"`
	CreatedAt int64  `json:"created_at"`
	Filename  string `json:"filename"`
	Purpose   string `json:"purpose"`
	Status    string `json:"status"` // processed: how far a file is in a store is the vector_store.file's status

	Groundwork *FileOrigin `json:"groundwork,omitempty"` // of a file that came in another
}

// FileOrigin says where a file was found: Groundwork's own object.
type FileOrigin struct {
	AttachedTo string `json:"attached_to"` // id of the mail
}

// NewFile completes a file object.
func NewFile(f File) File {
	f.Object, f.Status = "file", "processed"
	return f
}

// Purposes are OpenAI's; here they are labels.
var Purposes = []string{"assistants", "batch", "fine-tune", "vision", "user_data", "evals"}

// Document is a document of a store: Groundwork's own object.
type Document struct {
	ID          string     `json:"id"`
	Object      string     `json:"object"`
	Store       string     `json:"store"`
	Filename    string     `json:"filename"` // relative path in the store
	Status      string     `json:"status"`   // queued, parsing, embedding, ready or failed
	Error       *FileError `json:"error"`
	Attempts    int        `json:"attempts"`    // how often a step of the newest version ended in an error
	WaitingFor  *string    `json:"waiting_for"` // a sentence, while something keeps it from going on
	Bytes       int64      `json:"bytes"`
	MediaType   string     `json:"media_type"`
	SHA256      string     `json:"sha256"`
	Version     int        `json:"version"`      // newest
	LiveVersion *int       `json:"live_version"` // searchable; null when none is
	Chunks      int        `json:"chunks"`
	ChunksDone  int        `json:"chunks_done"`
	CreatedAt   int64      `json:"created_at"`
	UpdatedAt   int64      `json:"updated_at"`

	Attributes map[string]any `json:"attributes"`
	Allow      []string       `json:"allow,omitzero"`        // groups that may read it; only keys without groups see them
	AttachedTo string         `json:"attached_to,omitempty"` // id of the mail that it is attached to
}

// NewDocument completes a document object.
func NewDocument(d Document) Document {
	d.Object, d.Attributes = "document", orNone(d.Attributes)
	return d
}

// Passage is a piece of a document as it is searched and put into prompts: Groundwork's own object.
type Passage struct {
	ChunkID    string   `json:"chunk_id"`
	DocumentID string   `json:"document_id"`
	Filename   string   `json:"filename"`
	Version    int      `json:"version"` // of the document
	Start      int      `json:"start"`
	End        int      `json:"end"`
	Page       *int     `json:"page"`
	Heading    []string `json:"heading"`
	Header     string   `json:"header"` // stands before the text in prompts, is never cited
	Text       string   `json:"text"`
}

// FileError says why a document failed: Code exactly, Message with what to do.
type FileError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// NewFileError is null when there is no code.
func NewFileError(code, message string) *FileError {
	if code == "" {
		return nil
	}
	return &FileError{Code: code, Message: message}
}

// Upload is what became of one file of POST /v1/documents; ID is null when it was refused.
type Upload struct {
	ID       *string    `json:"id"`
	Filename string     `json:"filename"`
	Status   string     `json:"status"`
	Error    *FileError `json:"error"`
}

// Uploads is the reply of POST /v1/documents. Error is set only when no file was taken.
type Uploads struct {
	Object string   `json:"object"`
	Store  string   `json:"store"`
	Data   []Upload `json:"data"`
	Error  *Error   `json:"error,omitempty"`
}

// NewUploads makes the reply.
func NewUploads(store string, data []Upload) Uploads {
	return Uploads{Object: "list", Store: store, Data: notNil(data)}
}
