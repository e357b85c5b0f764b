package registry

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

// revisionOf identifies the exact set of assets and metadata of a version:
// equal sets give equal revisions, and the status is not part of it (spec 1.9).
func revisionOf(v Version) string {
	assets := slices.Clone(v.Assets)
	slices.SortFunc(assets, func(a, b Asset) int { return strings.Compare(a.Name, b.Name) })
	h := sha256.New()
	manifest := sha256.Sum256(v.Manifest)
	h.Write(manifest[:])
	for _, a := range assets {
		h.Write([]byte(a.Name))
		h.Write([]byte{0})
		h.Write(a.Hashes.SHA256[:])
	}
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// newID makes a random UUID (RFC 9562, version 4).
func newID() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
