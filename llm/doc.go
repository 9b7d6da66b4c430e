// Package llm talks to the model servers: it generates, embeds and counts
// tokens behind OpenAI's protocol, and measures what the servers can do.
//
// One model may be behind several servers. The pool chooses one for each
// request: the least loaded, except that prompts which start alike go to the
// server that has their beginning cached. What finds no free slot waits in a
// bounded line in which callers take turns. When a server fails before anything
// of an answer was seen, another one is asked; a probe tells when it is back.
//
// A Chat is rag.Generator, an Embedder is rag's and ingest's Embedder, Models
// joins both for the HTTP interface. Any server serves: llama.cpp, vLLM,
// Ollama, or the ones the project starts itself. Whatever such a server does
// wrong becomes an error with a code and a sentence that says what to do; an
// answer that was cut is never returned as if it were complete.
package llm
