package guard

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"larder/registry"
)

// digest is the digest of a file, its length saying of which kind.
type digest []byte

// parseDigest reads lower- or upper-case hex, or the form of npm's lock files.
func parseDigest(s string) (digest, error) {
	if s == "" {
		return nil, nil
	}
	text := s
	for _, kind := range []string{"sha512-", "sha256-", "sha1-"} {
		if rest, ok := strings.CutPrefix(s, kind); ok {
			if b, err := base64.StdEncoding.DecodeString(rest); err == nil {
				text = hex.EncodeToString(b)
			}
		}
	}
	b, err := hex.DecodeString(text)
	switch {
	case err != nil:
	case len(b) == 16, len(b) == 20, len(b) == 32, len(b) == 64:
		return b, nil
	}
	return nil, registry.Errorf(registry.Invalid, `%q is no digest: give the hex of an MD5, SHA-1, SHA-256 or SHA-512, or "sha512-…" as in a lock file`, s)
}

func (d digest) of(h registry.Hashes) bool {
	switch len(d) {
	case 16:
		return bytes.Equal(d, h.MD5[:])
	case 20:
		return bytes.Equal(d, h.SHA1[:])
	case 32:
		return bytes.Equal(d, h.SHA256[:])
	}
	return bytes.Equal(d, h.SHA512[:])
}
