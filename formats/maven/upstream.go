package maven

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strings"

	"larder/registry"
)

// adapter reads another Maven repository. Its releases only: snapshots are not
// taken from outside (spec 7.3).
type adapter struct{}

// Listing reads the metadata of an artifact, which for Maven is also where the
// plugins of a group of that path stand: they are the package-level metadata.
// The files of a version are listed nowhere: Locate knows where they are.
func (adapter) Listing(ctx context.Context, g registry.Getter, p registry.PackageID) (*registry.Listing, error) {
	target := escaped(strings.ReplaceAll(p.Namespace, ".", "/") + "/" + p.Name + "/" + metadataFile)
	a, err := g.Get(ctx, registry.GetRequest{URL: target, Accept: "text/xml, application/xml, */*;q=0.8", Conditional: true})
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	m, err := readMetadata(a.Body)
	if err != nil {
		return nil, &registry.Error{Code: registry.UpstreamFailed, Err: err,
			Msg: "the upstream repository answered for " + p.DisplayName() + " with something that is no maven-metadata.xml"}
	}
	return listing(m)
}

func listing(m *metadata) (*registry.Listing, error) {
	l := &registry.Listing{}
	if m.Versioning != nil {
		l.Modified = m.Versioning.lastUpdated()
		for _, version := range m.Versioning.Versions {
			if badVersion(version) == "" && !isSnapshot(version) {
				l.Versions = append(l.Versions, registry.ListedVersion{Version: version, Status: registry.Published})
			}
		}
		slices.SortStableFunc(l.Versions, func(a, b registry.ListedVersion) int { return compareVersions(a.Version, b.Version) })
		l.Versions = slices.CompactFunc(l.Versions, func(a, b registry.ListedVersion) bool { return a.Version == b.Version })
	}
	if m.Plugins != nil {
		var err error
		if l.Metadata, err = json.Marshal(m.Plugins); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Locate gives where the layout has a file; NotFound for snapshots and for
// what is no name of a file of the version.
func (adapter) Locate(id registry.VersionID, file string) (registry.ListedAsset, error) {
	at := filePath(id, file)
	if p, ok := parsePath(at); !ok || isSnapshot(id.Version) || p.checksum != "" || p.version != id.Version || p.pkg != id.Package {
		return registry.ListedAsset{}, registry.Errorf(registry.NotFound, "%s of version %s of %s is nothing that another repository is asked for", file, id.Version, id.Package.DisplayName())
	}
	return registry.ListedAsset{Name: file, URL: escaped(at)}, nil
}

func escaped(path string) string {
	segments := strings.Split(path, "/")
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	return strings.Join(segments, "/")
}

// Promise implements registry.Promiser: it reads the first checksum file that
// the repository has, SHA-1 before the others because every repository has
// that one. UpstreamFailed where it cannot be read.
func (adapter) Promise(ctx context.Context, g registry.Getter, a registry.ListedAsset) (registry.ListedAsset, error) {
	for _, algorithm := range []string{"sha1", "sha256", "sha512", "md5"} {
		digest, err := fetchChecksum(ctx, g, a.URL, algorithm)
		if registry.IsNotFound(err) {
			continue
		}
		if err != nil {
			return a, err
		}
		switch algorithm {
		case "sha1":
			a.SHA1 = digest
		case "sha256":
			a.SHA256 = digest
		case "sha512":
			a.SHA512 = digest
		case "md5":
			a.MD5 = digest
		}
		return a, nil
	}
	return a, nil
}

func fetchChecksum(ctx context.Context, g registry.Getter, file, algorithm string) ([]byte, error) {
	answer, err := g.Get(ctx, registry.GetRequest{URL: file + "." + algorithm, Accept: "*/*", Limit: checksumLimit})
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	digest := findChecksum(string(b), algorithm)
	if digest == nil {
		return nil, registry.Errorf(registry.UpstreamFailed, "the upstream repository's .%s file is none; without it the file is not taken", algorithm)
	}
	return digest, nil
}

// findChecksum finds the digest in a checksum file as tools write them: the
// digits alone, with the file's name before or behind, or "SHA1(file)= digits".
func findChecksum(text, algorithm string) []byte {
	for field := range strings.FieldsFuncSeq(text, func(c rune) bool { return c <= ' ' || c == '=' || c == ':' || c == '*' }) {
		if isHex(field, algorithm) {
			digest, _ := hex.DecodeString(field) // isHex has
			return digest
		}
	}
	return nil
}

// Enrich implements registry.Enricher: what a POM says, once it comes in.
func (rules) Enrich(raw json.RawMessage, a registry.Asset, bytes io.ReaderAt) json.RawMessage {
	if !strings.HasSuffix(a.Name, ".pom") {
		return raw
	}
	pom, err := readPOM(io.NewSectionReader(bytes, 0, a.Size))
	if err != nil {
		return raw // old ones upstream are odd, and are served as they are
	}
	m := decode(raw)
	m.take(pom)
	return m.encode()
}
