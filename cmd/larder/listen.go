package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"larder/internal/httpx"
)

// Limits of a connection. A body may take as long as it needs: assets are large
// and links are slow; what bounds it is its size.
const (
	headerTime  = 10 * time.Second
	idleTime    = 2 * time.Minute
	headerBytes = 64 << 10
)

// listen opens an address that a flag named.
func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("cannot listen on %s: something else listens there already; choose another address with %s", address, flag)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("cannot listen on %s: this user may not; choose a port above 1023 with %s", address, flag)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return nil, fmt.Errorf("cannot listen on %q: %w; write HOST:PORT with %s", address, err, flag)
}

// httpServer makes a server with the limits of all, and TLS where it is asked for.
func (s *Server) httpServer(h http.Handler) (*http.Server, error) {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		ConnContext:       httpx.ConnContext,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          log.New(errorLog{s.log}, "", 0),
	}
	if s.Config.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(s.Config.TLSCert, s.Config.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("cannot use --tls-cert and --tls-key: %w", err)
		}
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	return srv, nil
}

// start serves until Close, which lets requests that run finish first.
func (s *Server) start(srv *http.Server, l net.Listener) {
	go func() {
		l := httpx.Listener(l)
		serve := srv.Serve
		if srv.TLSConfig != nil {
			serve = func(l net.Listener) error { return srv.ServeTLS(l, "", "") }
		}
		if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("stopped listening on %s: %w", l.Addr(), err)
		}
	}()
	s.onClose(func(ctx context.Context) error {
		if err := srv.Shutdown(ctx); err != nil {
			s.log.Warn("requests were cut off at the end", "error", err)
			return srv.Close()
		}
		return nil
	})
}

// errorLog takes net/http's own messages: broken handshakes and the like.
type errorLog struct{ log *slog.Logger }

func (e errorLog) Write(p []byte) (int, error) {
	e.log.Warn("http", "error", strings.TrimSpace(string(p)))
	return len(p), nil
}

// localURL is how the address is reached from this machine.
func localURL(a net.Addr, secure bool) string {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return scheme + "://" + a.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
