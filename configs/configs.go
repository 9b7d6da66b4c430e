// Package configs is Groundwork's configuration: the file it ships is the
// default, the user's file and GROUNDWORK_* variables go on top.
package configs

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
)

// Default is the shipped file, comments and all.
//
//go:embed groundwork.yaml
var Default []byte

// Catalogue is the shipped list of models.
//
//go:embed models.yaml
var Catalogue []byte

// Config is the whole configuration; groundwork.yaml says what each key means.
type Config struct {
	Server Server `koanf:"server"`
	Store  Store  `koanf:"store"`
	Upload Upload `koanf:"upload"`
	Parse  Parse  `koanf:"parse"`
	Chunk  Chunk  `koanf:"chunk"`
	Ingest Ingest `koanf:"ingest"`
	LLM    LLM    `koanf:"llm"`
	Search Search `koanf:"search"`
	Answer Answer `koanf:"answer"`
	Log    Log    `koanf:"log"`

	Telemetry Telemetry `koanf:"telemetry"`
	Tune      Tune      `koanf:"tune"`
}

// Server is how the process listens and stops.
type Server struct {
	Listen        string        `koanf:"listen"`
	DataDir       string        `koanf:"data_dir"`
	PublicURL     string        `koanf:"public_url"`
	ShutdownGrace time.Duration `koanf:"shutdown_grace"`
	HeaderTimeout time.Duration `koanf:"header_timeout"`
	MaxHeader     Bytes         `koanf:"max_header"`
	MaxJSON       Bytes         `koanf:"max_json"`
	MaxJSONDepth  int           `koanf:"max_json_depth"`
	MaxQuery      Bytes         `koanf:"max_query"`
	Streams       int           `koanf:"streams"`
	StreamsPerKey int           `koanf:"streams_per_key"`
	StreamIdle    time.Duration `koanf:"stream_idle"`
	StreamTotal   time.Duration `koanf:"stream_total"`
	GCPercent     int           `koanf:"gc_percent"`
}

// Store says where documents, the index and original files are kept.
type Store struct {
	SQL            Secret `koanf:"sql"` // an address with a password in it
	Index          string `koanf:"index"`
	Qdrant         Qdrant `koanf:"qdrant"`
	Files          string `koanf:"files"`
	FilesAccessKey string `koanf:"files_access_key"`
	FilesSecretKey Secret `koanf:"files_secret_key"`
}

// Embedded reports whether the index lies in the data directory.
func (s Store) Embedded() bool { return s.Index == "local" }

// Qdrant says where the index server is.
type Qdrant struct {
	URL      string `koanf:"url"`
	APIKey   Secret `koanf:"api_key"`
	Alias    string `koanf:"alias"`
	Quantise bool   `koanf:"quantise"`
}

// Upload limits what a request may bring.
type Upload struct {
	MaxFile  Bytes `koanf:"max_file"`
	MaxFiles int   `koanf:"max_files"`
}

// Parse limits the child process that reads one document.
type Parse struct {
	CPU           time.Duration `koanf:"cpu"`
	Wall          time.Duration `koanf:"wall"`
	Memory        Bytes         `koanf:"memory"`
	MaxOutputFile Bytes         `koanf:"max_output_file"`
	Descriptors   int           `koanf:"descriptors"`
	Ahead         time.Duration `koanf:"ahead"` // 0: no child waits for the next PDF
	MaxText       Bytes         `koanf:"max_text"`
	MaxPages      int           `koanf:"max_pages"`
	MaxUnpacked   Bytes         `koanf:"max_unpacked"`
	MaxZipEntries int           `koanf:"max_zip_entries"`
	MaxDepth      int           `koanf:"max_depth"`
	MaxCells      int           `koanf:"max_cells"`
	Attachments   int           `koanf:"max_attachments"`
	AttachedBytes Bytes         `koanf:"max_attached"`
	OCR           OCR           `koanf:"ocr"`
}

// OCR names a program that recognises the text of scans.
type OCR struct {
	Command string        `koanf:"command"` // words with spaces between; empty: none
	Wall    time.Duration `koanf:"wall"`
	DPI     int           `koanf:"dpi"`
}

// Chunk sizes chunks.
type Chunk struct {
	Tokens    int `koanf:"tokens"`
	MaxChunks int `koanf:"max_chunks"`
}

// Ingest is the queue of the document path.
type Ingest struct {
	Workers        int           `koanf:"workers"`
	Batch          int           `koanf:"batch"`
	Attempts       int           `koanf:"attempts"`
	JobTimeout     time.Duration `koanf:"job_timeout"`
	RescueAfter    time.Duration `koanf:"rescue_after"`
	MaxQueue       int           `koanf:"max_queue"`
	MaxQueueTenant int           `koanf:"max_queue_tenant"`
}

