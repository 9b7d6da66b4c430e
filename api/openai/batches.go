package openai

import (
	"encoding/json"
	"fmt"
)

// Batch is a vector_store.files_batch object. A file that was taken out of the store counts as cancelled.
type Batch struct {
	ID            string     `json:"id"`
	Object        string     `json:"object"`
	CreatedAt     int64      `json:"created_at"`
	VectorStoreID string     `json:"vector_store_id"`
	Status        string     `json:"status"`
	FileCounts    FileCounts `json:"file_counts"`
}

// NewBatch completes a batch: cancelled when somebody cancelled it, failed when every file did.
func NewBatch(b Batch, cancelled bool) Batch {
	n := &b.FileCounts
	b.Object, b.Status = "vector_store.files_batch", "completed"
	n.Total = n.InProgress + n.Completed + n.Failed + n.Cancelled
	switch {
	case cancelled:
		b.Status = "cancelled"
	case n.InProgress > 0:
		b.Status = "in_progress"
	case n.Failed > 0 && n.Failed == n.Total:
		b.Status = "failed"
	}
	return b
}

// maxBatch is OpenAI's limit of files in a batch.
const maxBatch = 2000

// ToBatch reads POST /v1/vector_stores/{id}/file_batches. Attributes and groups
// beside file_ids are said of every file.
func ToBatch(f Fields) ([]Attach, *Invalid) {
	rules := attachRules()
	delete(rules, "file_id")
	rules["file_ids"], rules["files"] = array, array
	if bad := check(f, "", rules); bad != nil {
		return nil, bad
	}
	if (f["file_ids"] == nil) == (f["files"] == nil) {
		return nil, invalid("file_ids", "A batch needs either file_ids or files. Upload files with POST /v1/files and give their ids.")
	}
	files, bad := batchFiles(f)
	if bad == nil && (len(files) == 0 || len(files) > maxBatch) {
		bad = invalid("file_ids", "A batch has 1 to %d files and this one %d. Send another number.", maxBatch, len(files))
	}
	return files, bad
}

func batchFiles(f Fields) (out []Attach, bad *Invalid) {
	all, bad := labels("", f)
	if bad != nil {
		return nil, bad
	}
	if f["files"] == nil {
		var ids []string
		if json.Unmarshal(f["file_ids"], &ids) != nil {
			return nil, invalid("file_ids", "file_ids must be an array of file ids.")
		}
		for _, id := range ids {
			out = append(out, Attach{FileID: id, Labels: all})
		}
		return out, nil
	}
	if all.Attributes != nil || all.Allow != nil {
		return nil, invalid("attributes", "With files each file has its own attributes and groups. Put them there.")
	}
	var files []Fields
	if json.Unmarshal(f["files"], &files) != nil {
		return nil, invalid("files", "files must be an array of objects with a file_id.")
	}
	for i, file := range files {
		dropNulls(file)
		one, bad := toAttach(fmt.Sprintf("files[%d].", i), file)
		if bad != nil {
			return nil, bad
		}
		out = append(out, one)
	}
	return out, nil
}
