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
	defer body.Close()
	r.size = i.Size
	if part := header.Get("Content-Range"); part != "" {
		_, total, _ := strings.Cut(part, "/")
		if r.size, err = strconv.ParseInt(total, 10, 64); err != nil {
			return fmt.Errorf("blobs: open: the store gives Content-Range %q", part)
		}
	}
	r.head = make([]byte, min(r.size, firstRead))
	if _, err := io.ReadFull(body, r.head); err != nil {
		return failure("read", err)
	}
	return nil
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
	if r.body == nil {
		body, err := r.get(r.offset, r.size)
		if err != nil {
			return 0, err
		}
		r.body, r.at = body, r.offset
	}
	n, err := r.body.Read(p)
	r.at += int64(n)
	r.offset = r.at
	if err == io.EOF && r.offset < r.size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
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
		var body io.ReadCloser
		if body, err = r.get(off, end); err != nil {
			return 0, err
		}
		defer body.Close()
		n, err = io.ReadFull(body, p[:end-off])
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
