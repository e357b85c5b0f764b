package npm

import (
	"bytes"
	"encoding/base64"
	"strings"

	"larder/registry"
)

// hashesOf reads Subresource Integrity metadata ("sha512-… sha1-…", each with
// options after "?") into digests by algorithm. What cannot be read is passed
// over, as the standard says.
func hashesOf(integrity string) map[string][][]byte {
	out := map[string][][]byte{}
	for part := range strings.FieldsSeq(integrity) {
		algorithm, rest, ok := strings.Cut(part, "-")
		if !ok {
			continue
		}
		digest, _, _ := strings.Cut(rest, "?")
		sum, err := base64.StdEncoding.DecodeString(digest)
		if err != nil || len(sum) != digestSize[algorithm] {
			continue
		}
		out[algorithm] = append(out[algorithm], sum)
	}
	return out
}

// digestSize is in bytes, for the algorithms that are computed of every asset.
var digestSize = map[string]int{"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}

// matchesIntegrity reports whether every algorithm that integrity names, and
// that is computed here, has a digest equal to h.
func matchesIntegrity(integrity string, h registry.Hashes) bool {
	computed := map[string][]byte{"md5": h.MD5[:], "sha1": h.SHA1[:], "sha256": h.SHA256[:], "sha512": h.SHA512[:]}
	for algorithm, sums := range hashesOf(integrity) {
		found := false
		for _, sum := range sums {
			found = found || bytes.Equal(sum, computed[algorithm])
		}
		if !found {
			return false
		}
	}
	return true
}

// readableIntegrity reports whether integrity has a hash at all, also one of
// the standard's algorithms that is not computed here.
func readableIntegrity(integrity string) bool {
	return len(hashesOf(integrity)) > 0 || strings.HasPrefix(integrity, "sha384-")
}
