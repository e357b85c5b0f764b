package kill

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// inspection compares what the last server has with what clients know.
type inspection struct {
	*testing.T
	*clients
	data  string
	kills int
	hooks []*hook
}

// held is what is in the repositories: repository, then "name@version".
type held map[string]map[string]*release

func (i *inspection) run(nats string) {
	have := held{repository: {}, store: {}, copies: {}}
	i.hosted(have)
	i.upstream.Down() // what is here has to be here
	i.external(have)
	i.events(nats, have)
	i.folders(have)
}

// hosted checks what was published: documents and bytes agree with each other
// and with what clients were told.
func (i *inspection) hosted(have held) {
	packages := map[string][]*release{}
	for _, r := range i.world.hosted {
		packages[r.name] = append(packages[r.name], r)
	}
	unheard, gone := 0, 0
	for name, releases := range packages {
		listed := i.document(name)
		for _, r := range releases {
			integrity, there := listed[r.version]
			delete(listed, r.version)
			switch {
			case r.published == done && r.deleted == unasked && !there:
				i.Errorf("%s was acknowledged and is not there", r.id())
			case r.deleted == done && there:
				i.Errorf("%s was deleted and is there", r.id())
			case there && integrity != r.integrity():
				i.Errorf("%s: integrity %s, want %s", r.id(), integrity, r.integrity())
			}
			if r.published == unknown && there {
				unheard++
			}
			if r.deleted == unknown && !there {
				gone++
			}
			i.bytes(r, there)
			if there {
				have[repository][r.id()] = r
			}
		}
		for version := range listed {
			i.Errorf("%s has version %s, which nobody published", name, version)
		}
	}
	i.Logf("%d releases published, %d of them there; %d publishes and %d deletes came through without an answer", len(i.world.hosted), len(have[repository]), unheard, gone)
}

// document gives the integrity of each version of a package.
func (i *inspection) document(name string) map[string]string {
	status, said, err := i.do(http.MethodGet, strings.ReplaceAll(name, "/", "%2f"), nil)
	if err != nil {
		i.Fatal(err)
	}
	all := map[string]string{}
	if status == http.StatusNotFound {
		return all
	}
	var document struct {
		Versions map[string]struct{ Dist struct{ Integrity string } }
		Time     map[string]time.Time
	}
	if err := json.Unmarshal(said, &document); err != nil || status != http.StatusOK {
		i.Fatalf("document of %s: %d, %v", name, status, err)
	}
	for version, v := range document.Versions {
		all[version] = v.Dist.Integrity
		if document.Time[version].IsZero() {
			i.Errorf("%s@%s is without its time", name, version)
		}
	}
	return all
}

// bytes checks that a release's tarball is there whole, or not at all.
func (i *inspection) bytes(r *release, there bool) {
	status, said, err := i.do(http.MethodGet, r.tarball(), nil)
	switch {
	case err != nil:
		i.Fatalf("tarball of %s: %v", r.id(), err)
	case there && (status != http.StatusOK || !bytes.Equal(said, r.bytes())):
		i.Errorf("tarball of %s: %d with %d bytes, want its own %d", r.id(), status, len(said), r.size)
	case !there && status != http.StatusNotFound:
		i.Errorf("tarball of %s, which is not there: %d", r.id(), status)
	}
}

// external checks what came from upstream, which is down by now. What a client
// has to its last byte was kept before.
func (i *inspection) external(have held) {
	fetched := 0
	for _, r := range i.world.external {
		for _, repo := range []string{repository, store} {
			versions, err := i.versions(i.Context(), repo, r.name)
			if err != nil {
				i.Fatal(err)
			}
			if len(versions) > 0 {
				have[repo][r.id()] = r
			}
		}
		there := have[repository][r.id()] != nil
		if there != (have[store][r.id()] != nil) {
			i.Errorf("%s is in one of %s and %s", r.id(), repository, store)
		}
		if r.fetched {
			fetched++
			if !there {
				i.Errorf("%s was fetched to its end and is not kept", r.id())
			}
		}
		if there {
			i.bytes(r, true)
		}
	}
	i.Logf("%d releases asked of upstream, %d fetched, %d kept", len(i.world.external), fetched, len(have[store]))
}

// event is a message of the stream.
type event struct {
	ID     string
	Source string
	Detail struct {
		RepositoryName, PackageNamespace, PackageName, PackageVersion string
		OperationType, PackageVersionState                            string
		SequenceNumber                                                int64
	}
}

func (e event) name() string {
	if e.Detail.PackageNamespace != "" {
		return "@" + e.Detail.PackageNamespace + "/" + e.Detail.PackageName
	}
	return e.Detail.PackageName
}

