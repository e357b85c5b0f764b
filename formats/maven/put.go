package maven

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"larder/formats"
	"larder/registry"
)

// putFile answers PUT of a file or of its checksum. The version is Unfinished
// until the metadata of its artifact names it.
func putFile(w http.ResponseWriter, r *formats.Request) error {
	p, ok := parsePath(r.Vars["path"])
	if !ok {
		return nowhere(r)
	}
	p.log(r)
	pub, err := r.Repo.Publish(r.Context(), p.pkg)
	if err != nil {
		return err
	}
	defer pub.Abort()
	if err := p.deployable(); err != nil {
		return err
	}
	if err := asItIs(r); err != nil {
		return err
	}
	if p.checksum != "" {
		return putChecksum(w, r, p, pub)
	}
	return put(w, r, p, pub)
}

// nowhere refuses a path outside the layout, for who may publish.
func nowhere(r *formats.Request) error {
	pub, err := r.Repo.Publish(r.Context(), registry.PackageID{Format: registry.Maven})
	if err != nil {
		return err
	}
	pub.Abort()
	return registry.Errorf(registry.Invalid, "this is no path of the Maven repository layout: {group}/{artifact}/{version}/{artifact}-{version}.{extension}, "+
		"in the folder of a snapshot {artifact}-{base}-{timestamp}-{number}.{extension}")
}

func (p place) deployable() error {
	switch {
	case p.plain:
		return registry.Errorf(registry.Invalid, "%s is a snapshot without a timestamp; only numbered builds are taken, whose bytes never change. "+
			"Maven 3 and Gradle number them by themselves: remove <uniqueVersion>false</uniqueVersion> from the distributionManagement; for other tools, publish a release version", p.file)
	case p.folder == p.version && build.MatchString(p.version):
		return registry.Errorf(registry.Invalid, "a build of a snapshot belongs into the folder %s", baseVersion(p.version))
	}
	return nil
}

// asItIs refuses a body that is not the file's bytes from first to last: what
// stands in it would be kept, and served without the header that says so
// (RFC 9110, sections 8.4 and 14.5).
func asItIs(r *formats.Request) error {
	switch encoding := r.Header.Get("Content-Encoding"); {
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return formats.Statusf(http.StatusUnsupportedMediaType, "a file in Content-Encoding %q is not taken; send it as it is", encoding)
	case r.Header.Get("Content-Range") != "":
		return registry.Errorf(registry.Invalid, "a part of a file is not taken; send it whole, without Content-Range")
	}
	return nil
}

func put(w http.ResponseWriter, r *formats.Request, p place, pub *registry.Publication) error {
	ctx := r.Context()
	if r.ContentLength > pub.Largest() {
		return registry.Errorf(registry.TooLarge, "%s is larger than %d bytes, the largest file that is taken here", p.file, pub.Largest())
	}
	asset, err := pub.Stage(ctx, p.file, r.Body)
	if err != nil {
		return broken(err)
	}
	if asset.Size == 0 {
		return registry.Errorf(registry.Invalid, "%s is empty", p.file)
	}
	id := registry.VersionID{Package: p.pkg, Version: p.version}
	learn, err := p.learn(pub, id, asset)
	if err != nil {
		return err
	}
	status := http.StatusCreated
	held, err := pub.Held(ctx, id)
	switch {
	case err == nil:
		before, there := held.Asset(p.file)
		// Other bytes than those that are held are a conflict, also where the
		// checksum that came before those has stayed: Commit says so.
		if name := decode(held.Manifest).mismatch([]registry.Asset{asset}); name != "" && (!there || before.Hashes == asset.Hashes) {
			return registry.Errorf(registry.Invalid, "the bytes of %s do not have the checksum that was put as %s", p.file, name)
		}
		if there {
			status = http.StatusOK
		}
	case !registry.IsNotFound(err):
		return err
	}
	err = pub.Commit(ctx, registry.Draft{
		ID: id, Status: registry.Unfinished, Mode: registry.Extend, Assets: []string{p.file},
		Manifest: learn(nil), Merge: learn,
	})
	if errors.Is(err, registry.ErrAssetExists) {
		return registry.Errorf(registry.Conflict, "%s is in version %s already, with other bytes; files of a version do not change: publish another version", p.file, p.version)
	}
	if err != nil {
		return err
	}
	return formats.ServeBytes(w, r, status, "text/plain", nil)
}

