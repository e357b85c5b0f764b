package lockfile

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// Algorithm names a way to hash a file.
type Algorithm string

// Algorithms, the weakest first. Content is NuGet's hash of a package without
// its signature, see ContentHash.
const (
	MD5     Algorithm = "MD5"
	SHA1    Algorithm = "SHA-1"
	SHA256  Algorithm = "SHA-256"
	SHA384  Algorithm = "SHA-384"
	SHA512  Algorithm = "SHA-512"
	Content Algorithm = "NuGet content SHA-512"
)

// algorithms are all of them with the length of their sums in bytes, the
// weakest first.
var algorithms = []struct {
	name Algorithm
	size int
}{{MD5, 16}, {SHA1, 20}, {SHA256, 32}, {SHA384, 48}, {SHA512, 64}, {Content, 64}}

// Digest is what a lock promises of a file's bytes.
type Digest struct {
	Algorithm Algorithm
	Sum       string // raw bytes
}

// Hex is the sum as people compare it.
func (d Digest) Hex() string { return hex.EncodeToString([]byte(d.Sum)) }

// String spells it "SHA-256 ab12…".
func (d Digest) String() string { return string(d.Algorithm) + " " + d.Hex() }

func compareDigests(a, b Digest) int {
	if c := strings.Compare(string(a.Algorithm), string(b.Algorithm)); c != 0 {
		return c
	}
	return strings.Compare(a.Sum, b.Sum)
}

// Strongest gives those of the digests that count: of the strongest algorithm
// among them, any of which a file may have (Subresource Integrity, section 3.3.4).
func Strongest(all []Digest) []Digest {
	for i := len(algorithms) - 1; i >= 0; i-- {
		var of []Digest
		for _, d := range all {
			if d.Algorithm == algorithms[i].name {
				of = append(of, d)
			}
		}
		if of != nil {
			return of
		}
	}
	return nil
}

// known finds an algorithm by any spelling of its name: sha256, SHA-256, SHA_256.
func known(name string) (Algorithm, bool) {
	plain := strings.NewReplacer("-", "", "_", "").Replace(strings.ToUpper(name))
	for _, a := range algorithms {
		if a.name != Content && plain == strings.ReplaceAll(string(a.name), "-", "") {
			return a.name, true
		}
	}
	return "", false
}

// newDigest checks the length of a sum.
func newDigest(a Algorithm, sum []byte) (Digest, error) {
	for _, k := range algorithms {
		if k.name == a && k.size != len(sum) {
			return Digest{}, fmt.Errorf("a %s digest has %d bytes, not %d", a, k.size, len(sum))
		}
	}
	return Digest{a, string(sum)}, nil
}

// hexDigest reads a sum in hex. An algorithm that is not known gives none: what
// cannot be checked promises nothing.
func hexDigest(algorithm, sum string) ([]Digest, error) {
	a, ok := known(algorithm)
	if !ok {
		return nil, nil
	}
	b, err := hex.DecodeString(strings.TrimSpace(sum))
	if err != nil {
		return nil, fmt.Errorf("%q is no %s digest in hex", short(sum), a)
	}
	d, err := newDigest(a, b)
	return []Digest{d}, err
}

// colonDigest reads "sha256:ab12…", as Python's tools write it.
func colonDigest(s string) ([]Digest, error) {
	algorithm, sum, ok := strings.Cut(s, ":")
	if !ok {
		return nil, fmt.Errorf("%q is no digest: it is ALGORITHM:HEX", short(s))
	}
	return hexDigest(algorithm, sum)
}

// integrity reads the metadata of Subresource Integrity, "sha512-… sha1-…".
func integrity(s string) ([]Digest, error) {
	var all []Digest
	for word := range strings.FieldsSeq(s) {
		algorithm, sum, ok := strings.Cut(word, "-")
		if !ok {
			return nil, fmt.Errorf("integrity %q is not ALGORITHM-BASE64", short(word))
		}
		a, ok := known(algorithm)
		if !ok {
			continue
		}
		sum, _, _ = strings.Cut(sum, "?")
		b, err := base64.StdEncoding.DecodeString(sum)
		if err != nil {
			return nil, fmt.Errorf("integrity %q is no base64", short(word))
		}
		d, err := newDigest(a, b)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// short is so much of a text as an error shows.
func short(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	return string(bytes.ToValidUTF8([]byte(s[:limit]), nil)) + "…"
}
