package s3

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"larder/registry"
)

const (
	// openTime bounds how long the store may take to be looked at by Open.
	openTime = 15 * time.Second
	// requestTime bounds one request of a few bytes or one part.
	requestTime = 2 * time.Minute
	// signedFor is how long a reader may take to follow a redirect.
	signedFor = 5 * time.Minute
)

// KeyOf gives the key of KMS that a domain names, empty where it names none.
type KeyOf func(context.Context, registry.DomainID) (string, error)

// Blobs is registry.Blobs in a bucket. Several processes may share it.
type Blobs struct {
	Config
	core  *minio.Core
	keyOf KeyOf
}

var (
	_ registry.Blobs          = (*Blobs)(nil)
	_ registry.BlobProber     = (*Blobs)(nil)
	_ registry.BlobTidier     = (*Blobs)(nil)
	_ registry.BlobQuarantine = (*Blobs)(nil)
)

// Open looks whether the bucket is there. keyOf is asked with sse=kms. Errors:
// Unavailable where the store or the bucket cannot be used.
func Open(ctx context.Context, c *Config, keyOf KeyOf) (*Blobs, error) {
	core, err := minio.NewCore(c.endpoint, &c.options)
	if err != nil {
		return nil, registry.Errorf(registry.Invalid, "the S3 URL cannot be used: %w; %s", err, form)
	}
	b := &Blobs{Config: *c, core: core, keyOf: keyOf}
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	switch there, err := core.BucketExists(ctx, c.Bucket); {
	case err != nil:
		return nil, &registry.Error{Code: registry.Unavailable, Msg: fmt.Sprintf("the S3 bucket %s cannot be used: %s", c.Bucket, reason(err)), Err: err}
	case !there:
		return nil, registry.Errorf(registry.Unavailable, "the S3 store has no bucket %s: make it first", c.Bucket)
	}
	return b, nil
}

// reason is what a person can do something about.
func reason(err error) string {
	r := minio.ToErrorResponse(err)
	switch {
	case r.StatusCode == http.StatusForbidden:
		return "its credentials may not (name them in the URL, in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role)"
	case r.Code != "":
		return "the store answers " + r.Code
	}
	return "the store cannot be reached"
}

// Exists implements registry.BlobProber.
func (b *Blobs) Exists(ctx context.Context, d registry.DomainID, digest registry.Digest) (bool, error) {
	key, err := b.object(d, digest)
	if err != nil {
		return false, err
	}
	_, err = b.stat(ctx, key)
	if registry.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

func (b *Blobs) stat(ctx context.Context, key string) (minio.ObjectInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	i, err := b.core.StatObject(ctx, b.Bucket, key, minio.StatObjectOptions{})
	return i, failure("look at", err)
}

// Delete implements registry.Blobs. Who reads a blob that is longer than
// [firstRead] may meet its end.
func (b *Blobs) Delete(ctx context.Context, d registry.DomainID, digest registry.Digest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key, err := b.object(d, digest)
	if err != nil {
		return err
	}
	return b.remove(ctx, key)
}

func (b *Blobs) remove(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	err := failure("delete", b.core.RemoveObject(ctx, b.Bucket, key, minio.RemoveObjectOptions{}))
	if registry.IsNotFound(err) {
		return nil
	}
	return err
}

// SetAside implements registry.BlobQuarantine: the object goes below PREFIX/damaged/.
func (b *Blobs) SetAside(ctx context.Context, d registry.DomainID, digest registry.Digest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key, err := b.object(d, digest)
	if err != nil {
		return err
	}
	sealed, err := b.sealed(ctx, d)
	if err != nil {
		return err
	}
	aside := b.Prefix + "damaged/" + d.Owner + "/" + d.Name + "/" + digest.String()
	switch err := b.copy(ctx, key, aside, sealed); {
	case registry.IsNotFound(err):
		return nil
	case err != nil:
		return err
	}
	return b.remove(ctx, key)
}

// List implements registry.Blobs. Created is when the blob was last committed,
// to the second.
func (b *Blobs) List(ctx context.Context, d registry.DomainID) iter.Seq2[registry.BlobInfo, error] {
	return func(yield func(registry.BlobInfo, error) bool) {
		prefix, err := b.domain(d)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			yield(registry.BlobInfo{}, err)
			return
		}
		for o := range b.core.ListObjectsIter(ctx, b.Bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
			if o.Err != nil {
				yield(registry.BlobInfo{}, failure("list", o.Err))
				return
			}
			digest, err := registry.ParseDigest(strings.TrimPrefix(o.Key, prefix))
			if err != nil {
				continue // nothing of ours
			}
			if !yield(registry.BlobInfo{Digest: digest, Size: o.Size, Created: o.LastModified.UTC()}, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(registry.BlobInfo{}, err)
		}
	}
}

// domain is what the keys of the domain's blobs begin with. Names come
// validated; what would lead elsewhere is refused nevertheless.
func (b *Blobs) domain(d registry.DomainID) (string, error) {
	for _, name := range []string{d.Owner, d.Name} {
		if name == "" || name[0] == '.' || strings.ContainsAny(name, "/\\\x00") {
			return "", registry.Errorf(registry.Invalid, "domain %q of account %q cannot be part of a key", d.Name, d.Owner)
		}
	}
	return b.Prefix + "sha256/" + d.Owner + "/" + d.Name + "/", nil
}

func (b *Blobs) object(d registry.DomainID, digest registry.Digest) (string, error) {
	prefix, err := b.domain(d)
	return prefix + digest.String(), err
}

// sealed gives the encryption of the domain's blobs; nil: as the bucket has it.
func (b *Blobs) sealed(ctx context.Context, d registry.DomainID) (encrypt.ServerSide, error) {
	switch b.encryption {
	case withStoreKeys:
		return encrypt.NewSSE(), nil
	case withKMS:
		key := ""
		if b.keyOf != nil {
			var err error
			if key, err = b.keyOf(ctx, d); err != nil {
				return nil, err
			}
		}
		if key == "" {
			key = b.key
		}
		return encrypt.NewSSEKMS(key, nil)
	}
	return nil, nil
}

// failure is an error of the store as the core is to have it: an object that is
// not there is NotFound, a store that is away or overloaded Unavailable.
func failure(doing string, err error) error {
	if err == nil {
		return nil
	}
	r := minio.ToErrorResponse(err)
	err = fmt.Errorf("blobs: %s: %w", doing, err)
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case r.Code == "NoSuchKey":
		return &registry.Error{Code: registry.NotFound, Msg: "no such blob", Err: err}
	case r.Code == "NoSuchBucket":
		return &registry.Error{Code: registry.Unavailable, Msg: "the object store has lost its bucket", Err: err}
	case r.StatusCode == http.StatusForbidden, r.Code == "ExpiredToken", r.Code == "ExpiredTokenException", r.Code == "InvalidToken":
		// Credentials that are renewed too late, a clock that is wrong: it passes.
		return &registry.Error{Code: registry.Unavailable, Msg: "the object store refuses this server; its administrator finds the reason in its log", Err: err}
	case r.Code == "RequestTimeout", r.StatusCode >= 500, r.Code == "SlowDown", r.Code == "", errors.As(err, &network), errors.Is(err, context.DeadlineExceeded):
		return &registry.Error{Code: registry.Unavailable, Msg: "the object store cannot be reached; repeat the request in a moment", Err: err}
	}
	return &registry.Error{Code: registry.Internal, Msg: "blobs: " + doing, Err: err}
}
