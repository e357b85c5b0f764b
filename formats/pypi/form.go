package pypi

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"golang.org/x/crypto/blake2b"

	"larder/registry"
)

// Limits of the upload form besides the file itself.
const (
	maxForm      = 2 * maxMetadata // bytes of all fields; the longest is the description
	maxFields    = 10_000
	maxSignature = 64 << 10
)

// form is an upload as twine, uv, poetry, pdm and flit send it: the legacy
// upload API of the public index ("file_upload", protocol version 1). Its parts
// may stand in any order.
type form struct {
	fields    map[string][]string
	file      *uploaded
	signature []byte
}

// uploaded is the file of a form, staged.
type uploaded struct {
	name    string
	asset   registry.Asset
	blake2b string // hex, of 256 bits
}

// stager keeps the bytes of the form's file aside: Publication.Stage. project
// is its name as far as the form has said it by then.
type stager func(project, name string, r io.Reader) (registry.Asset, error)

// readForm reads a form to its end. The file goes to stage as it arrives, so
// the memory does not depend on its size.
func readForm(r *http.Request, stage stager) (*form, error) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/form-data" || params["boundary"] == "" {
		return nil, registry.Errorf(registry.Invalid, "an upload is a form of type multipart/form-data")
	}
	reader := multipart.NewReader(r.Body, params["boundary"])
	f := &form{fields: map[string][]string{}}
	left := int64(maxForm)
	for n := 0; ; n++ {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return nil, brokenForm(err)
		}
		if n == maxFields {
			return nil, registry.Errorf(registry.Invalid, "the form has more than %d fields", maxFields)
		}
		switch name := part.FormName(); name {
		case "content":
			err = f.readFile(part, stage)
		case "gpg_signature":
			f.signature, err = readField(part, maxSignature)
		default:
			var value []byte
			if value, err = readField(part, left); err == nil {
				left -= int64(len(value)) + int64(len(name))
				f.fields[name] = append(f.fields[name], string(value))
			}
		}
		if err != nil {
			return nil, err
		}
	}
}

func (f *form) readFile(part *multipart.Part, stage stager) error {
	if f.file != nil {
		return registry.Errorf(registry.Invalid, "the form has two files; upload one at a time")
	}
	name := part.FileName()
	if name == "" {
		return registry.Errorf(registry.Invalid, "the form's file has no name")
	}
	blake, err := blake2b.New256(nil)
	if err != nil {
		return err
	}
	asset, err := stage(f.first("name"), name, io.TeeReader(formReader{part}, blake))
	if err != nil {
		return err
	}
	f.file = &uploaded{name: name, asset: asset, blake2b: hex.EncodeToString(blake.Sum(nil))}
	return nil
}

// first gives a field's first value, "" where it has none.
func (f *form) first(name string) string {
	if values := f.fields[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func readField(part *multipart.Part, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(part, max(limit, 0)+1))
	if err != nil {
		return nil, brokenForm(err)
	}
	if int64(len(b)) > limit {
		return nil, registry.Errorf(registry.TooLarge, "the form's fields are too large: besides the file it may have %d MiB", maxForm>>20)
	}
	return b, nil
}

// formReader says in a client's terms what is wrong with a form that breaks off.
type formReader struct{ r io.Reader }

func (f formReader) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = brokenForm(err)
	}
	return n, err
}

func brokenForm(err error) error {
	var known *registry.Error
	if errors.As(err, &known) {
		return err
	}
	return &registry.Error{Code: registry.Invalid, Msg: "the form cannot be read: it breaks off, or is not multipart/form-data", Err: err}
}

// checkDigests compares what the client promised of the file with what came.
func (f *form) checkDigests() error {
	h := f.file.asset.Hashes
	for field, got := range map[string]string{
		"md5_digest":        hex.EncodeToString(h.MD5[:]),
		"sha256_digest":     h.SHA256.String(),
		"blake2_256_digest": f.file.blake2b,
	} {
		if want := f.first(field); want != "" && !equalHex(want, got) {
			return registry.Errorf(registry.Invalid, "the file has %s %s, but the form says %s: it was changed on its way; upload it again", field, got, want)
		}
	}
	return nil
}

func equalHex(a, b string) bool {
	x, err := hex.DecodeString(a)
	return err == nil && hex.EncodeToString(x) == b
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