// events checks that the stream tells how everything came to be as it is, each
// change once.
func (i *inspection) events(address string, have held) {
	all := i.stream(address, have)
	ids, sequences, operations := map[string]bool{}, map[string]int64{}, map[string][]string{}
	for _, e := range all {
		if ids[e.ID] {
			i.Errorf("event %s is in the stream twice", e.ID)
		}
		ids[e.ID] = true
		if e.Source == "kill" {
			continue
		}
		pkg := e.Detail.RepositoryName + " " + e.name()
		if e.Detail.SequenceNumber != sequences[pkg]+1 {
			i.Errorf("%s: sequence number %d after %d", pkg, e.Detail.SequenceNumber, sequences[pkg])
		}
		sequences[pkg] = e.Detail.SequenceNumber
		of := e.Detail.RepositoryName + " " + e.name() + "@" + e.Detail.PackageVersion
		operations[of] = append(operations[of], e.Detail.OperationType+" "+e.Detail.PackageVersionState)
	}
	for _, id := range i.world.put {
		if !ids[id] {
			i.Errorf("event %s was acknowledged and is not in the stream", id)
		}
	}
	i.lived(operations, have)
	known := map[string]bool{}
	expect := func(repo string, r *release) {
		of := repo + " " + r.id()
		known[of] = true
		got := operations[of]
		there := have[repo][r.id()] != nil
		want := []string{}
		switch {
		case there:
			want = []string{"Created Published"}
		case r.deleted != unasked:
			want = []string{"Created Published", "Deleted Deleted"}
		}
		if !slices.Equal(got, want) && (len(got) > 0 || len(want) > 0) {
			i.Errorf("%s (there: %t): events %v, want %v", of, there, got, want)
		}
	}
	for _, r := range i.world.hosted {
		expect(repository, r)
	}
	for _, r := range i.world.external {
		expect(repository, r)
		expect(store, r)
	}
	for of, got := range operations {
		if !known[of] {
			i.Errorf("%s: events %v, of what nobody did", of, got)
		}
	}
	i.Logf("%d events, %d releases went through all operations", len(all), len(i.world.lives))
	i.hooked(all, i.hooks...)
}

// stream reads the stream to its end, which is the event of a last publish:
// events keep the order of the changes.
func (i *inspection) stream(address string, have held) []event {
	last := &release{name: "last", version: "1.0.0", seed: 1, size: 1}
	i.world.hosted = append(i.world.hosted, last)
	have[repository][last.id()] = last
	body, err := last.npm().Body()
	if err != nil {
		i.Fatal(err)
	}
	defer body.Close()
	if status, said, err := i.do(http.MethodPut, last.name, body); err != nil || status >= 300 {
		i.Fatalf("last publish: %d %s %v", status, said, err)
	}
	key, secret := accessKey(i.T, i.data)
	conn, err := nats.Connect("nats://"+address, nats.UserInfo(key, secret))
	if err != nil {
		i.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		i.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(i.Context(), time.Minute)
	defer cancel()
	consumer, err := js.OrderedConsumer(ctx, "LARDER_EVENTS", jetstream.OrderedConsumerConfig{})
	if err != nil {
		i.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		i.Fatal(err)
	}
	context.AfterFunc(ctx, messages.Stop)
	var all []event
	for {
		m, err := messages.Next()
		if err != nil {
			i.Fatalf("after %d events: %v", len(all), err)
		}
		var e event
		if err := json.Unmarshal(m.Data(), &e); err != nil {
			i.Fatalf("%v: %s", err, m.Data())
		}
		all = append(all, e)
		if e.name() == last.name {
			return all
		}
	}
}

// folders checks that deaths leave nothing behind that grows: no file on its
// way in, and of blobs no more than there were writers at each death.
func (i *inspection) folders(have held) {
	wanted := map[string]bool{}
	for _, releases := range have {
		for _, r := range releases {
			sum := sha256.Sum256(r.bytes())
			wanted[hex.EncodeToString(sum[:])] = true
		}
	}
	var blobs, unused, temporary int
	err := filepath.WalkDir(i.data, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rest, _ := filepath.Rel(i.data, path)
		switch {
		case strings.HasPrefix(rest, filepath.Join("blobs", "sha256")):
			blobs++
			if !wanted[e.Name()] {
				unused++
			}
		case strings.HasPrefix(rest, filepath.Join("blobs", "tmp")), strings.HasSuffix(rest, ".partial"), strings.Contains(rest, ".tmp"):
			temporary++
		}
		return nil
	})
	if err != nil {
		i.Fatal(err)
	}
	i.Logf("%d blobs, %d of them unused; %d temporary files", blobs, unused, temporary)
	// What a death leaves is swept when it is an hour old.
	if most := i.kills * writers; unused > most {
		i.Errorf("%d of %d blobs are referred to by nothing, want at most %d", unused, blobs, most)
	}
	if temporary > 0 {
		i.Errorf("%d temporary files stayed", temporary)
	}
	if missing := len(wanted) - (blobs - unused); missing != 0 {
		i.Errorf("%d blobs are missing", missing)
	}
}