// broken says of a body that ended early whose doing it is.
func broken(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return registry.Errorf(registry.Invalid, "the body ended before the length that its header promised; nothing of it is kept")
	}
	return err
}

// learn looks into a staged file and gives what puts into the version's
// manifest what it says. Invalid for a POM that cannot be of this path.
func (p place) learn(pub *registry.Publication, id registry.VersionID, a registry.Asset) (func(json.RawMessage) json.RawMessage, error) {
	var pom *project
	var prefix string
	content, err := pub.Content(a.Name)
	if err != nil {
		return nil, err
	}
	classifier, extension, _ := classify(p.file, p.pkg, p.version)
	switch {
	case classifier == "" && extension == "pom":
		pom, err = readPOM(io.NewSectionReader(content, 0, a.Size))
		if err != nil {
			return nil, registry.Errorf(registry.Invalid, "%s is no POM: %v", p.file, err)
		}
		if why := pom.unlike(id); why != "" {
			return nil, registry.Errorf(registry.Invalid, "%s is the POM of something else: %s", p.file, why)
		}
	case classifier == "" && extension == "jar":
		prefix = pluginPrefix(content, a.Size)
	}
	return func(held json.RawMessage) json.RawMessage {
		m := decode(held)
		if build.MatchString(p.version) {
			m.Build = p.version
		}
		if prefix != "" {
			m.Prefix = prefix
		}
		if pom != nil {
			m.take(pom)
		}
		return m.encode()
	}, nil
}

// pluginPrefix reads the goal prefix from the descriptor of a Maven plugin's
// jar, "" for any other file, and for one that has more entries than are read.
func pluginPrefix(r io.ReaderAt, size int64) string {
	archive, err := formats.OpenZip(r, size)
	if err != nil {
		return ""
	}
	f, err := archive.Open("META-INF/maven/plugin.xml")
	if err != nil {
		return ""
	}
	defer f.Close()
	var descriptor struct {
		XMLName xml.Name `xml:"plugin"`
		Prefix  string   `xml:"goalPrefix"`
	}
	if readXML(f, metadataLimit, &descriptor) != nil {
		return ""
	}
	return strings.TrimSpace(descriptor.Prefix)
}

// putChecksum compares a checksum with its file, or keeps it with the
// Unfinished version until the file comes. One that does not match keeps the
// version Unfinished until another one or another file takes its place.
func putChecksum(w http.ResponseWriter, r *formats.Request, p place, pub *registry.Publication) error {
	ctx := r.Context()
	put, err := readChecksum(r.Body, p)
	if err != nil {
		return err
	}
	name := p.file + "." + p.checksum
	id := registry.VersionID{Package: p.pkg, Version: p.version}
	held, err := pub.Held(ctx, id)
	if err != nil && !registry.IsNotFound(err) {
		return err
	}
	open := err != nil || held.Status == registry.Unfinished
	asset, there := held.Asset(p.file)
	match := there && sum(asset.Hashes, p.checksum) == put
	if !there && !open {
		return registry.Errorf(registry.NotFound, "version %s is finished and has no %s to compare the checksum with; put the file first", p.version, p.file)
	}
	kept := decode(held.Manifest).Checksums
	if !there && kept[name] == "" && len(kept) >= waitingLimit {
		return registry.Errorf(registry.Quota, "version %s waits for %d files already of which only the checksums have come", p.version, len(kept))
	}
	if open && (!match || kept[name] != "") {
		keep := func(raw json.RawMessage) json.RawMessage {
			m := decode(raw)
			if m.Checksums == nil {
				m.Checksums = map[string]string{}
			}
			if m.Checksums[name] = put; match {
				delete(m.Checksums, name)
			}
			if build.MatchString(p.version) {
				m.Build = p.version
			}
			return m.encode()
		}
		err := pub.Commit(ctx, registry.Draft{ID: id, Status: registry.Unfinished, Mode: registry.Extend, Manifest: keep(nil), Merge: keep})
		if err != nil {
			return err
		}
	}
	if there && !match {
		return registry.Errorf(registry.Invalid, "%s of %s is %s, and not what was put", strings.ToUpper(p.checksum), p.file, sum(asset.Hashes, p.checksum))
	}
	return formats.ServeBytes(w, r, http.StatusCreated, "text/plain", nil)
}

