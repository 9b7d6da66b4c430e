package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"groundwork/configs"
)

// cutReserve is what of the grace is kept for ending streams that did not end by themselves.
const cutReserve = 3 * time.Second

// Run builds a server, listens, and serves until ctx ends; then open streams
// may finish within server.shutdown_grace, and what is still open is ended
// with an error event.
func Run(ctx context.Context, cfg configs.Config, opts Options) error {
	debug.SetGCPercent(cfg.Server.GCPercent)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Server.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; stop the program that uses the address, or give another --listen", cfg.Server.Listen, err)
	}
	a, err := New(ctx, cfg, opts)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	served := make(chan error, 1)
	go func() { served <- a.http.Serve(listener) }()
	url := "http://" + reachable(listener.Addr())
	err = a.lock.publish(url)
	if err == nil {
		if opts.OnListen != nil {
			opts.OnListen(url)
		}
		select {
		case <-ctx.Done():
		case err = <-served:
		case err = <-a.outdated:
		}
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.Server.ShutdownGrace)
	defer cancel()
	return errors.Join(err, a.drain(grace), a.Stop(grace))
}

// reachable is an address that a client of this machine can use.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return addr.String()
}

// drain lets open requests finish, then ends them.
func (a *App) drain(ctx context.Context) error {
	if a.api != nil {
		a.api.Drain()
	}
	soft, cancel := context.WithCancel(ctx)
	defer cancel()
	if deadline, ok := ctx.Deadline(); ok {
		soft, cancel = context.WithDeadline(ctx, deadline.Add(-min(cutReserve, time.Until(deadline)/2)))
		defer cancel()
	}
	err := a.http.Shutdown(soft)
	if err == nil {
		return nil
	}
	if a.api != nil {
		a.api.CutStreams()
	}
	if err := a.http.Shutdown(ctx); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(fmt.Errorf("end open requests: %w", err), a.http.Close())
	}
	return nil
}
