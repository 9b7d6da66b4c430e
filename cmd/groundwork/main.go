// Groundwork answers questions from a company's own documents with a small
// open model that runs on the company's own machines.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	err := run(ctx, environment{args: os.Args[1:], environ: os.Environ(), in: os.Stdin, out: os.Stdout, err: os.Stderr})
	if err != nil && !errors.Is(err, errReported) {
		fmt.Fprintln(os.Stderr, "groundwork:", err)
	}
	if err != nil {
		os.Exit(1)
	}
}

// errReported ends with exit status 1 when what went wrong has been printed.
var errReported = errors.New("already reported")
