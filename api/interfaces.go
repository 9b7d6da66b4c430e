package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"groundwork/api/openai"
	"groundwork/rag"
)

// Asker answers questions over a store (rag.Pipeline).
type Asker interface {
	// Ask streams through emit: first one Delta with the sources, then text. An
	// abstention comes the same way, with no sources. On error the answer is void.
	Ask(ctx context.Context, q rag.Question, emit func(rag.Delta) error) (rag.Answer, error)
	// Search is the retrieval half of Ask: at most k passages, best first,
	// then those that were found and dropped, with why.
	Search(ctx context.Context, scope rag.Scope, query string, k int) ([]rag.Ranked, error)
	// Explain tells what Ask would do with q up to the model, and asks none.
	Explain(ctx context.Context, q rag.Question) (rag.Explanation, error)
}

// Replayer makes kept answers again.
type Replayer interface {
	// Replay gives rag.CodeNotFound for an answer that is not kept.
	Replay(ctx context.Context, tenant, answerID string) (rag.Replayed, error)
}

// Models is the chat and embedding model servers, as far as HTTP needs them.
type Models interface {
	// Chat and Embedding are the names callers use.
	Chat() string
	Embedding() string
	// Adapters are the fine-tuned variants that are served beside the chat model.
	Adapters() []string
	// Forward sends body to path (such as /v1/chat/completions) of the chat or
	// embedding server (the model in it may be MODEL+ADAPTER), in the line of caller, and returns its reply as it comes;
	// its body has to be closed. Cancelling ctx stops the generation there.
	Forward(ctx context.Context, caller, server, path string, body []byte) (*http.Response, error)
}

// Uploader takes files in (ingest.Service).
type Uploader interface {
	// Upload stores bytes and enqueues: durable when it returns. The path is the
	// document's identity in the store; it is cleaned, and refused when it leaves the store.
	Upload(ctx context.Context, scope rag.Scope, u rag.Upload) (rag.Document, error)
	// AddFile stores bytes as a file that belongs to no store yet.
	AddFile(ctx context.Context, tenant, filename, purpose string, body io.Reader) (rag.File, error)
	// Attach enqueues an existing file for a store.
	Attach(ctx context.Context, scope rag.Scope, fileID string, labels rag.Labels) (rag.Document, error)
	// Relabel changes what is said of a document, and searches follow; nil fields stay as they are.
	Relabel(ctx context.Context, scope rag.Scope, documentID string, labels rag.Labels) (rag.Document, error)
	// Wait blocks until every document is ready or failed, or timeout; it returns the newest state of each.
	Wait(ctx context.Context, scope rag.Scope, ids []string, timeout time.Duration) ([]rag.Document, error)
	// Retry has a failed document processed again from its original; rag.CodeConflict when it has not failed.
	Retry(ctx context.Context, scope rag.Scope, documentID string) (rag.Document, error)
	// Remover deletes.
	Remover
}

// Remover deletes documents, files and stores, everywhere.
type Remover interface {
	// Remove takes a document out of one store; its file goes with it when it came by /v1/documents.
	Remove(ctx context.Context, scope rag.Scope, documentID string) (rag.Receipt, error)
	// RemoveFile deletes a file and takes it out of every store.
	RemoveFile(ctx context.Context, tenant, fileID string) (rag.Receipt, error)
	RemoveStore(ctx context.Context, scope rag.Scope) error
	// CancelBatch takes those files of a batch out of its store of which nothing is searchable yet.
	CancelBatch(ctx context.Context, scope rag.Scope, batchID string) error
}

// Receipts are what deletions removed (store/sql).
type Receipts interface {
	// Receipt finds one by its own id, or the newest one by that of what was deleted.
	Receipt(ctx context.Context, tenant, id string) (rag.Receipt, error)
}

// Batches keeps which files were attached together (store/sql). A batch that is
// not in the scope gives rag.CodeNotFound, and so does one without a document
// that the scope's groups may read.
type Batches interface {
	// CreateBatch records files that are attached already.
	CreateBatch(ctx context.Context, scope rag.Scope, fileIDs []string) (rag.Batch, error)
	Batch(ctx context.Context, scope rag.Scope, id string) (rag.Batch, error)
	// BatchFiles are those that are in the store.
	BatchFiles(ctx context.Context, scope rag.Scope, id string, page rag.Page) (docs []rag.Document, more bool, err error)
}

// Repeats lets requests come again without harm (store/sql).
type Repeats interface {
	// Once answers with what do answers, or with what it answered when the same request came before.
	// An error of do is given back, and nothing is kept. Another request of the same name gives rag.CodeReused.
	Once(ctx context.Context, r rag.Repeat, do func(context.Context) (rag.Reply, error)) (reply rag.Reply, again bool, err error)
}

