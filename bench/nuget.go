package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"larder/registry"
	"larder/storage"
)

// What NuGet's warm reads and searches should reach.
const (
	metadataGoal  = 0.4 // Larder's part of what nginx does
	nupkgGoal     = 0.5
	searchGoal    = 30 * time.Millisecond
	nugetVersions = 500
	nugetIDs      = 50_000
	nugetSearches = 101
)

// nugetCases are what clients ask for most.
var nugetCases = []struct {
	name, file, path string
	goal             float64
	header           map[string]string
}{
	{"nupkg of 100 KB", "large.nupkg", "v3/flatcontainer/large/1.0.0/large.1.0.0.nupkg", nupkgGoal, nil},
	{"versions of a package that has 500", "versions.json", "v3/flatcontainer/many/index.json", metadataGoal, nil},
	{"metadata of 500 versions, the index", "index.json", "v3/registration4/many/index.json", metadataGoal, nil},
	{"a page of it, 64 versions", "page.json", "v3/registration4/many/page/1.0.0/1.6.3.json", metadataGoal, nil},
	{"the same, gzip", "page.json.gz", "v3/registration4/many/page/1.0.0/1.6.3.json", metadataGoal, map[string]string{"Accept-Encoding": "gzip"}},
}

// nuget measures warm reads beside nginx with the same bytes, and searches over
// many ids.
func (b *bench) nuget() (err error) {
	folder := filepath.Join(b.folder, "nuget")
	if err := os.MkdirAll(filepath.Join(folder, "files"), 0o700); err != nil {
		return err
	}
	s, err := b.serve("nuget/larder")
	if err != nil {
		return err
	}
	larder := &contender{name: "Larder", pids: []int{s.PID}, stop: s.Stop, requests: map[string]request{}}
	repository := s.Running.URL + "/nuget/d/local-000000000000/main/"
	err = func() error {
		if err := s.fillNuGet(repository); err != nil {
			return err
		}
		for _, c := range nugetCases {
			header := map[string]string{"Authorization": s.header["Authorization"]}
			for k, v := range c.header {
				header[k] = v
			}
			larder.requests[c.name] = request{repository + c.path, header}
			if err := larder.requests[c.name].save(filepath.Join(folder, "files", c.file)); err != nil {
				return err
			}
		}
		nginx, err := startNginx(folder)
		if err != nil {
			return err
		}
		nginx.requests = map[string]request{}
		for _, c := range nugetCases {
			nginx.requests[c.name] = request{nginx.url + c.file, larder.requests[c.name].header}
		}
		return errors.Join(b.nugetReads(nginx, larder), nginx.stop())
	}()
	if err = errors.Join(err, larder.stop()); err != nil {
		return err
	}
	return b.nugetSearches()
}

// nugetReads prints the table of warm reads.
func (b *bench) nugetReads(nginx, larder *contender) error {
	rows := make([]row, 0, len(nugetCases))
	for _, of := range nugetCases {
		rows = append(rows, row{of.name, of.name, of.goal})
	}
	return b.besideNginx("NuGet, warm", nginx, larder, rows)
}

// fillNuGet publishes what is read.
func (s *server) fillNuGet(repository string) error {
	err := s.pushNuGet(repository, file{"package.nupkg", nupkg("Large", "1.0.0", 100<<10)})
	for i := range nugetVersions {
		err = errors.Join(err, s.pushNuGet(repository, file{"package.nupkg", nupkg("Many", fmt.Sprintf("1.%d.%d", i/10, i%10), 4<<10)}))
	}
	return err
}

// nupkg is a package of about that size in bytes.
func nupkg(id, version string, size int64) []byte {
	nuspec := fmt.Appendf(nil, `<package><metadata><id>%s</id><version>%s</version><authors>Bench</authors><description>A package of the benchmark, with an ordinary description of a line or two.</description>
		<tags>one two three</tags><projectUrl>http://project.test/</projectUrl><license type="expression">MIT</license><dependencies>
		<group targetFramework="net6.0"><dependency id="Left.Lib" version="1.2.3"/><dependency id="Right.Lib" version="[2.0,3.0)"/></group>
		<group targetFramework=".NETStandard2.0"><dependency id="Left.Lib" version="1.2.3"/><dependency id="Right.Lib" version="[2.0,3.0)"/><dependency id="Above.Lib" version="4.17.21"/></group>
		</dependencies></metadata></package>`, id, version)
	library, _ := io.ReadAll(noise(uint64(len(version)), max(size-1200, 64))) // does not fail
	return archive(file{id + ".nuspec", nuspec}, file{"lib/net6.0/" + id + ".dll", library})
}

