package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"

	"larder/registry"
)

// firstRead is how many bytes come with the request that opens a blob. Most
// packages are not larger.
const firstRead = 256 << 10

const (
	// maxCuts is how many answers in a row may be cut in the middle.
	maxCuts = 3
	// wholeAgain is how many bytes make an answer no cut one, however it ends.
	wholeAgain = 1 << 20
)

// Open implements registry.Blobs. Reading ends with the blob's Close, not with ctx.
func (b *Blobs) Open(ctx context.Context, d registry.DomainID, digest registry.Digest) (registry.Blob, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key, err := b.object(d, digest)
	if err != nil {
		return nil, err
	}
	r := &reader{blobs: b, key: key}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	// The first request is the caller's, and ends with it.
	stop := context.AfterFunc(ctx, r.cancel)
	err = r.open()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		r.cancel()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if registry.IsNotFound(err) {
			return nil, registry.Errorf(registry.NotFound, "no blob %s in domain %s", digest, d.Name).About(d.Resource())
		}
		return nil, err
	}
	return r, nil
}

// reader is an open blob. Read and Seek are for one goroutine, ReadAt for many.
type reader struct {
	blobs  *Blobs
	ctx    context.Context
	cancel context.CancelFunc
	key    string
	size   int64
	head   []byte // the first bytes

	offset int64         // of the next Read
	body   io.ReadCloser // nil: none; gives bytes from at on
	at     int64
	cuts   int   // answers in a row that were cut
	begun  int64 // where body began
}

// open reads the head, or where readers are redirected only the size.
func (r *reader) open() error {
	b := r.blobs
	if b.redirect == always {
		i, err := b.stat(r.ctx, r.key)
		r.size = i.Size
		return err
	}
	var opts minio.GetObjectOptions
	if err := opts.SetRange(0, firstRead-1); err != nil {
		return err
	}
	body, i, header, err := b.core.GetObject(r.ctx, b.Bucket, r.key, opts)
	if minio.ToErrorResponse(err).StatusCode == http.StatusRequestedRangeNotSatisfiable {
		return nil // empty
	}
	if err != nil {
		return failure("open", err)
	}
	r.size = i.Size
	if part := header.Get("Content-Range"); part != "" {
		_, total, _ := strings.Cut(part, "/")
		if r.size, err = strconv.ParseInt(total, 10, 64); err != nil {
			body.Close()
			return fmt.Errorf("blobs: open: the store gives Content-Range %q", part)
		}
	}
	r.head = make([]byte, min(r.size, firstRead))
	_, err = r.fill(r.head, 0, body)
	return err
}

// fill reads all of p, which begins at off, from body; what a broken answer
// leaves out is asked for anew. Without a body it asks at once.
func (r *reader) fill(p []byte, off int64, body io.ReadCloser) (n int, err error) {
	for cuts := 0; ; cuts++ {
		if body == nil {
			if body, err = r.get(off+int64(n), off+int64(len(p))); err != nil {
				return n, err
			}
		}
		var k int
		k, err = io.ReadFull(body, p[n:])
		body.Close()
		body = nil
		n += k
		if err == nil || cuts == maxCuts || r.ctx.Err() != nil {
			return n, failure("read", cut(err))
		}
	}
}

// cut is an end that comes too early.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// get asks for bytes from off on, up to end.
func (r *reader) get(off, end int64) (io.ReadCloser, error) {
	var opts minio.GetObjectOptions
	if err := opts.SetRange(off, end-1); err != nil {
		return nil, err
	}
	body, _, _, err := r.blobs.core.GetObject(r.ctx, r.blobs.Bucket, r.key, opts)
	return body, failure("read", err)
}

func (r *reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, fs.ErrClosed
	}
	if r.offset >= r.size {
		return 0, io.EOF
	}
	if r.offset < int64(len(r.head)) {
		n := copy(p, r.head[r.offset:])
		r.offset += int64(n)
		return n, nil
	}
	if r.body != nil && r.at != r.offset {
		r.body.Close()
		r.body = nil
	}
	for {
		if r.body == nil {
			body, err := r.get(r.offset, r.size)
			if err != nil {
				return 0, err
			}
			r.body, r.at, r.begun = body, r.offset, r.offset
		}
		n, err := r.body.Read(p)
		r.at += int64(n)
		r.offset = r.at
		if err == nil || r.offset == r.size {
			return n, err
		}
		// The answer was cut: the next one goes on where it ended.
		r.body.Close()
		r.body = nil
		if r.offset-r.begun >= wholeAgain {
			r.cuts = 0
		}
		if r.cuts++; r.cuts > maxCuts || r.ctx.Err() != nil {
			return n, failure("read", cut(err))
		}
		if n > 0 {
			return n, nil
		}
	}
}

func (r *reader) Seek(offset int64, whence int) (int64, error) {
	at, err := registry.Sought(offset, whence, r.offset, r.size)
	if err != nil {
		return 0, err
	}
	r.offset = at
	return at, nil
}

// ReadAt implements io.ReaderAt with a request of its own, unless the bytes are
// among the first.
func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case r.ctx.Err() != nil:
		return 0, fs.ErrClosed
	case off < 0:
		return 0, errors.New("blobs: read before the start")
	case off >= r.size:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	end := min(off+int64(len(p)), r.size)
	var n int
	var err error
	if end <= int64(len(r.head)) {
		n = copy(p, r.head[off:end])
	} else {
		n, err = r.fill(p[:end-off], off, nil)
	}
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (r *reader) Close() error {
	r.cancel()
	if r.body == nil {
		return nil
	}
	return r.body.Close()
}

// Redirect implements registry.Redirecter.
func (r *reader) Redirect(ctx context.Context, byRequest bool, contentType, disposition string) (string, error) {
	if mode := r.blobs.redirect; mode == never || mode == asked && !byRequest {
		return "", nil
	}
	u, err := r.blobs.core.PresignedGetObject(ctx, r.blobs.Bucket, r.key, signedFor, url.Values{
		"response-content-type":        {contentType},
		"response-content-disposition": {disposition},
	})
	if err != nil {
		return "", failure("sign", err)
	}
	return u.String(), nil
}