// Documents reads what is in the library (store/sql). Whatever is not in the
// tenant gives rag.CodeNotFound.
type Documents interface {
	Documents(ctx context.Context, scope rag.Scope, page rag.Page) (docs []rag.Document, more bool, err error)
	Document(ctx context.Context, scope rag.Scope, id string) (rag.Document, error)
	Files(ctx context.Context, tenant string, page rag.Page) (files []rag.File, more bool, err error)
	File(ctx context.Context, tenant, id string) (rag.File, error)
	// Text is the extracted text of the live version, as it was chunked, in any store where the scope's groups may read it.
	Text(ctx context.Context, scope rag.Scope, fileID string) (string, error)
	// DocumentPassages are the chunks of a document's live version, in order; none while it has no live version.
	DocumentPassages(ctx context.Context, scope rag.Scope, id string) (rag.Document, []rag.Passage, error)
	// Holders are the stores that a file is a document of, one that the scope's groups may read. A key limited to some stores reads a file
	// that lives in any of them; a file in none belongs to the keys of the whole tenant.
	Holders(ctx context.Context, scope rag.Scope, fileID string) (storeIDs []string, err error)
}

// Contents opens original bytes (store/blob).
type Contents interface {
	Open(ctx context.Context, sha256 string) (io.ReadSeekCloser, error)
}

// Stores keeps vector stores (store/sql).
type Stores interface {
	// CreateStore fails with rag.CodeConflict when the tenant has the name; an empty name gets the id.
	CreateStore(ctx context.Context, tenant, name string, metadata map[string]string) (rag.Store, error)
	Stores(ctx context.Context, tenant string, page rag.Page) (stores []rag.Store, more bool, err error)
	// Store finds by vs_… id or by name.
	Store(ctx context.Context, tenant, idOrName string) (rag.Store, error)
	// Readable counts the documents that the scope's groups may read, by state, and their bytes.
	Readable(ctx context.Context, scope rag.Scope) (counts map[rag.State]int, bytes int64, err error)
	// UpdateStore renames and replaces metadata; nil leaves as it is.
	UpdateStore(ctx context.Context, tenant, id string, name *string, metadata map[string]string) (rag.Store, error)
}

// Keys knows API keys (store/sql).
type Keys interface {
	// Authenticate gives rag.CodeUnauthorized for an unknown or revoked token. With an empty token
	// it gives the default tenant's admin, but only while open() (loopback and no key made).
	Authenticate(ctx context.Context, token string) (rag.Principal, error)
}

// Comparisons are the kept reports of `groundwork compare` (eval/reports).
type Comparisons interface {
	// Comparisons are all that were begun, newest first: what is compared, as JSON.
	Comparisons() ([]json.RawMessage, error)
	// Comparison is a finished report, as JSON or as a page; rag.CodeNotFound when there is none.
	Comparison(id string, html bool) ([]byte, error)
}

// DraftSet is a file of drafted questions; its id is the name that it has.
type DraftSet struct {
	ID     string         `json:"id"`
	Object string         `json:"object"` // groundwork.drafts
	Counts map[string]int `json:"counts"` // by status
}

// Drafts are the questions that `groundwork eval draft` drafted (eval/draft), for a person to decide.
// What is not there gives rag.CodeNotFound.
type Drafts interface {
	DraftSets() ([]DraftSet, error)
	// Drafts are those of a set, in the order they were made.
	Drafts(set string) ([]json.RawMessage, error)
	// EditDraft changes one, durably; rag.CodeInvalid when it would be no question then.
	EditDraft(set, id string, edit openai.DraftEdit) (json.RawMessage, error)
}

// Tuner works fine-tuning jobs (eval/tune/jobs). A job that the tenant does not have gives rag.CodeNotFound.
type Tuner interface {
	// CreateJob is durable when it returns. It fails at once where no training is possible: the model is not
	// here, or the packages are not.
	CreateJob(ctx context.Context, tenant string, r openai.TuneRequest) (openai.TuneJob, error)
	Jobs(tenant string) ([]openai.TuneJob, error) // newest first
	Job(tenant, id string) (openai.TuneJob, error)
	// CancelJob gives rag.CodeConflict for a job that is over.
	CancelJob(tenant, id string) (openai.TuneJob, error)
	JobEvents(tenant, id string) ([]openai.TuneEvent, error) // newest first
}

// Check is the state of one thing the server depends on.
type Check struct {
	Name   string         `json:"name"`
	OK     bool           `json:"ok"`
	Minor  bool           `json:"minor,omitempty"` // questions are answered without it
	Detail string         `json:"detail,omitempty"`
	Fix    string         `json:"fix,omitempty"`
	Facts  map[string]any `json:"facts,omitempty"` // such as measured speeds, context, budget
}

// Health tells whether the server can do its work.
type Health interface {
	Ready(ctx context.Context) []Check
}
