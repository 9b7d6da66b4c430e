package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"groundwork/configs"
	"groundwork/ingest"
	"groundwork/ingest/chunk"
	"groundwork/ingest/parse"
	"groundwork/rag"
)

// chunkVersion changes with every change of the chunker that moves spans or
// headers: vectors made before it are not those that it would make now.
const chunkVersion = 1

func chunkerVersion(cfg configs.Chunk) string {
	return fmt.Sprintf("chunker-%d-%d", chunkVersion, cfg.Tokens)
}

// split is the chunker as the document path calls it.
func (a *App) split(t ingest.Text, path string, count func([]string) ([]int, error)) ([]ingest.Span, error) {
	doc := chunk.Doc{Body: t.Body, Title: t.Title, Path: path, Marks: make([]chunk.Mark, len(t.Marks))}
	for i, m := range t.Marks {
		doc.Marks[i] = chunk.Mark{Kind: chunk.Kind(m.Kind), Start: m.Start, End: m.End, Level: m.Level, Page: m.Page, Label: m.Label}
	}
	spans, err := chunk.Split(doc, chunk.Options{Tokens: a.cfg.Chunk.Tokens, Max: a.cfg.Chunk.MaxChunks}, count)
	if err != nil {
		var many *chunk.TooManyError
		if errors.As(err, &many) {
			return nil, rag.Fail(rag.CodeParseLimit, fmt.Sprintf("The document gives more than %d chunks; split it into smaller files or raise chunk.max_chunks.", many.Max))
		}
		return nil, err
	}
	out := make([]ingest.Span, len(spans))
	for i, s := range spans {
		out[i] = ingest.Span(s)
	}
	return out, nil
}

// pdfCache keeps the compiled PDF reader, once for all data directories.
func pdfCache(cfg configs.Config) string { return filepath.Join(cfg.LLM.ModelsDir, "pdf") }

// ParseChild is the hidden subcommand that a parser child runs.
const ParseChild = "parse-child"

// RunParseChild reads one document with the limits that the parent sends, and
// returns the exit status.
func RunParseChild() int { return parse.Main(os.Stdin, os.Stdout) }

// parser reads documents in children of this very program.
func (a *App) parser() (ingest.Parse, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program, to start it as the parser: %w", err)
	}
	c := a.cfg.Parse
	ocr, err := recognition(c.OCR)
	if err != nil {
		return nil, err
	}
	runner := &parse.Runner{
		Exe: []string{exe, ParseChild}, CacheDir: pdfCache(a.cfg), OCR: ocr, Ahead: c.Ahead,
		Limits: parse.Limits{
			CPU: c.CPU, Wall: c.Wall, Memory: int64(c.Memory), OutputFile: int64(c.MaxOutputFile), Descriptors: c.Descriptors,
			Text: int(c.MaxText), Pages: c.MaxPages, Unpacked: int64(c.MaxUnpacked), Entries: c.MaxZipEntries, Depth: c.MaxDepth,
			Cells: c.MaxCells, Attachments: c.Attachments, AttachedBytes: int64(c.AttachedBytes),
		},
	}
	a.onStop(func(context.Context) error { runner.Close(); return nil })
	return func(ctx context.Context, o ingest.Original) (ingest.Text, error) {
		read := runner.Parse
		if o.TakeApart {
			read = runner.TakeApart
		}
		text, err := read(ctx, o.Name, o.MediaType, o.ReadSeeker)
		var refused *parse.Error
		if errors.As(err, &refused) {
			return ingest.Text{}, rag.Fail(rag.Code(refused.Code), refused.Message)
		}
		return fromParser(text), err
	}, nil
}

// recognition looks the program up now: a child has no search path.
func recognition(c configs.OCR) (parse.OCR, error) {
	command := strings.Fields(c.Command)
	if len(command) == 0 {
		return parse.OCR{}, nil
	}
	program, err := exec.LookPath(command[0])
	if err == nil {
		program, err = filepath.Abs(program)
	}
	if err != nil {
		return parse.OCR{}, fmt.Errorf("parse.ocr.command names a program that cannot be found; install it or leave the key empty: %w", err)
	}
	return parse.OCR{Command: append([]string{program}, command[1:]...), Wall: c.Wall, DPI: c.DPI}, nil
}

func fromParser(t parse.Text) ingest.Text {
	out := ingest.Text{Body: t.Body, Title: t.Title, Marks: make([]ingest.Mark, len(t.Marks))}
	for i, m := range t.Marks {
		out.Marks[i] = ingest.Mark{Kind: ingest.MarkKind(m.Kind), Start: m.Start, End: m.End, Level: m.Level, Page: m.Page, Label: m.Label}
	}
	for _, f := range t.Attached {
		out.Attached = append(out.Attached, ingest.Attachment(f))
	}
	return out
}
