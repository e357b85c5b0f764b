package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"larder/formats"
	"larder/registry"
)

// route descends by the first segment of the path: nothing is tried in turn.
func route(ops *operations, calls, control, repositories http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		switch {
		case (path == "/" || path == "") && r.Method == http.MethodPost:
			calls.ServeHTTP(w, r)
		case path == "/" || path == "":
			ops.greet(w, r)
		case strings.HasPrefix(path, "/v1/"):
			control.ServeHTTP(w, r)
		case strings.HasPrefix(path, "/-/"):
			ops.ServeHTTP(w, r)
		default:
			repositories.ServeHTTP(w, r)
		}
	})
}

// operations answers what operators and their tools ask; none of it needs a
// credential or shows what is stored.
type operations struct {
	server *Server

	mu      sync.Mutex
	checked time.Time
	last    readiness
}

// readiness says which parts answer.
type readiness struct {
	Ready   bool   `json:"ready"`
	Storage string `json:"storage"`
	Bus     string `json:"bus"`
}

const (
	// readinessAge is how long an answer holds, so that asking often costs nothing.
	readinessAge = time.Second
	// readinessTime is how long a part may take to answer.
	readinessTime = 2 * time.Second
)

func (o *operations) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD here", http.StatusMethodNotAllowed)
		return
	}
	switch r.URL.Path {
	case "/-/health":
		writeJSON(w, http.StatusOK, map[string]string{"status": "alive", "version": version()})
	case "/-/ready":
		status := http.StatusOK
		answer := o.readiness(r.Context())
		if !answer.Ready {
			status = http.StatusServiceUnavailable
		}
		writeJSON(w, status, answer)
	case "/-/metrics":
		if o.server.Config.MetricsListen != "" {
			http.Error(w, "metrics have an address of their own, see --metrics-listen", http.StatusNotFound)
			return
		}
		o.server.metrics.handler().ServeHTTP(w, r)
	default:
		http.Error(w, "nothing is served here; see /-/health, /-/ready and /-/metrics", http.StatusNotFound)
	}
}

// nowhere answers what is below none of these formats. GetRepositoryEndpoint
// gives URLs of all formats of the API, so that some lead here.
func nowhere(served []formats.Format) http.HandlerFunc {
	var names []string
	for _, f := range served {
		names = append(names, f.Name)
	}
	text := "nothing is served here; a repository is at /{format}/d/{domain}-{owner}/{repository}/, and formats are " + strings.Join(names, ", ")
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/"+registry.Generic+"/") {
			http.Error(w, "generic packages have no URLs; publish and fetch them with: larder package, or aws codeartifact", http.StatusNotFound)
			return
		}
		http.Error(w, text, http.StatusNotFound)
	}
}

func (o *operations) readiness(ctx context.Context) readiness {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.checked) < readinessAge {
		return o.last
	}
	ctx, cancel := context.WithTimeout(ctx, readinessTime)
	defer cancel()
	storage, bus := o.storage(ctx), o.server.bus.Ready()
	if ctx.Err() == context.Canceled { // the asker left: no answer to keep
		return readiness{Storage: "unknown", Bus: "unknown"}
	}
	o.last = readiness{Ready: storage == nil && bus == nil, Storage: o.word("storage", storage), Bus: o.word("bus", bus)}
	o.checked = time.Now()
	return o.last
}

// storage asks rows and bytes for something that is not there.
func (o *operations) storage(ctx context.Context) error {
	err := o.server.metadata.View(ctx, func(tx registry.Tx) error {
		_, err := tx.Account("")
		if registry.IsNotFound(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	blob, err := o.server.blobs.Open(ctx, registry.DomainID{Owner: "000000000000", Name: "-"}, registry.Digest{})
	if registry.IsNotFound(err) {
		return nil
	}
	if err == nil {
		return blob.Close()
	}
	return err
}

// importsWaiting counts what any process has still to import.
func (o *operations) importsWaiting(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, readinessTime)
	defer cancel()
	err = o.server.metadata.View(ctx, func(tx registry.Tx) error {
		n, err = tx.ImportsWaiting()
		return err
	})
	return n, err
}

func (o *operations) word(part string, err error) string {
	if err == nil {
		return "ok"
	}
	o.server.log.Warn("not ready", "part", part, "error", err)
	return "failing"
}

// greet answers browsers and people who try the URL.
func (o *operations) greet(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this version answers the CodeArtifact API below /v1/ and package clients below /npm/", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("Larder " + version() + ", a package registry that speaks the CodeArtifact API.\n" +
		"Set up a client with: larder login npm\n"))
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
