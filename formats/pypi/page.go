package pypi

import (
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"

	"larder/registry"
)

// page is what an index page says of a project, in whichever form.
type page struct {
	name     string
	versions []string // ascending
	files    []entry  // by version, then by name
	status   projectStatus
}

// entry is one file of a page.
type entry struct {
	file
	name, version string
	size          int64 // 0: unknown
	hashes        []sum
	yanked        *string // the reason; nil: it is not
	provenance    string  // URL; empty: there is none
}

// sum is a digest of a file.
type sum struct{ algorithm, hex string }

// projectStatus is the marker of a project ("Project status markers").
type projectStatus struct {
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
}

// pageOf gathers what a page shows. base is the repository's URL.
func pageOf(view *registry.PackageView, base string) page {
	p := page{name: view.ID.Name, status: statusOf(view.Metadata)}
	for _, v := range ascending(view) {
		before := len(p.files)
		p.add(v, base)
		if len(p.files) > before {
			p.versions = append(p.versions, v.Version.Version)
		}
	}
	return p
}

// ascending gives the listed and the yanked versions in one order.
func ascending(view *registry.PackageView) []*registry.VersionView {
	all := make([]*registry.VersionView, 0, len(view.Versions)+len(view.Unlisted))
	i, j := 0, 0
	for i < len(view.Versions) || j < len(view.Unlisted) {
		switch {
		case j == len(view.Unlisted), i < len(view.Versions) && compareVersions(view.Versions[i].Version.Version, view.Unlisted[j].Version.Version) <= 0:
			all = append(all, &view.Versions[i])
			i++
		default:
			all = append(all, &view.Unlisted[j])
			j++
		}
	}
	return all
}

func (p *page) add(v *registry.VersionView, base string) {
	m := decodeFiles(v.Manifest)
	first := len(p.files)
	signed := map[string]bool{}
	add := func(name string, size int64, hashes []sum) {
		if of, ok := strings.CutSuffix(name, signatureSuffix); ok {
			signed[of] = true
			return
		}
		if k, _ := fileOf(p.name, name); k == noFile {
			return
		}
		e := entry{file: m.Files[name], name: name, version: v.Version.Version, size: size, hashes: hashes}
		switch {
		case e.Yanked != nil:
			e.yanked = e.Yanked
		case v.Status == registry.Unlisted:
			e.yanked = &m.Yanked
		}
		if e.Uploaded.IsZero() {
			e.Uploaded = released(v)
		}
		if e.Provenance != "" || e.Attestations != nil {
			e.provenance = base + "simple/" + p.name + "/" + e.path() + provenanceSuffix
		}
		p.files = append(p.files, e)
	}
	for _, a := range v.Assets {
		add(a.Name, a.Size, []sum{{"sha256", a.Hashes.SHA256.String()}, {"md5", hex.EncodeToString(a.Hashes.MD5[:])}})
	}
	for _, a := range v.Listed {
		add(a.Name, a.Size, sumsOf(a))
	}
	files := p.files[first:]
	for i := range files {
		if signed[files[i].name] {
			yes := true
			files[i].Signed = &yes
		}
	}
	slices.SortFunc(files, func(a, b entry) int { return strings.Compare(a.name, b.name) })
}

// released is when a version came, for files of which nobody knows more.
func released(v *registry.VersionView) time.Time {
	if v.Released.IsZero() {
		return v.Published
	}
	return v.Released
}

func sumsOf(a registry.ListedAsset) []sum {
	var sums []sum
	for _, s := range []struct {
		algorithm string
		digest    []byte
	}{{"sha256", a.SHA256}, {"sha512", a.SHA512}, {"sha1", a.SHA1}, {"md5", a.MD5}} {
		if len(s.digest) > 0 {
			sums = append(sums, sum{s.algorithm, hex.EncodeToString(s.digest)})
		}
	}
	return sums
}

// path is the file's place below the project's page (spec 7.2).
func (e *entry) path() string { return url.PathEscape(e.version) + "/" + url.PathEscape(e.name) }

// uploadTime is the file's time as PEP 700 writes it; "" where nobody knows it.
func (e *entry) uploadTime() string {
	if e.Uploaded.IsZero() {
		return ""
	}
	return e.Uploaded.UTC().Format("2006-01-02T15:04:05.000000Z")
}
