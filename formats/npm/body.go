package npm

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"

	"larder/formats"
	"larder/registry"
)

// openBody gives the request's body decoded: npm compresses what it asks of
// audits. Who reads it bounds it.
func openBody(r *formats.Request) (io.Reader, error) {
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
		return r.Body, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, registry.Errorf(registry.Invalid, "the body is not gzip, as Content-Encoding says")
		}
		return unpacked{z}, nil
	default:
		return nil, formats.Statusf(http.StatusUnsupportedMediaType, "a body in Content-Encoding %q cannot be read; send it as it is or as gzip", encoding)
	}
}

// unpacked says in a client's terms what is wrong with a compressed body.
type unpacked struct{ z *gzip.Reader }

func (u unpacked) Read(p []byte) (int, error) {
	n, err := u.z.Read(p)
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) {
		err = registry.Errorf(registry.Invalid, "the body's compression is broken: it was changed on its way; send it again")
	}
	return n, err
}
