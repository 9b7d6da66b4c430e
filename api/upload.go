package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// uploadDocuments takes files into a store, one after the other as they
// stream in. A file that is refused does not stop the others.
func (s *Server) uploadDocuments(c *gin.Context) error {
	if _, err := s.waitOf(c.Request.URL.Query()); err != nil {
		return err
	}
	form, err := s.openForm(c, s.opts.MaxFiles)
	if err != nil {
		return err
	}
	defer form.close()
	in := &intake{s: s, caller: caller(c), name: c.Query("store")}
	if err := in.run(c.Request.Context(), form); err != nil {
		return err
	}
	status, out := http.StatusAccepted, openai.NewUploads(in.store.ID, in.results)
	if in.failed != nil && len(in.ids) == 0 {
		note(c, in.failed)
		p := toProblem(in.failed)
		setRetry(c.Writer.Header(), p)
		status, out.Error = p.status, &p.body.Error
	}
	s.reply(c, status, out)
	return nil
}

// waitOf reads ?wait=ready&timeout=60s; 0 means not to wait.
func (s *Server) waitOf(query url.Values) (time.Duration, error) {
	switch query.Get("wait") {
	case "":
		return 0, nil
	case "ready":
	default:
		return 0, badParam("wait", "wait can only be ready.")
	}
	text := query.Get("timeout")
	if text == "" {
		return min(time.Minute, s.opts.MaxWait), nil
	}
	d, err := time.ParseDuration(text)
	if seconds, convErr := strconv.Atoi(text); convErr == nil {
		d, err = time.Duration(seconds)*time.Second, nil
	}
	if err != nil || d <= 0 || d > s.opts.MaxWait {
		return 0, badParam("timeout", fmt.Sprintf("timeout must be a time such as 60s, at most %s.", s.opts.MaxWait))
	}
	return d, nil
}

// intake is one upload request on its way into one store.
type intake struct {
	s      *Server
	caller rag.Principal
	name   string     // of the store; may come after the files
	paths  []string   // not yet used, in order: each is for the next file without one
	labels rag.Labels // of the files that follow
	held   []file     // files that came before the store's name

	store   rag.Store
	results []openai.Upload
	ids     []string // of what was accepted
	failed  error    // why the first refused file was
}

func (in *intake) run(ctx context.Context, form *form) error {
	for {
		part, err := form.next()
		if err != nil {
			return err
		}
		if part == nil {
			break
		}
		switch part.field {
		case "store":
			in.name = part.value
		case "path":
			in.paths = append(in.paths, part.value)
		case "attributes", "allow":
			err = in.label(part)
		case "file", "file[]", "files", "files[]":
			err = in.file(ctx, form, part.file)
		default:
			err = badParam(part.field, fmt.Sprintf("%q is not a field of this form. Send store, path, attributes, allow and file.", clip(part.field)))
		}
		if err != nil {
			return err
		}
	}
	return in.end(ctx)
}

// label reads what is said of the files; it must come before them, as they are taken in one by one.
func (in *intake) label(p *part) error {
	if len(in.results)+len(in.held) > 0 {
		return badParam(p.field, fmt.Sprintf("The form field %s must come before the files. Send them again in that order.", p.field))
	}
	labels, bad := openai.ToLabel(p.field, p.value)
	if bad != nil {
		return refuse(bad)
	}
	if p.field == "allow" {
		in.labels.Allow = labels.Allow
	} else {
		in.labels.Attributes = labels.Attributes
	}
	return nil
}

// file takes one file in, or keeps it on disk until the store is known.
func (in *intake) file(ctx context.Context, form *form, f file) error {
	if len(in.paths) > 0 {
		f.path, in.paths = in.paths[0], in.paths[1:]
	}
	if in.name == "" {
		held, err := form.hold(f)
		in.held = append(in.held, held)
		return err
	}
	return in.take(ctx, f)
}