// pushNuGet publishes a package.
func (s *server) pushNuGet(repository string, f file) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("package", f.name)
	if err != nil {
		return err
	}
	part.Write(f.content) //nolint:errcheck // a bytes.Buffer does not fail
	if err := form.Close(); err != nil {
		return err
	}
	return s.upload(http.MethodPut, repository+"v3/package", form.FormDataContentType(), &body)
}

// nugetSearches measures searches over many ids, asked one after another.
func (b *bench) nugetSearches() (err error) {
	const name = "nuget/search"
	s, err := b.serve(name)
	if err != nil {
		return err
	}
	if err := s.Stop(); err != nil {
		return err
	}
	if err := seedNuGet(filepath.Join(b.folder, name)); err != nil {
		return err
	}
	if s, err = b.serve(name); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	repository := s.Running.URL + "/nuget/d/local-000000000000/main/"
	search := func(query string) (time.Duration, error) {
		req, err := http.NewRequest(http.MethodGet, repository+"v3/query?semVerLevel=2.0.0&"+query, nil)
		if err != nil {
			return 0, err
		}
		began := time.Now()
		res, err := ask(req, s.header)
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, res.Body)
		return time.Since(began), errors.Join(err, res.Body.Close())
	}
	fmt.Printf("\nNuGet, search over %d ids: the median of %d, one after another (goal %v).\n\n| | median | slowest |\n|---|--:|--:|\n", nugetIDs, nugetSearches, searchGoal)
	for _, of := range []struct{ name, query string }{
		{"one id, exactly", "q=contoso.team7.library4907.extensions"}, {"a word that a few ids have", "q=library4907"}, {"a word that every tenth id has, prereleases too", "q=team7&prerelease=true"},
		{"a word that all ids have", "q=library"}, {"everything, page 100", "q=&skip=2000"}, {"a word that no id has", "q=nothing"},
	} {
		var took []time.Duration
		for range nugetSearches {
			d, err := search(of.query)
			if err != nil {
				return err
			}
			took = append(took, d)
		}
		fmt.Printf("| %s | %v | %v |\n", of.name, median(took).Round(100*time.Microsecond), slices.Max(took).Round(100*time.Microsecond))
	}
	var took []time.Duration
	for i := range nugetSearches {
		if err := s.pushNuGet(repository, file{"package.nupkg", nupkg("Just.Pushed", fmt.Sprintf("1.0.%d", i), 2<<10)}); err != nil {
			return err
		}
		d, err := search("q=library4907")
		if err != nil {
			return err
		}
		took = append(took, d)
	}
	fmt.Printf("| a word that a few ids have, right after a push | %v | %v |\n", median(took).Round(100*time.Microsecond), slices.Max(took).Round(100*time.Microsecond))
	return nil
}

// seedNuGet puts many packages with a version each into the rows of a server
// that does not run: publishing them would take minutes.
func seedNuGet(data string) (err error) {
	ctx := context.Background()
	rows, err := storage.Metadata(ctx, "", data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	repo := registry.RepoID{Domain: registry.DomainID{Owner: "000000000000", Name: "local"}, Name: "main"}
	return rows.Update(ctx, func(tx registry.Tx) error {
		for i := range nugetIDs {
			id := registry.PackageID{Format: registry.NuGet, Name: fmt.Sprintf("contoso.team%d.library%d.extensions", i%100, i)}
			p := registry.Package{ID: id, Restrictions: registry.Restrictions{Publish: registry.Allow, Upstream: registry.Block}, Created: tx.Now(), Modified: tx.Now()}
			if err := tx.PutPackage(repo, p); err != nil {
				return err
			}
			manifest, err := json.Marshal(map[string]any{"id": id.Name, "version": "1.0.0", "authors": "Bench", "description": "A package of the benchmark.", "tags": []string{"one", "two"}})
			if err != nil {
				return err
			}
			v := registry.Version{
				Version: "1.0.0", Status: registry.Published, Revision: "1", Origin: registry.Origin{Type: registry.OriginInternal, Repository: repo.Name},
				Published: tx.Now(), Released: tx.Now(), Manifest: manifest,
			}
			if err := tx.PutVersion(repo, id, v); err != nil {
				return err
			}
		}
		return nil
	})
}
