package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"groundwork/configs"
	"groundwork/llm/runtime"
	"groundwork/rag"
	"groundwork/store/local"
	"groundwork/store/qdrant"
)

// rebuildDir holds an index that is built beside the one that is searched.
func rebuildDir(cfg configs.Config) string { return filepath.Join(cfg.Server.DataDir, "reindex") }

// swapFile is there from the moment when the new index is to be the one until it is.
func swapFile(cfg configs.Config) string { return filepath.Join(rebuildDir(cfg), "swap") }

// presentKind is what the index that is searched was made with; the zero value when there is none.
func presentKind(ctx context.Context, cfg configs.Config) (v vectorKind, err error) {
	if !cfg.Store.Embedded() {
		v.dimensions, v.fingerprint, err = qdrant.Made(ctx, qdrantAt(cfg))
		return v, err
	}
	r, err := local.OpenReader(ctx, filepath.Join(cfg.Server.DataDir, "index"))
	if rag.CodeOf(err) == rag.CodeNotFound {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	return vectorKind{r.Dimensions, r.Fingerprint}, r.Close()
}

// NeedsRebuild reports whether the present index was made with another model or
// chunker than the configuration's and can be read, so that a new one can be built beside it;
// or one is being built, and is to be completed.
func NeedsRebuild(ctx context.Context, cfg configs.Config) (bool, error) {
	if _, err := os.Stat(swapFile(cfg)); err == nil {
		return true, nil
	}
	want, err := vectorsOf(cfg)
	if err != nil {
		return false, err
	}
	have, err := presentKind(ctx, cfg)
	if cfg.Store.Embedded() && err != nil && ctx.Err() == nil {
		return false, nil // it cannot be read: a new one takes its place
	}
	return err == nil && have != vectorKind{} && have != want, err
}

// configOf is the configuration with the model and chunker that the present index
// was made with: what is given, or else the present configuration with another
// model of the catalogue.
func configOf(present vectorKind, cfg configs.Config, given *configs.Config) (configs.Config, error) {
	if given != nil {
		if have, err := vectorsOf(*given); err != nil || have != present {
			return cfg, errors.Join(err, fmt.Errorf("the index was made with %q, and the configuration of --old says %q", present.fingerprint, have.fingerprint))
		}
		return *given, nil
	}
	catalogue, err := Catalogue()
	if err != nil {
		return cfg, err
	}
	model := present.fingerprint[:max(strings.LastIndex(present.fingerprint, "/chunker-"), 0)]
	same := func(e configs.EmbedModel) bool {
		dimensions, fingerprint := embedIdentity(catalogue, e)
		return dimensions == present.dimensions && fingerprint == model
	}
	if same(cfg.LLM.Embed) {
		return cfg, nil
	}
	for _, entry := range catalogue.Models {
		if e := (configs.EmbedModel{Model: entry.Name}); entry.Kind == runtime.Embed && same(e) {
			cfg.LLM.Embed = e
			return cfg, nil
		}
	}
	return cfg, fmt.Errorf("the present index was made with %q, which the catalogue does not have: name its configuration with --old FILE, so that both can be compared, or leave the comparison out with --no-compare", present.fingerprint)
}
