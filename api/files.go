package api

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

func noFile(id string) error {
	return rag.Fail(rag.CodeNotFound, fmt.Sprintf("There is no file %q. GET /v1/files lists them.", clip(id)))
}

// file finds a file that the caller may see: any of the tenant's, or for a key
// that is limited to stores or groups one that is a document, which the groups
// may read, in at least one of the stores.
func (s *Server) file(ctx context.Context, p rag.Principal, v verb, id string) (rag.File, error) {
	f, err := s.Documents.File(ctx, p.Tenant, id)
	if rag.CodeOf(err) == rag.CodeNotFound {
		return f, noFile(id)
	}
	if err != nil {
		return f, err
	}
	mine, _, err := s.holders(ctx, p, v, id)
	if err == nil && !mine {
		err = noFile(id)
	}
	return f, err
}

// holders tells whether a file is in a store that the key reaches, and whether
// in no other. A key of the whole tenant reaches all, also a file in no store.
func (s *Server) holders(ctx context.Context, p rag.Principal, v verb, id string) (some, all bool, err error) {
	if len(p.Stores) == 0 && p.Groups == nil {
		return true, true, nil
	}
	storeIDs, err := s.Documents.Holders(ctx, everywhere(p), id)
	if err != nil {
		return false, false, err
	}
	reached := 0
	for _, storeID := range storeIDs {
		_, err := s.store(ctx, p, v, storeID)
		if err == nil {
			reached++
		} else if rag.CodeOf(err) != rag.CodeNotFound {
			return false, false, err
		}
	}
	return reached > 0, reached > 0 && reached == len(storeIDs), nil
}

// uploadFile answers POST /v1/files: one file that belongs to no store yet.
func (s *Server) uploadFile(c *gin.Context) error {
	p := caller(c)
	if err := authorize(p, verbWrite, object{tenant: true}); err != nil {
		return err
	}
	form, err := s.openForm(c, 1)
	if err != nil {
		return err
	}
	defer form.close()
	in, purpose, err := readFileForm(form)
	if err != nil {
		return err
	}
	f, err := s.Uploader.AddFile(c.Request.Context(), p.Tenant, in.filename, purpose, in.body)
	if err != nil {
		return in.body.explain(err)
	}
	if rest, err := form.next(); err != nil || rest != nil {
		s.Log.Warn("form goes on after its file", "file", f.ID)
	}
	s.reply(c, http.StatusOK, fromFile(f))
	return nil
}

// readFileForm reads up to the point where both file and purpose are known. A
// file that comes first waits on disk.
func readFileForm(form *form) (in file, purpose string, err error) {
	for {
		part, err := form.next()
		switch {
		case err != nil:
			return in, "", err
		case part == nil && in.body == nil:
			return in, "", badParam("file", "There is no file. Add the form field file.")
		case part == nil:
			return in, "", badParam("purpose", "purpose is missing. Add the form field purpose, for example assistants.")
		case part.field == "purpose":
			purpose = part.value
			if !slices.Contains(openai.Purposes, purpose) {
				return in, "", badParam("purpose", "purpose must be one of "+strings.Join(openai.Purposes, ", ")+".")
			}
		case part.field == "file":
			in = part.file
			in.filename = path.Base("/" + strings.ReplaceAll(in.filename, `\`, "/"))
			if err := checkPath(strings.Trim(in.filename, "/")); err != nil {
				return in, "", err
			}
			if purpose == "" {
				if in, err = form.hold(in); err != nil {
					return in, "", err
				}
			}
		default:
			return in, "", badParam(part.field, fmt.Sprintf("%s is not supported here. Send file and purpose.", clip(part.field)))
		}
		if purpose != "" && in.body != nil {
			return in, purpose, nil
		}
	}
}

func (s *Server) listFiles(c *gin.Context) error {
	page, err := pageOf(c.Request.URL.Query(), 10000, 100)
	if err != nil {
		return err
	}
	ctx, p, purpose := c.Request.Context(), caller(c), c.Query("purpose")
	if page.After != "" {
		if _, err := s.file(ctx, p, verbAsk, page.After); rag.CodeOf(err) == rag.CodeNotFound {
			return badParam("after", "The list has no such object. Start again from its first page.")
		} else if err != nil {
			return err
		}
	}
	files, more, err := collect(page, func(f rag.File) string { return f.ID },
		func(page rag.Page) ([]rag.File, bool, error) { return s.Documents.Files(ctx, p.Tenant, page) },
		func(f rag.File) (bool, error) {
			if purpose != "" && f.Purpose != purpose {
				return false, nil
			}
			mine, _, err := s.holders(ctx, p, verbAsk, f.ID)
			return mine, err
		})
	if err != nil {
		return err
	}
	data := make([]openai.File, len(files))
	for i, f := range files {
		data[i] = fromFile(f)
	}
	s.reply(c, http.StatusOK, openai.NewList(data, more, func(f openai.File) string { return f.ID }))
	return nil
}

func (s *Server) getFile(c *gin.Context) error {
	f, err := s.file(c.Request.Context(), caller(c), verbAsk, c.Param("id"))
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, fromFile(f))
	return nil
}

// deleteFile takes a file out of every store; a key that is limited to stores
// may do so only when it reaches all of them.
func (s *Server) deleteFile(c *gin.Context) error {
	ctx, p := c.Request.Context(), caller(c)
	f, err := s.file(ctx, p, verbWrite, c.Param("id"))
	if err != nil {
		return err
	}
	if _, all, err := s.holders(ctx, p, verbWrite, f.ID); err != nil {
		return err
	} else if !all {
		return authorize(p, verbWrite, object{tenant: true})
	}
	receipt, err := s.Uploader.RemoveFile(ctx, p.Tenant, f.ID)
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, deleted(f.ID, "file", &receipt))
	return nil
}

// fileContent sends the original bytes, as a download that no browser opens by itself.
func (s *Server) fileContent(c *gin.Context) error {
	ctx := c.Request.Context()
	f, err := s.file(ctx, caller(c), verbAsk, c.Param("id"))
	if err != nil {
		return err
	}
	content, err := s.Contents.Open(ctx, f.SHA256)
	if err != nil {
		return fmt.Errorf("open file %s: %w", f.ID, err)
	}
	defer content.Close()
	h := c.Writer.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", attachment(f.Filename))
	h.Set("ETag", `"`+f.SHA256+`"`)
	http.ServeContent(c.Writer, c.Request, "", f.CreatedAt, content)
	return nil
}

func attachment(filename string) string {
	v := mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(filename)})
	if v == "" {
		return "attachment"
	}
	return v
}

// fileText sends the extracted text, in which every offset of this interface counts.
func (s *Server) fileText(c *gin.Context) error {
	ctx, p := c.Request.Context(), caller(c)
	f, err := s.file(ctx, p, verbAsk, c.Param("id"))
	if err != nil {
		return err
	}
	text, err := s.Documents.Text(ctx, everywhere(p), f.ID)
	if rag.CodeOf(err) == rag.CodeNotFound {
		return rag.Fail(rag.CodeNotFound, "This file has no text yet: it is in no store, or no version of it is ready. Upload it with POST /v1/documents and wait until it is ready.")
	}
	if err != nil {
		return err
	}
	c.Header("Content-Type", "text/plain; charset=utf-8")
	if _, err := io.WriteString(c.Writer, text); err != nil {
		note(c, errGone)
	}
	return nil
}
