package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"io/fs"
	"sync"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"larder/registry"
)

// Create implements registry.Blobs. The writer holds one part in memory.
func (b *Blobs) Create(ctx context.Context, d registry.DomainID) (registry.BlobWriter, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, err := b.domain(d); err != nil {
		return nil, err
	}
	sealed, err := b.sealed(ctx, d)
	if err != nil {
		return nil, err
	}
	// What is written may outlive the call that began it: Abort ends it.
	return &writer{blobs: b, ctx: context.WithoutCancel(ctx), domain: d, sealed: sealed, sum: sha256.New()}, nil
}

type writer struct {
	blobs  *Blobs
	ctx    context.Context
	domain registry.DomainID
	sealed encrypt.ServerSide

	mu     sync.Mutex
	part   []byte
	sum    hash.Hash
	size   int64
	upload string // id of the multipart upload; empty: there is none
	key    string // of the upload
	parts  []minio.CompletePart
	failed error
	done   bool
}

func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return 0, errDone
	}
	if w.failed != nil {
		return 0, w.failed
	}
	w.sum.Write(p)
	w.size += int64(len(p))
	n := len(p)
	for len(p) > 0 {
		if len(w.part) == w.blobs.part {
			if w.failed = w.send(); w.failed != nil {
				return n - len(p), w.failed
			}
		}
		k := min(len(p), w.blobs.part-len(w.part))
		w.part = append(w.part, p[:k]...)
		p = p[k:]
	}
	return n, nil
}

var errDone = fmt.Errorf("the blob writer is committed or aborted: %w", fs.ErrClosed)

// send uploads the part that is full, or the last one.
func (w *writer) send() error {
	b := w.blobs
	ctx, cancel := context.WithTimeout(w.ctx, requestTime)
	defer cancel()
	if w.upload == "" {
		w.key = b.incoming() + rand.Text()
		id, err := b.core.NewMultipartUpload(ctx, b.Bucket, w.key, minio.PutObjectOptions{ServerSideEncryption: w.sealed})
		if err != nil {
			return failure("begin an upload", err)
		}
		w.upload = id
	}
	number := len(w.parts) + 1
	part, err := b.core.PutObjectPart(ctx, b.Bucket, w.key, w.upload, number, bytes.NewReader(w.part), int64(len(w.part)),
		minio.PutObjectPartOptions{Md5Base64: sumMD5(w.part)})
	if err != nil {
		return failure("upload", err)
	}
	w.parts = append(w.parts, minio.CompletePart{PartNumber: number, ETag: part.ETag})
	w.part = w.part[:0]
	return nil
}

// sumMD5 lets the store notice bytes that were damaged on their way.
func sumMD5(b []byte) string {
	sum := md5.Sum(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Commit implements registry.BlobWriter. Bytes that do not have the digest are
// refused, unless a blob with it is there.
func (w *writer) Commit(ctx context.Context, digest registry.Digest) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return errDone
	}
	w.done = true
	err := w.commit(ctx, digest)
	w.drop()
	return err
}

func (w *writer) commit(ctx context.Context, digest registry.Digest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.failed != nil {
		return w.failed
	}
	b := w.blobs
	key, err := b.object(w.domain, digest)
	if err != nil {
		return err
	}
	right := registry.Digest(w.sum.Sum(nil)) == digest
	if w.upload == "" && right {
		// The same bytes again make the blob young, and are the same bytes.
		limited, cancel := context.WithTimeout(ctx, requestTime)
		defer cancel()
		_, err := b.core.PutObject(limited, b.Bucket, key, bytes.NewReader(w.part), int64(len(w.part)), sumMD5(w.part), "",
			minio.PutObjectOptions{ServerSideEncryption: w.sealed})
		return failure("commit", err)
	}
	switch _, err := b.stat(ctx, key); {
	case err == nil:
		return b.copy(ctx, key, key, w.sealed)
	case !registry.IsNotFound(err):
		return err
	case !right:
		return registry.Errorf(registry.Internal, "blobs: the bytes that were written do not have the digest %s", digest)
	}
	if err := w.complete(ctx); err != nil {
		return err
	}
	return b.copy(ctx, w.key, key, w.sealed)
}

// complete makes the upload an object.
func (w *writer) complete(ctx context.Context) error {
	if len(w.part) > 0 {
		if err := w.send(); err != nil {
			return err
		}
	}
	b := w.blobs
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	_, err := b.core.CompleteMultipartUpload(ctx, b.Bucket, w.key, w.upload, w.parts, minio.PutObjectOptions{})
	if minio.ToErrorResponse(err).Code == minio.NoSuchUpload {
		// The answer to a first request was lost, and there is no upload any more
		// because it is the object.
		if i, serr := b.core.StatObject(ctx, b.Bucket, w.key, minio.StatObjectOptions{}); serr == nil && i.Size == w.size {
			err = nil
		}
	}
	if err != nil {
		return failure("complete an upload", err)
	}
	w.upload = ""
	return nil
}

// copy copies an object within the store, in one piece where S3 does that (up
// to 5 GiB). Onto itself it becomes young.
func (b *Blobs) copy(ctx context.Context, from, to string, sealed encrypt.ServerSide) error {
	ctx, cancel := context.WithTimeout(ctx, 5*requestTime)
	defer cancel()
	source := minio.CopySrcOptions{Bucket: b.Bucket, Object: from}
	target := minio.CopyDestOptions{Bucket: b.Bucket, Object: to, Encryption: sealed, ReplaceMetadata: true, UserMetadata: map[string]string{}}
	i, err := b.core.StatObject(ctx, b.Bucket, from, minio.StatObjectOptions{})
	if err == nil {
		if i.Size < 5<<30 {
			_, err = b.core.Client.CopyObject(ctx, target, source)
		} else {
			_, err = b.core.ComposeObject(ctx, target, source)
		}
	}
	return failure("copy", err)
}

// Abort implements registry.BlobWriter.
func (w *writer) Abort() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return nil
	}
	w.done = true
	w.drop()
	return nil
}

// drop forgets what is below incoming/. What stays there is for Tidy.
func (w *writer) drop() {
	w.part = nil
	if w.key == "" {
		return
	}
	ctx, cancel := context.WithTimeout(w.ctx, requestTime)
	defer cancel()
	if w.upload != "" {
		w.blobs.core.AbortMultipartUpload(ctx, w.blobs.Bucket, w.key, w.upload) //nolint:errcheck // see above
	} else {
		w.blobs.remove(ctx, w.key) //nolint:errcheck // see above
	}
}