// waitingLimit is how many checksums of files that have not come a version keeps.
const waitingLimit = 500

// checksumLimit is in bytes: the digits, and perhaps the file's name.
const checksumLimit = 4096

// readChecksum reads the body of a checksum file: lower-case hex (spec 7.3).
func readChecksum(body io.Reader, p place) (string, error) {
	b, err := io.ReadAll(io.LimitReader(body, checksumLimit+1))
	if err != nil {
		return "", broken(err)
	}
	if len(b) > checksumLimit {
		return "", registry.Errorf(registry.TooLarge, "a checksum file has at most %d bytes", checksumLimit)
	}
	text, _, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	if !isHex(text, p.checksum) || strings.ToLower(text) != text {
		return "", registry.Errorf(registry.Invalid, "this is no %s checksum: %d lower-case hex digits", p.checksum, digests[p.checksum])
	}
	return text, nil
}

func isHex(s, algorithm string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == digests[algorithm]
}

// putMetadata answers PUT of a maven-metadata.xml, or of its checksum. Nothing
// of it is kept: it says which versions are finished (spec 7.3), and is made
// anew of what is there, so that an old copy undoes nothing (pitfall M3).
func (o Options) putMetadata(w http.ResponseWriter, r *formats.Request) error {
	p, ok := parsePath(r.Vars["path"])
	if !ok {
		return nowhere(r)
	}
	p.log(r)
	ctx := r.Context()
	refusal := p.mayPut(ctx, r.Repo)
	if refusal != nil {
		// A group's metadata has no artifact of its own: who may publish some
		// package may send it, and is asked about each plugin that it names.
		if p.group == "" || registry.CodeOf(refusal) != registry.Denied && p.pkg.Namespace != "" {
			return refusal
		}
		pub, err := r.Repo.Publish(ctx, registry.PackageID{Format: registry.Maven})
		if err != nil {
			return err
		}
		pub.Abort()
	}
	if err := asItIs(r); err != nil {
		return err
	}
	if r.ContentLength > metadataLimit {
		return registry.Errorf(registry.TooLarge, "a maven-metadata.xml has at most %d bytes", metadataLimit)
	}
	if p.checksum != "" {
		if _, err := readChecksum(r.Body, p); err != nil {
			return err
		}
		return formats.ServeBytes(w, r, http.StatusCreated, "text/plain", nil)
	}
	m, err := readMetadata(r.Body)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return broken(err)
	}
	if registry.CodeOf(err) == registry.TooLarge {
		return registry.Errorf(registry.TooLarge, "a maven-metadata.xml has at most %d bytes", metadataLimit)
	}
	if err != nil {
		return registry.Errorf(registry.Invalid, "this is no maven-metadata.xml: %v", err)
	}
	if m.Versioning == nil && m.Plugins != nil && p.group != "" {
		for _, g := range m.Plugins {
			id := registry.PackageID{Format: registry.Maven, Namespace: p.group, Name: g.ArtifactID}
			if err := (place{pkg: id}).mayPut(ctx, r.Repo); err != nil {
				return err
			}
		}
		return formats.ServeBytes(w, r, http.StatusCreated, "text/plain", nil)
	}
	if refusal != nil {
		return refusal
	}
	endings, err := o.endings(p, m)
	if err != nil {
		return err
	}
	if err := r.Repo.Finish(ctx, p.pkg, endings...); err != nil {
		return err
	}
	return formats.ServeBytes(w, r, http.StatusCreated, "text/plain", nil)
}

// mayPut asks for both rights that metadata needs (spec 5.4).
func (p place) mayPut(ctx context.Context, repo *registry.Repo) error {
	for _, action := range []registry.Action{registry.PublishPackageVersion, registry.PutPackageMetadata} {
		if err := repo.Allowed(ctx, action, p.pkg); err != nil {
			return err
		}
	}
	return nil
}

