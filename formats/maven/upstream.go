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

// adapter reads another Maven repository.
type adapter struct {
	snapshots bool // files of snapshots are asked for, too
}

// Listing reads the metadata of an artifact, which for Maven is also where the
// plugins of a group of that path stand, and the builds of a snapshot: they are
// the package-level metadata (offered).
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
		for i, version := range m.Versioning.Versions {
			if badVersion(version) == "" && !build.MatchString(version) {
				// What was deployed last is what lastUpdated is of.
				last := i == len(m.Versioning.Versions)-1 || version == m.Versioning.Latest || version == m.Versioning.Release
				l.Versions = append(l.Versions, registry.ListedVersion{Version: version, Status: registry.Published, Followed: !last})
			}
		}
		slices.SortStableFunc(l.Versions, func(a, b registry.ListedVersion) int { return compareVersions(a.Version, b.Version) })
		l.Versions = slices.CompactFunc(l.Versions, func(a, b registry.ListedVersion) bool { return a.Version == b.Version })
	}
	if o := (offered{m.Plugins, offeredBuilds(m)}); o.Plugins != nil || o.Builds != nil {
		var err error
		if l.Metadata, err = json.Marshal(o); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Locate gives where the layout has a file; NotFound for snapshots, unless they
// are taken, and for what is no name of a file of the version.
func (a adapter) Locate(id registry.VersionID, file string) (registry.ListedAsset, error) {
	at := filePath(id, file)
	if p, ok := parsePath(at); !ok || p.plain || (isSnapshot(id.Version) && !a.snapshots) || p.checksum != "" || p.version != id.Version || p.pkg != id.Package {
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
		setDigest(&a, algorithm, digest)
		return a, nil
	}
	return a, nil
}

func fetchChecksum(ctx context.Context, g registry.Getter, file, algorithm string) (string, error) {
	answer, err := g.Get(ctx, registry.GetRequest{URL: file + "." + algorithm, Accept: "*/*", Limit: checksumLimit})
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	digest := findChecksum(string(b), algorithm)
	if digest == "" {
		return "", registry.Errorf(registry.UpstreamFailed, "the upstream repository's .%s file is none; without it the file is not taken", algorithm)
	}
	return digest, nil
}

// statements are the header fields in which repositories say what a file's bytes
// are: those that Maven's own resolver reads (its "remote included" checksums).
var statements = []struct{ field, algorithm string }{
	{"X-Checksum-Sha512", "sha512"}, {"X-Checksum-Sha256", "sha256"}, {"X-Checksum-Sha1", "sha1"}, {"X-Checksum-Md5", "md5"},
	{"X-Goog-Meta-Checksum-Sha1", "sha1"}, {"X-Goog-Meta-Checksum-Md5", "md5"},
}

// State implements registry.Stater. An ETag counts in the form of Nexus,
// {SHA1{…}}, alone: others may look like a digest and be none.
func (adapter) State(header func(string) string) registry.ListedAsset {
	var a registry.ListedAsset
	for _, s := range statements {
		if v := strings.TrimSpace(header(s.field)); isHex(v, s.algorithm) {
			setDigest(&a, s.algorithm, v)
		}
	}
	if v, ok := strings.CutPrefix(strings.Trim(header("ETag"), `"`), "{SHA1{"); ok {
		if v = strings.TrimSuffix(v, "}}"); isHex(v, "sha1") {
			setDigest(&a, "sha1", v)
		}
	}
	return a
}

// setDigest puts a digest in hex, which isHex has seen, where it belongs.
func setDigest(a *registry.ListedAsset, algorithm, text string) {
	digest, _ := hex.DecodeString(text)
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
}

// findChecksum finds the digest in a checksum file as tools write them: the
// digits alone, with the file's name before or behind, or "SHA1(file)= digits".
func findChecksum(text, algorithm string) string {
	for field := range strings.FieldsFuncSeq(text, func(c rune) bool { return c <= ' ' || c == '=' || c == ':' || c == '*' }) {
		if isHex(field, algorithm) {
			return field
		}
	}
	return ""
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