// LLM says which models and where they run.
type LLM struct {
	Chat         ChatModel     `koanf:"chat"`
	Embed        EmbedModel    `koanf:"embed"`
	Rerank       RerankModel   `koanf:"rerank"`
	ModelsDir    string        `koanf:"models_dir"`
	Hub          string        `koanf:"hub"`
	Python       string        `koanf:"python"`
	Threads      int           `koanf:"threads"`
	StartTimeout time.Duration `koanf:"start_timeout"`
}

// ChatModel is the model that answers.
type ChatModel struct {
	Model         string `koanf:"model"`
	BaseURL       string `koanf:"base_url"`
	APIKey        Secret `koanf:"api_key"`
	ContextTokens int    `koanf:"context_tokens"`
	SystemRole    bool   `koanf:"system_role"`
	Parallel      int    `koanf:"parallel"`
	Waiting       int    `koanf:"waiting"`

	MaxWait time.Duration `koanf:"max_wait"`
}

// EmbedModel is the model that embeds.
type EmbedModel struct {
	Model       string `koanf:"model"`
	BaseURL     string `koanf:"base_url"`
	APIKey      Secret `koanf:"api_key"`
	QueryPrefix string `koanf:"query_prefix"`
	Dimensions  int    `koanf:"dimensions"`
}

// RerankModel is the model that reranks.
type RerankModel struct {
	BaseURL   string        `koanf:"base_url"`
	Model     string        `koanf:"model"`
	APIKey    Secret        `koanf:"api_key"`
	Folder    string        `koanf:"folder"`
	Top       int           `koanf:"top"`
	MaxTokens int           `koanf:"max_tokens"`
	Timeout   time.Duration `koanf:"timeout"`
}

// On reports whether there is one.
func (r RerankModel) On() bool { return r.BaseURL != "" || r.Folder != "" }

// Search tunes retrieval.
type Search struct {
	Candidates  int     `koanf:"candidates"`
	DenseWeight float64 `koanf:"dense_weight"`
	K           int     `koanf:"k"`

	CachedPassages int `koanf:"cached_passages"`
}

// Answer tunes answers.
type Answer struct {
	FirstTokenTarget time.Duration `koanf:"first_token_target"`
	MaxTokens        int           `koanf:"max_tokens"`
	MaxTokensLimit   int           `koanf:"max_tokens_limit"`
	Abstain          string        `koanf:"abstain"`
	Temperature      float64       `koanf:"temperature"`
	Unsupported      string        `koanf:"unsupported"`
	Keep             int           `koanf:"keep"`
	KeepFor          time.Duration `koanf:"keep_for"`
	LinkHosts        []string      `koanf:"link_hosts"`
}

// Log is what is logged and how.
type Log struct {
	Level  string `koanf:"level"`
	Format string `koanf:"format"`
}

// Tune says what trains.
type Tune struct {
	Python string `koanf:"python"`
}

// Telemetry says where traces go.
type Telemetry struct {
	OTLPEndpoint string  `koanf:"otlp_endpoint"`
	SampleRatio  float64 `koanf:"sample_ratio"`
	ServiceName  string  `koanf:"service_name"`
}

// Load reads the default, then file (when not empty), then GROUNDWORK_*
// variables of environ, and validates the result.
func Load(file string, environ []string) (Config, error) {
	k := koanf.New(".")
	if err := k.Load(rawbytes.Provider(Default), yaml.Parser()); err != nil {
		return Config{}, fmt.Errorf("read the default configuration: %w", err)
	}
	known := map[string]bool{}
	for _, key := range k.Keys() {
		known[key] = true
	}
	if file != "" {
		raw, err := os.ReadFile(file)
		if err != nil {
			return Config{}, fmt.Errorf("read the configuration: %w", err)
		}
		if err := overlay(k, rawbytes.Provider(raw), yaml.Parser(), known); err != nil {
			return Config{}, fmt.Errorf("%s: %w", file, err)
		}
	}
	vars := env.Provider(".", env.Opt{
		Prefix:      "GROUNDWORK_",
		EnvironFunc: func() []string { return settings(environ) },
		TransformFunc: func(name, value string) (string, any) {
			name = strings.TrimPrefix(name, "GROUNDWORK_")
			return strings.ToLower(strings.ReplaceAll(name, "__", ".")), value
		},
	})
	if err := overlay(k, vars, nil, known); err != nil {
		return Config{}, fmt.Errorf("read GROUNDWORK_ variables: %w", err)
	}
	for _, key := range k.Keys() {
		if !known[key] {
			return Config{}, fmt.Errorf("unknown configuration key %q; `groundwork config` prints all keys", key)
		}
	}
	var c Config
	err := k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		Result: &c, WeaklyTypedInput: true, TagName: "koanf",
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(), mapstructure.TextUnmarshallerHookFunc()),
	}})
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	c.fill(environ)
	return c, c.validate()
}

