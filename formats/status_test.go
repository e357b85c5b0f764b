package formats

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"larder/internal/httpx"
	"larder/registry"
)

func TestABodyThatBreaksOffIsTheClientsDoing(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want int
		text string
	}{
		"malformed":               {&httpx.BodyError{Err: errors.New("invalid chunk")}, http.StatusBadRequest, "malformed"},
		"too slow":                {fmt.Errorf("stage: %w", &httpx.BodyError{Err: os.ErrDeadlineExceeded}), http.StatusRequestTimeout, "too slowly"},
		"explained by the format": {registry.Errorf(registry.TooLarge, "too large: %w", &httpx.BodyError{Err: os.ErrDeadlineExceeded}), http.StatusRequestEntityTooLarge, "too large"},
	} {
		if got := Status(c.err); got != c.want || !strings.Contains(Message(c.err), c.text) {
			t.Errorf("%s: got %d %q, want %d and %q", name, got, Message(c.err), c.want, c.text)
		}
	}
}
