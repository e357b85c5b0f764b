// Package s3 keeps registry.Blobs in a bucket of Amazon S3 or of anything that
// speaks it. Below the prefix:
//
//	sha256/OWNER/DOMAIN/9f86d081…0f00a08    a blob: the digest's 64 hex digits
//	incoming/5ZQK…                          bytes of which the digest is not known yet
//
// A blob up to one part is kept in memory until its digest is known, and is then
// put in one request. A larger one is a multipart upload below incoming/, which
// Commit completes and copies to its place within the store: bytes pass this
// process once, and never lie on its disk. What a process that ends leaves below
// incoming/ goes with Tidy.
package s3
