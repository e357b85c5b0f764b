package pypi

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"larder/registry"
)

// adapter reads another index: JSON or HTML pages, or one flat page of files.
type adapter struct{}

const acceptPage = jsonType + ", " + htmlType + ";q=0.2, " + plainHTML + ";q=0.1, */*;q=0.01"

// Listing reads a project's page. UpstreamFailed for an answer that is no page
// of this project.
func (adapter) Listing(ctx context.Context, g registry.Getter, p registry.PackageID) (*registry.Listing, error) {
	l, err := readFrom(ctx, g, p, registry.GetRequest{URL: p.Name + "/", Accept: acceptPage, Conditional: true})
	if !registry.IsNotFound(err) || !flat(g) {
		return l, err
	}
	l, err = readFrom(ctx, g, p, registry.GetRequest{Accept: acceptPage, Conditional: true})
	if err == nil && len(l.Versions) == 0 {
		err = registry.Errorf(registry.NotFound, "the upstream page of files has none of %s", p.Name)
	}
	return l, err
}

// flat reports whether the connection may lead to one page with the files of
// all projects, such as "pip --find-links" reads. A simple index is not asked
// for its list of projects, which may have many megabytes, for every name that
// it does not know; its URL says what it is, by convention.
func flat(g registry.Getter) bool {
	root, ok := g.(registry.Rooted)
	return ok && !strings.Contains(root.Root(), "simple")
}

func readFrom(ctx context.Context, g registry.Getter, p registry.PackageID, r registry.GetRequest) (*registry.Listing, error) {
	a, err := g.Get(ctx, r)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		return nil, err
	}
	l, err := readPage(body, a.URL, p)
	if err != nil {
		return nil, err
	}
	if l.Modified.IsZero() {
		if t, err := http.ParseTime(a.Header("Last-Modified")); err == nil {
			l.Modified = t
		}
	}
	return l, nil
}

// Locate: nothing is served that no page lists.
func (adapter) Locate(v registry.VersionID, name string) (registry.ListedAsset, error) {
	return registry.ListedAsset{}, registry.Errorf(registry.NotFound, "version %s of %s has no file %q upstream", v.Version, v.Package.Name, name)
}

// Auxiliary passes on what stands beside a file.
func (adapter) Auxiliary(ctx context.Context, g registry.Getter, r registry.AuxiliaryRequest) (registry.AuxiliaryAnswer, error) {
	target := r.Path
	if r.Query != "" {
		target += "?" + r.Query
	}
	a, err := g.Get(ctx, registry.GetRequest{URL: target, Accept: "*/*", Limit: maxMetadata})
	if err != nil {
		return registry.AuxiliaryAnswer{}, err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	return registry.AuxiliaryAnswer{Status: a.Status, ContentType: a.ContentType, Body: body}, err
}

// link is one file as another index lists it.
type link struct {
	file
	name, url string
	size      int64
	hashes    map[string]string // in hex, by algorithm
}

// readPage reads a project's page that came from base. What it is, its first
// byte says: media types are not to be trusted (pitfall Y18).
func readPage(body []byte, base string, p registry.PackageID) (*registry.Listing, error) {
	start := bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\ufeff")), " \t\r\n")
	if len(start) > 0 && start[0] == '{' {
		return readJSON(start, base, p)
	}
	return readHTML(body, base, p)
}

func noPage(p registry.PackageID, what string) error {
	return registry.Errorf(registry.UpstreamFailed, "the upstream index answered for %s with %s", p.Name, what)
}

// indexed is a JSON page, as far as it matters.
type indexed struct {
	Meta struct {
		APIVersion string `json:"api-version"`
	}
	Name  string
	Files []struct {
		Filename         string
		URL              string
		Hashes           map[string]string
		RequiresPython   string `json:"requires-python"`
		Size             int64
		UploadTime       string          `json:"upload-time"`
		Yanked           json.RawMessage // false, true or a reason
		CoreMetadata     json.RawMessage `json:"core-metadata"` // false, true or hashes
		DistInfoMetadata json.RawMessage `json:"dist-info-metadata"`
		Signed           *bool           `json:"gpg-sig"`
		Provenance       string
	}
	Status projectStatus `json:"project-status"`
}

// readJSON reads a JSON page (PEP 691).
func readJSON(body []byte, base string, p registry.PackageID) (*registry.Listing, error) {
	var in indexed
	if err := json.Unmarshal(body, &in); err != nil || in.Files == nil {
		return nil, noPage(p, "something that is not a JSON index page")
	}
	if major, _, _ := strings.Cut(in.Meta.APIVersion, "."); major != "1" {
		return nil, noPage(p, "version "+in.Meta.APIVersion+" of the simple API; versions 1.x are understood here")
	}
	if normalize(in.Name) != p.Name {
		return nil, noPage(p, "the page of another project")
	}
	links := make([]link, 0, len(in.Files))
	for _, f := range in.Files {
		l := link{name: f.Filename, url: f.URL, size: f.Size, hashes: f.Hashes}
		l.RequiresPython, l.Signed, l.Provenance = f.RequiresPython, f.Signed, f.Provenance
		if t, err := time.Parse(time.RFC3339Nano, f.UploadTime); err == nil {
			l.Uploaded = t.UTC()
		}
		if l.Yanked = reasonOf(f.Yanked); f.CoreMetadata == nil {
			f.CoreMetadata = f.DistInfoMetadata
		}
		l.Metadata = metadataOf(f.CoreMetadata)
		links = append(links, l)
	}
	return listing(p, base, links, in.Status), nil
}

func reasonOf(raw json.RawMessage) *string {
	var reason string
	switch {
	case json.Unmarshal(raw, &reason) == nil && len(raw) > 0 && raw[0] == '"':
		return &reason
	case string(raw) == "true":
		return new(string)
	}
	return nil
}

func metadataOf(raw json.RawMessage) string {
	var hashes map[string]string
	if json.Unmarshal(raw, &hashes) == nil && hashes != nil {
		if sum := strings.ToLower(hashes["sha256"]); isSHA256(sum) {
			return sum
		}
		return "true"
	}
	if string(raw) == "true" {
		return "true"
	}
	return ""
}

func isSHA256(s string) bool {
	_, err := registry.ParseDigest(s)
	return err == nil
}

// listing groups the files of a page by version. A file whose name tells no
// version of the project is left out: no client could use it.
func listing(p registry.PackageID, base string, links []link, status projectStatus) *registry.Listing {
	from, err := url.Parse(base)
	if err != nil {
		from = &url.URL{}
	}
	l := &registry.Listing{Tags: map[string]string{}, Metadata: status.encode()}
	versions := map[string]*registry.ListedVersion{}
	manifests := map[string]manifest{}
	for i := range links {
		f := &links[i]
		k, version := fileOf(p.Name, f.name)
		address := absolute(from, f.url)
		if k == noFile || address == "" || !assetName(f.name) {
			continue
		}
		v := versions[version]
		if v == nil {
			v = &registry.ListedVersion{Version: version}
			versions[version], manifests[version] = v, manifest{Files: map[string]file{}}
		}
		files := manifests[version].Files
		if _, twice := files[f.name]; twice {
			continue
		}
		if f.Provenance = absolute(from, f.Provenance); f.size < 0 {
			f.size = 0
		}
		files[f.name] = f.file
		v.Assets = append(v.Assets, f.asset(address))
		if f.Signed != nil && *f.Signed {
			v.Assets = append(v.Assets, registry.ListedAsset{Name: f.name + signatureSuffix, URL: address + signatureSuffix})
		}
		if t := f.Uploaded; !t.IsZero() && (v.Released.IsZero() || t.Before(v.Released)) {
			v.Released = t.Truncate(time.Millisecond)
		}
		if f.Uploaded.After(l.Modified) {
			l.Modified = f.Uploaded.Truncate(time.Millisecond)
		}
	}
	for version, v := range versions {
		m := manifests[version]
		v.Manifest, v.Status = m.encode(), registry.Published
		if m.yankedUpstream() {
			v.Status = registry.Unlisted
		}
		l.Versions = append(l.Versions, *v)
	}
	slices.SortFunc(l.Versions, func(a, b registry.ListedVersion) int {
		return compareVersions(a.Version, b.Version)
	})
	return l
}

// assetName reports whether a file can be kept under its name.
func assetName(s string) bool {
	return len(s) <= 255-len(signatureSuffix) && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '/' || r == '\\' || r == ';' || r == '%' })
}

