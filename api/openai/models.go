package openai

// Model is a model object.
type Model struct {
	ID      string    `json:"id"`
	Object  string    `json:"object"`
	Created int64     `json:"created"`
	OwnedBy string    `json:"owned_by"`
	Kind    ModelKind `json:"groundwork"`
}

// ModelKind says what a model name does.
type ModelKind struct {
	Kind  string  `json:"kind"`  // chat, answers (chat over a store) or embedding
	Store *string `json:"store"` // vs_… of answers
}

// NewModel makes a model object; store is empty unless kind is answers.
func NewModel(id, kind, store string, created int64) Model {
	return Model{ID: id, Object: "model", Created: created, OwnedBy: "groundwork", Kind: ModelKind{Kind: kind, Store: orNull(store)}}
}

// ModelList is the reply of GET /v1/models.
type ModelList struct {
	Object string  `json:"object"`
	Data   []Model `json:"data"`
}

// NewModelList makes the reply.
func NewModelList(models []Model) ModelList {
	return ModelList{Object: "list", Data: notNil(models)}
}
