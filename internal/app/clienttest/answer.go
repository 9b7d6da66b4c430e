package clienttest

import (
	"context"
	"fmt"
	"net/url"

	"github.com/openai/openai-go/v3"
)

// extension is the part of the `groundwork` object that is checked here.
type extension struct {
	Abstained bool
	Sources   []struct {
		Index, Start, End int
		DocumentID        string `json:"document_id"`
	}
	Citations []citation
}

type citation struct {
	Source, Start, End int
	AnswerStart        int    `json:"answer_start"`
	AnswerEnd          int    `json:"answer_end"`
	DocumentID         string `json:"document_id"`
	Quote, Verdict     string
}

// checkCitations checks that every citation is verbatim and lies in the passage
// that the model was given; it gives those that hold.
func (c *goClient) checkCitations(ctx context.Context, text, raw string) (holding []citation, err error) {
	gw, err := extensionOf(raw)
	if err != nil {
		return nil, err
	}
	for _, cited := range gw.Citations {
		var document []byte // the client leaves a text/plain reply as bytes
		if err := c.api.Get(ctx, "files/"+cited.DocumentID+"/text", nil, &document); err != nil {
			return nil, fmt.Errorf("text of %s: %w", cited.DocumentID, err)
		}
		points := []rune(string(document))
		if cited.Start >= cited.End || cited.End > len(points) || string(points[cited.Start:cited.End]) != cited.Quote {
			return nil, fmt.Errorf("the quote is not the document's text from start to end: %+v", cited)
		}
		if cited.AnswerStart >= cited.AnswerEnd || cited.AnswerEnd > len([]rune(text)) {
			return nil, fmt.Errorf("a citation lies outside the answer of %d code points: %+v", len([]rune(text)), cited)
		}
		given := false
		for _, s := range gw.Sources {
			given = given || s.Index == cited.Source && s.DocumentID == cited.DocumentID && s.Start <= cited.Start && cited.End <= s.End
		}
		if !given {
			return nil, fmt.Errorf("a citation lies outside its source: %+v of %+v", cited, gw.Sources)
		}
		if cited.Verdict != "unsupported" {
			holding = append(holding, cited)
		}
	}
	return holding, nil
}

// checkAnswer checks that the annotations are the citations that hold.
func (c *goClient) checkAnswer(ctx context.Context, text, raw string, notes []openai.ChatCompletionMessageAnnotation) error {
	holding, err := c.checkCitations(ctx, text, raw)
	if err != nil {
		return err
	}
	want := []openai.ChatCompletionMessageAnnotationURLCitation{}
	for _, cited := range holding {
		want = append(want, openai.ChatCompletionMessageAnnotationURLCitation{
			StartIndex: int64(cited.AnswerStart), EndIndex: int64(cited.AnswerEnd),
			URL: fmt.Sprintf("doc=%s&start=%d&end=%d", cited.DocumentID, cited.Start, cited.End),
		})
	}
	return sameNotes(notes, want)
}

// sameNotes compares places, and the fragments of the addresses.
func sameNotes(notes []openai.ChatCompletionMessageAnnotation, want []openai.ChatCompletionMessageAnnotationURLCitation) error {
	if err := same("number of annotations", len(notes), len(want)); err != nil {
		return err
	}
	for i, note := range notes {
		got := note.URLCitation
		address, err := url.Parse(got.URL)
		if err != nil {
			return fmt.Errorf("address of an annotation: %w", err)
		}
		if got.StartIndex != want[i].StartIndex || got.EndIndex != want[i].EndIndex || address.Fragment != want[i].URL {
			return fmt.Errorf("annotation %d is %s, want %+v", i, note.RawJSON(), want[i])
		}
	}
	return nil
}
