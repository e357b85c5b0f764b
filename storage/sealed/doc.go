// Package sealed keeps blobs encrypted in files. [Blobs] is a store around two
// folders of storage/fs: one with files as they are, one with sealed files. Which
// of the two a file lies in says what it is, so no upload can pass for the other
// kind. [Ring] has the data keys of domains, [Vault] what they are sealed with.
//
// A sealed file is segments and a footer:
//
//	segment 0 … n-1   16 KiB of the blob each, the last one what is left, by
//	                  AES-256-GCM with the file's key, the nonce being its number,
//	                  the tag (16 bytes) behind it
//	footer            "larder" 0 and version 1 (8 bytes), the data key's id (16),
//	                  the file's salt (32), the blob's size (8, big endian) and a tag
//	                  (16) by the file's key over all of that, domain and digest
//
// The file's key is HKDF-SHA256 of the data key with the salt. So a read of any
// part opens the segments that it touches, a size or a file that was cut, joined
// or put in the place of another is noticed when it is opened, and a change, when
// it is read. A nonce is never used twice: a salt of 32 random bytes makes each
// file's key its own, and the footer's nonce is no segment's.
//
// The ciphers are the standard library's. The formats of age, tink and sio say at
// their last segment that it is the last: what they wrote cannot be read before
// the end is, as the readers of a coming download do, and none binds a file to
// a name that is known when it is whole.
package sealed
