package sql

import (
	"context"
	"encoding/json"
	"slices"

	"groundwork/rag"
)

// most ids in one statement
const passageBatch = 512

// Passages loads chunks by id, in the order of the ids; unknown ids and those
// of other stores are left out.
func (s *Store) Passages(ctx context.Context, scope rag.Scope, chunkIDs []string) ([]rag.Passage, error) {
	found := make(map[string]rag.Passage, len(chunkIDs))
	err := s.read(ctx, "read passages", func(ctx context.Context, q querier) error {
		for ids := range slices.Chunk(chunkIDs, passageBatch) {
			in, args := inList(ids)
			passages, err := collect(ctx, q, scanPassage, `SELECT c.id, c.document_id, c.version, d.path, c.seq, c.start_at, c.end_at, c.page, c.heading, c.header, c.text, d.attributes, d.allow
				FROM chunks c JOIN documents d ON d.store_id = c.store_id AND d.id = c.document_id WHERE c.tenant = ? AND c.store_id = ? AND c.id IN `+in, append([]any{scope.Tenant, scope.Store}, args...)...)
			if err != nil {
				return err
			}
			for _, p := range passages {
				if scope.Only.Reads(p.Allow) {
					found[p.ChunkID] = p
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]rag.Passage, 0, len(found))
	for _, id := range chunkIDs {
		if p, ok := found[id]; ok {
			out = append(out, p)
		}
	}
	return out, nil
}

// DocumentPassages are the chunks of a document's live version, in order; the
// document's LiveVersion is theirs.
func (s *Store) DocumentPassages(ctx context.Context, scope rag.Scope, id string) (doc rag.Document, passages []rag.Passage, err error) {
	err = s.read(ctx, "read a document's passages", func(ctx context.Context, q querier) error {
		if doc, err = findDocument(ctx, q, scope, id); err != nil {
			return err
		}
		passages, err = collect(ctx, q, scanPassage, `SELECT c.id, c.document_id, c.version, d.path, c.seq, c.start_at, c.end_at, c.page, c.heading, c.header, c.text, '{}', '[]'
			FROM chunks c JOIN documents d ON d.store_id = c.store_id AND d.id = c.document_id AND d.live_version = c.version
			WHERE c.tenant = ? AND c.store_id = ? AND c.document_id = ? ORDER BY c.seq`, scope.Tenant, scope.Store, id)
		if len(passages) > 0 { // it may have been replaced since the document was read
			doc.LiveVersion = passages[0].Version
		}
		return err
	})
	return doc, passages, err
}

func scanPassage(row scanner) (rag.Passage, error) {
	var p rag.Passage
	var heading string
	var attributes, allow []byte
	err := row.Scan(&p.ChunkID, &p.DocumentID, &p.Version, &p.Filename, &p.Seq, &p.Start, &p.End, &p.Page, &heading, &p.Header, &p.Text, &attributes, &allow)
	if err != nil {
		return rag.Passage{}, err
	}
	labels, err := decodeLabels(attributes, allow)
	if err != nil {
		return rag.Passage{}, err
	}
	p.Attributes, p.Allow = labels.Attributes, labels.Allow
	err = json.Unmarshal([]byte(heading), &p.Heading)
	return p, err
}