// endings says what metadata makes of the versions that it names; Invalid for
// the metadata of something else.
func (o Options) endings(p place, m *metadata) ([]registry.Ending, error) {
	for _, c := range []struct{ what, got, want string }{
		{"groupId", m.GroupID, p.pkg.Namespace}, {"artifactId", m.ArtifactID, p.pkg.Name}, {"version", m.Version, p.version},
	} {
		if c.got != "" && c.want != "" && c.got != c.want {
			return nil, registry.Errorf(registry.Invalid, "this maven-metadata.xml is that of something else: its %s is %q, the path says %q", c.what, c.got, c.want)
		}
	}
	if m.Versioning == nil {
		return nil, registry.Errorf(registry.Invalid, "this maven-metadata.xml names no version")
	}
	if p.version != "" {
		return o.snapshotEndings(p, m.Versioning)
	}
	var out []registry.Ending
	for _, version := range m.Versioning.Versions {
		if badVersion(version) == "" && !isSnapshot(version) {
			out = append(out, registry.Ending{Version: version, Status: registry.Published, Check: verify})
		}
	}
	return out, nil
}

func (o Options) snapshotEndings(p place, v *versioning) ([]registry.Ending, error) {
	base := strings.TrimSuffix(p.version, snapshot)
	if v.Snapshot == nil || v.Snapshot.Timestamp == "" || v.Snapshot.BuildNumber == "" {
		return nil, registry.Errorf(registry.Invalid, "this maven-metadata.xml has no <timestamp> and <buildNumber>: only numbered builds of a snapshot are taken. "+
			"Maven 3 and Gradle number them by themselves: remove <uniqueVersion>false</uniqueVersion> from the distributionManagement")
	}
	newest := base + "-" + v.Snapshot.Timestamp + "-" + v.Snapshot.BuildNumber
	if baseVersion(newest) != p.version {
		return nil, registry.Errorf(registry.Invalid, "%q and %q are not the timestamp and the number of a build", v.Snapshot.Timestamp, v.Snapshot.BuildNumber)
	}
	out := []registry.Ending{{Version: newest, Status: registry.Unlisted, Check: verify, As: p.version, Newer: newerBuild}}
	if o.KeepBuilds > 0 {
		out[0].Spent = func(versions []string) []string { return o.spent(p.version, newest, versions) }
	}
	named := false
	seen := map[string]bool{newest: true}
	for _, s := range v.SnapshotVersions {
		named = named || s.Value == newest
		if !seen[s.Value] && s.Value != p.version && baseVersion(s.Value) == p.version {
			seen[s.Value] = true
			out = append(out, registry.Ending{Version: s.Value, Status: registry.Unlisted, Check: verify})
		}
	}
	if v.SnapshotVersions != nil && !named {
		return nil, registry.Errorf(registry.Invalid, "none of the <snapshotVersions> is of the build %s that <snapshot> names", newest)
	}
	return out, nil
}

// verify refuses to finish a version while a checksum of it is known to be wrong.
func verify(v registry.Version) error {
	if name := decode(v.Manifest).mismatch(v.Assets); name != "" {
		return registry.Errorf(registry.Invalid, "version %s stays unfinished: %s was put and is not the checksum of its file; put the right one, then the metadata again", v.Version, name)
	}
	return nil
}

// newerBuild reports whether held is of a newer build than of.
func newerBuild(held, of json.RawMessage) bool {
	a, b := decode(held).Build, decode(of).Build
	return a != "" && compareVersions(a, b) > 0
}

// spent gives the builds of a snapshot that are more than are kept, the newest
// of which was deployed just now.
func (o Options) spent(base, newest string, versions []string) []string {
	all := []string{newest}
	for _, v := range versions {
		if v != newest && v != base && baseVersion(v) == base {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return compareVersions(b, a) })
	if len(all) <= o.KeepBuilds {
		return nil
	}
	return slices.DeleteFunc(all[o.KeepBuilds:], func(v string) bool { return v == newest })
}