// absolute resolves a link, "" for one that is empty or leads to no web server.
func absolute(base *url.URL, raw string) string {
	if raw == "" {
		return ""
	}
	u, err := base.Parse(strings.TrimSpace(raw))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String()
}

func (f *link) asset(address string) registry.ListedAsset {
	a := registry.ListedAsset{Name: f.name, URL: address, Size: f.size}
	for algorithm, into := range map[string]struct {
		of   *[]byte
		size int
	}{"md5": {&a.MD5, 16}, "sha1": {&a.SHA1, 20}, "sha256": {&a.SHA256, 32}, "sha512": {&a.SHA512, 64}} {
		if sum, err := hex.DecodeString(f.hashes[algorithm]); err == nil && len(sum) == into.size {
			*into.of = sum
		}
	}
	return a
}

func (s projectStatus) encode() json.RawMessage {
	switch s.Status {
	case "active", "archived", "quarantined", "deprecated":
		b, _ := json.Marshal(s) // two strings always marshal
		return b
	}
	return nil
}

// statusOf reads what encode wrote.
func statusOf(raw json.RawMessage) projectStatus {
	var s projectStatus
	if len(raw) > 0 {
		_ = json.Unmarshal(raw, &s) // we wrote it
	}
	return s
}

// Enrich implements registry.Enricher: a file that came in tells its metadata,
// of which index pages have next to nothing.
func (rules) Enrich(raw json.RawMessage, a registry.Asset, r io.ReaderAt) json.RawMessage {
	var b []byte
	var err error
	switch {
	case isWheel(a.Name):
		b, err = extractMetadata(r, a.Size)
	case strings.HasSuffix(a.Name, ".tar.gz"), strings.HasSuffix(a.Name, ".tgz"), strings.HasSuffix(a.Name, ".zip"):
		b, err = sdistMetadata(a.Name, r, a.Size)
	default:
		return raw
	}
	if err != nil {
		return raw
	}
	m := decode(raw)
	if f, ok := m.Files[a.Name]; ok && isWheel(a.Name) && f.Metadata == "" {
		f.Metadata = sha256Hex(b)
		m.Files[a.Name] = f
	}
	if m.About == nil || isWheel(a.Name) { // as in merge
		m.About = aboutOf(parseMetadata(b))
	}
	return m.encode()
}