// end takes the files that waited for the store's name.
func (in *intake) end(ctx context.Context) error {
	if in.name == "" {
		return badParam("store", "store is missing. Add the form field store with the name of a store; it is made when it does not exist.")
	}
	for _, f := range in.held {
		if f.path == "" && len(in.paths) > 0 {
			f.path, in.paths = in.paths[0], in.paths[1:]
		}
		if err := in.take(ctx, f); err != nil {
			return err
		}
	}
	switch {
	case len(in.paths) > 0:
		return badParam("path", "There are more path fields than files. Put each path before its file.")
	case len(in.results) == 0:
		return badParam("file", "There is no file. Add at least one form field file.")
	}
	return nil
}

// take uploads one file. What is wrong with the file goes into the results;
// what is wrong with the request or the store ends it.
func (in *intake) take(ctx context.Context, f file) error {
	if in.store.ID == "" {
		st, err := in.s.storeToFill(ctx, in.caller, in.name)
		if err != nil {
			return err
		}
		in.store = st
	}
	path := f.path
	if path == "" {
		path = f.filename
	}
	err := checkPath(path)
	var doc rag.Document
	if err == nil {
		doc, err = in.s.Uploader.Upload(ctx, scopeOf(in.caller, in.store), rag.Upload{Path: path, MediaType: f.mediaType, Labels: in.labels, Body: f.body})
	}
	err = f.body.explain(err)
	var known *rag.Error
	switch {
	case err == nil:
		in.results, in.ids = append(in.results, fromUpload(doc)), append(in.ids, doc.ID)
		return nil
	case f.body.broken() || ctx.Err() != nil:
		return err
	case !errors.As(err, &known):
		in.s.Log.Error("upload", "store", in.store.ID, "error", err.Error())
	}
	if in.failed == nil {
		in.failed = err
	}
	p := toProblem(err).body.Error
	in.results = append(in.results, openai.Upload{Filename: path, Status: string(rag.StateFailed), Error: openai.NewFileError(*p.Code, p.Message)})
	return nil
}

// awaitDocuments blocks, when asked to, until everything that uploadDocuments accepted is ready
// or failed: 200, or 202 while something is on its way. The reply has the states of that moment.
func (s *Server) awaitDocuments(c *gin.Context, reply rag.Reply) (rag.Reply, error) {
	timeout, err := s.waitOf(c.Request.URL.Query())
	if err != nil || timeout == 0 {
		return reply, err
	}
	var out openai.Uploads
	if err := json.Unmarshal(reply.Body, &out); err != nil {
		return rag.Reply{}, fmt.Errorf("read the reply to an upload: %w", err)
	}
	var ids []string
	for _, r := range out.Data {
		if r.ID != nil {
			ids = append(ids, *r.ID)
		}
	}
	p := caller(c)
	docs, err := s.Uploader.Wait(c.Request.Context(), scopeOf(p, rag.Store{Tenant: p.Tenant, ID: out.Store}), slices.Compact(slices.Sorted(slices.Values(ids))), timeout)
	if err != nil {
		return rag.Reply{}, err
	}
	newest, status := map[string]rag.Document{}, http.StatusOK
	for _, d := range docs {
		newest[d.ID] = d
		if !d.State.Done() {
			status = http.StatusAccepted
		}
	}
	for i, r := range out.Data {
		if r.ID == nil {
			continue
		}
		if d, ok := newest[*r.ID]; ok {
			out.Data[i] = fromUpload(d)
		}
	}
	body, err := openai.Marshal(out)
	return rag.Reply{Status: status, Body: body}, err
}

// storeToFill is the store to upload into, made when nothing has the name.
func (s *Server) storeToFill(ctx context.Context, p rag.Principal, name string) (rag.Store, error) {
	st, err := s.store(ctx, p, verbWrite, name)
	if rag.CodeOf(err) != rag.CodeNotFound || strings.HasPrefix(name, "vs_") || !mayMake(p, name) {
		return st, err
	}
	if err := checkStoreName(name); err != nil {
		return st, err
	}
	made, err := s.Stores.CreateStore(ctx, p.Tenant, name, nil)
	if rag.CodeOf(err) == rag.CodeConflict { // made by another upload in the meantime
		return s.store(ctx, p, verbWrite, name)
	}
	return made, err
}

// mayMake reports whether a store of that name would be within the key's list.
func mayMake(p rag.Principal, name string) bool { return reaches(p, rag.Store{Name: name}) }
