package loadtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/app"
	"groundwork/internal/apptest"
)

// TestMain lets the test binary be the parser child and the server.
func TestMain(m *testing.M) {
	apptest.Child(serve)
	os.Exit(m.Run())
}

type settings struct {
	Dir, Model string
	Profile    string // file for a CPU profile; empty: none
}

// serve runs a server as it is shipped, with its log.
func serve(ctx context.Context, s settings) error {
	cfg, err := configs.Load("", os.Environ())
	if err != nil {
		return err
	}
	cfg.Server.Listen, cfg.Server.DataDir = "127.0.0.1:0", s.Dir
	cfg.Answer.Abstain = "off" // the scripted embedder's cosines mean nothing
	cfg.LLM.Chat.BaseURL, cfg.LLM.Chat.Model = s.Model, "test-chat"
	cfg.LLM.Embed.BaseURL, cfg.LLM.Embed.Model = s.Model, "test-embed"
	log, err := os.Create(filepath.Join(s.Dir, "server.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	if s.Profile != "" {
		profile, err := os.Create(s.Profile)
		if err != nil {
			return err
		}
		defer profile.Close()
		if err := pprof.StartCPUProfile(profile); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return app.Run(ctx, cfg, app.Options{Log: app.Logger(log, cfg.Log), OnListen: apptest.Announce})
}

// fill uploads documents until the store h has n chunks, and waits until they
// can be found. Words are as frequent as in a language, the subjects of the
// rules are forty; each section is one chunk.
func fill(b *testing.B, url string, n int) {
	b.Helper()
	const sections = 200
	for d := 0; d*sections < n; d++ {
		var doc strings.Builder
		for i := range sections {
			fmt.Fprintf(&doc, "# Unit %d in %s\n\n", d*sections+i, word(d*sections+i))
			for range 60 {
				doc.WriteString(word(int(rand.ExpFloat64()*400)) + " ")
			}
			fmt.Fprintf(&doc, "\nEmployees of unit %d get %d days of %s leave.\n\n", d*sections+i, i, word(1000+(d*sections+i)%40))
		}
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		path := fmt.Sprintf("units-%03d.md", d)
		require.NoError(b, errors.Join(form.WriteField("store", "h"), form.WriteField("path", path)))
		part, err := form.CreateFormFile("file", path)
		require.NoError(b, err)
		_, err = part.Write([]byte(doc.String()))
		require.NoError(b, errors.Join(err, form.Close()))
		resp, err := http.Post(url+"/v1/documents?wait=ready&timeout=300s", form.FormDataContentType(), &body)
		require.NoError(b, err)
		raw, err := io.ReadAll(resp.Body)
		require.NoError(b, errors.Join(err, resp.Body.Close()))
		require.Less(b, resp.StatusCode, 300, "%s", raw)
		require.Contains(b, string(raw), `"status":"ready"`)
	}
}

// chunks is how many chunks the store h has.
func chunks(b *testing.B, url string) int {
	b.Helper()
	resp, err := http.Get(url + "/v1/documents?store=h&limit=100")
	require.NoError(b, err)
	defer resp.Body.Close()
	var list struct{ Data []struct{ Chunks int } }
	require.NoError(b, json.NewDecoder(resp.Body).Decode(&list))
	n := 0
	for _, d := range list.Data {
		n += d.Chunks
	}
	return n
}

// word is the i-th word of a made-up language.
func word(i int) string {
	const consonants, vowels = "bdfgklmnprst", "aeiou"
	var w []byte
	for range 3 {
		w = append(w, consonants[i%len(consonants)], vowels[i/len(consonants)%len(vowels)])
		i = i/7 + 3*i%11
	}
	return string(w)
}