// settings leaves out the variables of tests and the Makefile, which are no keys.
func settings(environ []string) []string {
	var out []string
	for _, kv := range environ {
		if name, _, _ := strings.Cut(kv, "="); strings.Contains(name, "__") {
			out = append(out, kv)
		}
	}
	return out
}

func (c *Config) fill(environ []string) {
	if c.Server.DataDir == "" {
		c.Server.DataDir = filepath.Join(xdg(environ, "XDG_DATA_HOME", ".local/share"), "groundwork")
	}
	if c.LLM.ModelsDir == "" {
		c.LLM.ModelsDir = filepath.Join(xdg(environ, "XDG_CACHE_HOME", ".cache"), "groundwork")
	}
}

func xdg(environ []string, name, fallback string) string {
	home := "."
	for _, kv := range environ {
		switch k, v, _ := strings.Cut(kv, "="); {
		case k == name && filepath.IsAbs(v):
			return v
		case k == "HOME":
			home = v
		}
	}
	return filepath.Join(home, fallback)
}

func (c Config) validate() error {
	checks := []struct {
		ok  bool
		msg string
	}{
		{c.Server.Listen != "", "server.listen must be an address such as 127.0.0.1:8080"},
		{c.Server.Streams > 0, "server.streams must be at least 1"},
		{c.Server.StreamsPerKey > 0, "server.streams_per_key must be at least 1"},
		{c.Server.GCPercent >= 10 && c.Server.GCPercent <= 1000, "server.gc_percent must be 10 to 1000"},
		{c.Store.SQL == "" || strings.HasPrefix(c.Store.SQL.Reveal(), "postgres://") || strings.HasPrefix(c.Store.SQL.Reveal(), "postgresql://"),
			"store.sql must be empty (SQLite) or an address such as postgres://user:password@host/database"},
		{oneOf(c.Store.Index, "local", "qdrant"), "store.index must be local or qdrant"},
		{c.Store.Embedded() || c.Store.Qdrant.URL != "" && c.Store.Qdrant.Alias != "", "store.qdrant.url and store.qdrant.alias must be set"},
		{c.Store.Files == "" || strings.HasPrefix(c.Store.Files, "s3://"), "store.files must be empty (a folder) or an address such as s3://bucket/prefix"},
		{c.Upload.MaxFile > 0, "upload.max_file must be more than 0"},
		{c.Upload.MaxFiles > 0, "upload.max_files must be at least 1"},
		{c.Parse.Memory >= 1<<30, "parse.memory must be at least 1GB, or the parser cannot start"},
		{c.Parse.Attachments >= 0 && c.Parse.AttachedBytes >= 0, "parse.max_attachments and parse.max_attached must not be negative"},
		{c.Parse.Ahead >= 0, "parse.ahead must not be negative"},
		{c.Parse.Wall > 0 && c.Parse.CPU >= time.Second, "parse.cpu must be at least 1s and parse.wall more than 0"},
		{c.Parse.OCR.Command == "" || c.Parse.OCR.Wall > 0 && c.Parse.OCR.Wall < c.Ingest.JobTimeout, "parse.ocr.wall must be more than 0 and less than ingest.job_timeout"},
		{c.Parse.OCR.Command == "" || c.Parse.OCR.DPI >= 72 && c.Parse.OCR.DPI <= 600, "parse.ocr.dpi must be 72 to 600"},
		{c.Chunk.Tokens >= 32 && c.Chunk.Tokens <= 512, "chunk.tokens must be 32 to 512"},
		{c.Ingest.Workers >= 0, "ingest.workers must not be negative"},
		{c.Ingest.Batch > 0 && c.Ingest.Batch <= 1000, "ingest.batch must be 1 to 1000"},
		{c.Ingest.Attempts > 0, "ingest.attempts must be at least 1"},
		{c.LLM.Chat.Model != "", "llm.chat.model must name a model; see `groundwork models list`"},
		{c.LLM.Embed.Model != "", "llm.embed.model must name a model; see `groundwork models list`"},
		{c.LLM.Chat.ContextTokens >= 512, "llm.chat.context_tokens must be at least 512"},
		{c.LLM.Chat.Parallel >= 0, "llm.chat.parallel must be at least 1, or 0 for the default"},
		{c.LLM.Chat.Waiting > 0, "llm.chat.waiting must be at least 1"},
		{c.LLM.Chat.MaxWait > 0, "llm.chat.max_wait must be more than 0"},
		{c.LLM.Rerank.BaseURL == "" || c.LLM.Rerank.Folder == "", "llm.rerank.base_url and llm.rerank.folder cannot both be set"},
		{c.LLM.Rerank.BaseURL == "" || c.LLM.Rerank.Model != "", "llm.rerank.model must name the model at llm.rerank.base_url"},
		{c.LLM.Rerank.Top >= 2 && c.LLM.Rerank.Top <= 200, "llm.rerank.top must be 2 to 200"},
		{c.LLM.Rerank.MaxTokens >= 64, "llm.rerank.max_tokens must be at least 64"},
		{c.LLM.Rerank.Timeout > 0, "llm.rerank.timeout must be more than 0"},
		{c.Search.Candidates >= c.Search.K && c.Search.K > 0, "search.k must be at least 1 and at most search.candidates"},
		{c.Search.CachedPassages >= 1, "search.cached_passages must be at least 1"},
		{c.Search.DenseWeight >= 0 && c.Search.DenseWeight <= 1, "search.dense_weight must be 0 to 1"},
		{c.Answer.FirstTokenTarget > 0, "answer.first_token_target must be more than 0"},
		{c.Answer.MaxTokens > 0 && c.Answer.MaxTokens <= c.Answer.MaxTokensLimit, "answer.max_tokens must be 1 to answer.max_tokens_limit"},
		{c.Answer.Temperature >= 0 && c.Answer.Temperature <= 2, "answer.temperature must be 0 to 2"},
		{oneOf(c.Answer.Abstain, "off", "balanced", "strict"), "answer.abstain must be off, balanced or strict"},
		{oneOf(c.Answer.Unsupported, "flag", "drop"), "answer.unsupported must be flag or drop"},
		{c.Answer.Keep >= 0 && c.Answer.Keep <= 1_000_000, "answer.keep must be from 0 to 1000000"},
		{c.Answer.KeepFor > 0, "answer.keep_for must be more than 0"},
		{oneOf(c.Log.Level, "debug", "info", "warn", "error"), "log.level must be debug, info, warn or error"},
		{oneOf(c.Log.Format, "text", "json"), "log.format must be text or json"},
		{c.Telemetry.SampleRatio >= 0 && c.Telemetry.SampleRatio <= 1, "telemetry.sample_ratio must be 0 to 1"},
		{c.Telemetry.ServiceName != "", "telemetry.service_name must not be empty"},
	}
	for _, check := range checks {
		if !check.ok {
			return fmt.Errorf("configuration: %s", check.msg)
		}
	}
	return nil
}

