package s3

import (
	"context"
	"errors"
	"time"

	"github.com/minio/minio-go/v7"
)

// Tidy implements registry.BlobTidier: what lies below incoming/ goes, objects
// and uploads that were never completed.
func (b *Blobs) Tidy(ctx context.Context, before time.Time) error {
	var errs []error
	for o := range b.core.ListObjectsIter(ctx, b.Bucket, minio.ListObjectsOptions{Prefix: b.incoming(), Recursive: true}) {
		if o.Err != nil {
			return failure("list what came in", o.Err)
		}
		if o.LastModified.Before(before) {
			errs = append(errs, b.remove(ctx, o.Key))
		}
	}
	ctx, cancel := context.WithCancel(ctx) // ends the listing
	defer cancel()
	for u := range b.core.ListIncompleteUploads(ctx, b.Bucket, b.incoming(), true) {
		if u.Err != nil {
			return errors.Join(append(errs, failure("list uploads", u.Err))...)
		}
		if u.Initiated.Before(before) {
			errs = append(errs, failure("end an upload", b.core.AbortMultipartUpload(ctx, b.Bucket, u.Key, u.UploadID)))
		}
	}
	return errors.Join(errs...)
}

// incoming is what the keys of bytes on their way begin with.
func (b *Blobs) incoming() string { return b.Prefix + "incoming/" }
