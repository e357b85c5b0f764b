package api

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"larder/internal/httpx"
	"larder/registry"
)

// cut is an asset whose bytes cannot be read to the end.
type cut struct {
	*strings.Reader
	err error
}

func (c cut) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF {
		err = c.err
	}
	return n, err
}

func (c cut) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return 10, nil
	}
	return c.Reader.Seek(offset, whence)
}

func (cut) Close() error { return nil }

func TestTheLogSaysWhyAnAssetEndedEarly(t *testing.T) {
	var log strings.Builder
	stream := assetStream{content: &registry.AssetContent{Name: "a", Size: 10, Body: cut{strings.NewReader("short"), errors.New("these bytes were changed")}}}
	front := &httpx.Front{
		Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { stream.serve(w, r) }),
		Log:  slog.New(slog.NewTextHandler(&log, nil)),
	}
	answer := httptest.NewRecorder()
	front.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	if got := answer.Body.String(); got != "short" {
		t.Errorf("sent %q", got)
	}
	for _, want := range []string{"these bytes were changed", "code=InternalServerException"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log says %s, want %s", log.String(), want)
		}
	}
}