func oneOf(s string, allowed ...string) bool {
	for _, a := range allowed {
		if s == a {
			return true
		}
	}
	return false
}

// Secret is a value that never prints itself.
type Secret string

// String hides the value.
func (s Secret) String() string { return s.GoString() }

// GoString hides the value.
func (s Secret) GoString() string {
	if s == "" {
		return ""
	}
	return "<secret>"
}

// MarshalText hides the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.GoString()), nil }

// Reveal is the value, for the one place that sends it.
func (s Secret) Reveal() string { return string(s) }

// Bytes is a size, written as 512, 32KB, 50MB or 2GB.
type Bytes int64

// UnmarshalText reads a size.
func (b *Bytes) UnmarshalText(text []byte) error {
	s := strings.ToUpper(strings.TrimSpace(string(text)))
	unit := int64(1)
	for suffix, u := range map[string]int64{"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = rest, u
		}
	}
	var n int64
	if _, err := fmt.Sscanf(strings.TrimSpace(s)+"\n", "%d\n", &n); err != nil || n < 0 {
		return fmt.Errorf("%q is not a size such as 50MB", text)
	}
	*b = Bytes(n * unit)
	return nil
}

// Keys lists every key of the shipped file, dotted.
func Keys() []string {
	k := koanf.New(".")
	if err := k.Load(rawbytes.Provider(Default), yaml.Parser()); err != nil {
		panic(err) // the embedded file is broken: no binary should have been built
	}
	return k.Keys()
}

// Fields lists every dotted key that Config can hold, for the test that compares both.
func Fields() []string {
	var out []string
	var walk func(prefix string, t reflect.Type)
	walk = func(prefix string, t reflect.Type) {
		for i := range t.NumField() {
			name := prefix + t.Field(i).Tag.Get("koanf")
			if t.Field(i).Type.Kind() == reflect.Struct {
				walk(name+".", t.Field(i).Type)
				continue
			}
			out = append(out, name)
		}
	}
	walk("", reflect.TypeFor[Config]())
	return out
}
