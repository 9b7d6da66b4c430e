// Package runtime makes small open models run on this machine: it knows them
// (Catalogue), fetches and verifies their files (Puller), keeps the one Python
// environment their servers live in (Env), and starts, watches and stops those
// servers as child processes (Server). Everything above it speaks OpenAI's
// protocol to an address and never sees where a model came from.
package runtime
