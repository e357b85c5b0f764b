package storagetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"larder/registry"
)

func sampleVersion(version string) registry.Version {
	return registry.Version{
		Version: version, DisplayName: "Display Name", Status: registry.Unlisted, Revision: "rev==",
		Origin:    registry.Origin{Type: registry.OriginExternal, Connection: "public:npmjs"},
		Published: at(5), Released: at(-5),
		Manifest: json.RawMessage(`{"name":"p","spacing" : "is kept"}`),
		Assets:   []registry.Asset{asset("a.tgz", 1, 10), asset("b.tgz", 2, 1<<40)},
	}
}

var versionChecks = map[string]func(kit){
	"a version is read as it was put": func(k kit) {
		k.build(acme, "main")
		main := repo(acme, "main")
		v := sampleVersion("1.0.0")
		slices.Reverse(v.Assets) // they come back by name
		id := registry.VersionID{Package: npm("p"), Version: "1.0.0"}
		k.publish(main, npm("p"), v)
		slices.Reverse(v.Assets)
		k.view(func(tx registry.Tx) { k.equal("version", want[registry.Version](k)(tx.Version(main, id)), v) })

		v = registry.Version{
			Version: "1.0.0", Status: registry.Published, Revision: "next", Origin: registry.Origin{Type: registry.OriginInternal, Repository: "main"},
			Published: at(6), Manifest: json.RawMessage(`[]`),
			Assets: []registry.Asset{asset("b.tgz", 3, 3), asset("c.tgz", 2, 1<<40)},
		}
		k.update(func(tx registry.Tx) error { return tx.PutVersion(main, npm("p"), v) })
		k.view(func(tx registry.Tx) {
			got := want[registry.Version](k)(tx.Version(main, id))
			k.equal("replaced version", got, v)
			if !got.Released.IsZero() {
				k.Errorf("no time of release became %v", got.Released)
			}
		})
		v.Assets, v.Manifest = nil, nil
		k.update(func(tx registry.Tx) error { return tx.PutVersion(main, npm("p"), v) })
		k.view(func(tx registry.Tx) {
			k.equal("version without assets", want[registry.Version](k)(tx.Version(main, id)), v)
			k.equal("versions", len(want[[]registry.Version](k)(tx.Versions(main, npm("p")))), 1)
		})
	},
	"manifests of any size and any bytes are kept": func(k kit) {
		k.build(acme, "main")
		noise := make([]byte, 70_000)
		for i := range noise {
			noise[i] = byte(i * i * 7919 >> 5)
		}
		manifests := [][]byte{[]byte("x"), {0}, {1, 2, 3}, []byte("\x28\xb5\x2f\xfd"), bytes.Repeat([]byte("{\"a\":1}"), 300_000), noise}
		for i, m := range manifests {
			k.publish(repo(acme, "main"), npm("p"), registry.Version{Version: fmt.Sprint(i), Manifest: m})
		}
		k.view(func(tx registry.Tx) {
			for i, v := range want[[]registry.Version](k)(tx.Versions(repo(acme, "main"), npm("p"))) {
				if !bytes.Equal(v.Manifest, manifests[i]) {
					k.Errorf("manifest %d of %d bytes comes back with %d, and others", i, len(manifests[i]), len(v.Manifest))
				}
			}
		})
	},
	"what is not there is not found": func(k kit) {
		k.build(acme, "main", "other")
		main := repo(acme, "main")
		k.publish(main, npm("p"), registry.Version{Version: "1"})
		for what, id := range map[string]registry.VersionID{
			"version": {Package: npm("p"), Version: "2"}, "package": {Package: npm("q"), Version: "1"},
		} {
			k.view(func(tx registry.Tx) {
				_, err := tx.Version(main, id)
				k.notFound(what, err)
				_, err = tx.Version(repo(acme, "other"), registry.VersionID{Package: npm("p"), Version: "1"})
				k.notFound("in another repository", err)
			})
			k.refused("delete, missing "+what, registry.NotFound, func(tx registry.Tx) error { return tx.DeleteVersion(main, id) })
		}
		k.refused("put without package", registry.NotFound, func(tx registry.Tx) error {
			return tx.PutVersion(main, npm("q"), registry.Version{Version: "1"})
		})
		k.refused("put without repository", registry.NotFound, func(tx registry.Tx) error {
			return tx.PutVersion(repo(acme, "missing"), npm("p"), registry.Version{Version: "1"})
		})
		k.view(func(tx registry.Tx) {
			k.equal("versions of a missing package", len(want[[]registry.Version](k)(tx.Versions(main, npm("q")))), 0)
			all, next, err := tx.ListVersions(main, npm("q"), registry.VersionFilter{}, registry.Page{Limit: 2})
			if len(all) != 0 || next != "" || err != nil {
				k.Errorf("list of a missing package: %v, %q, %v", all, next, err)
			}
		})
	},
	"an asset that is there twice is invalid": func(k kit) {
		k.build(acme, "main")
		k.publish(repo(acme, "main"), npm("p"), registry.Version{Version: "1"})
		k.refused("put", registry.Invalid, func(tx registry.Tx) error {
			return tx.PutVersion(repo(acme, "main"), npm("p"), registry.Version{Version: "1", Assets: []registry.Asset{asset("a", 1, 1), asset("a", 2, 2)}})
		})
	},
	"all versions come in order of publishing, whole": func(k kit) {
		k.build(acme, "main", "other")
		main := repo(acme, "main")
		var wanted []registry.Version
		for i, version := range []string{"10.0.0", "9.0.0", "1.0.0", "2.0.0"} {
			v := sampleVersion(version)
			v.Published = at(i / 2) // two at the same time: as they came
			v.Assets = v.Assets[:i%3]
			k.publish(main, npm("p"), v)
			wanted = append(wanted, v)
		}
		k.publish(main, npm("q"), sampleVersion("1.0.0"))
		k.publish(repo(acme, "other"), npm("p"), sampleVersion("1.0.0"))
		k.view(func(tx registry.Tx) {
			k.equal("versions", want[[]registry.Version](k)(tx.Versions(main, npm("p"))), wanted)
		})
	},
	"changing a version does not move the package's revision": func(k kit) {
		k.build(acme, "main")
		main := repo(acme, "main")
		k.publish(main, npm("p"), registry.Version{Version: "1"})
		var before, after int64
		k.view(func(tx registry.Tx) { before = want[registry.Package](k)(tx.Package(main, npm("p"))).Revision })
		k.update(func(tx registry.Tx) error { return tx.PutVersion(main, npm("p"), registry.Version{Version: "2"}) })
		k.update(func(tx registry.Tx) error {
			return tx.DeleteVersion(main, registry.VersionID{Package: npm("p"), Version: "1"})
		})
		k.view(func(tx registry.Tx) { after = want[registry.Package](k)(tx.Package(main, npm("p"))).Revision })
		k.equal("revision", after, before)
	},
	"a deleted version is gone, alone": func(k kit) {
		k.build(acme, "main")
		main := repo(acme, "main")
		for _, v := range []string{"1", "2", "3"} {
			k.publish(main, npm("p"), sampleVersion(v))
		}
		k.update(func(tx registry.Tx) error {
			return tx.DeleteVersion(main, registry.VersionID{Package: npm("p"), Version: "2"})
		})
		k.view(func(tx registry.Tx) {
			var got []string
			for _, v := range want[[]registry.Version](k)(tx.Versions(main, npm("p"))) {
				got = append(got, v.Version)
			}
			k.equal("versions", got, []string{"1", "3"})
		})
	},
	"lists are by version or newest first, filtered": func(k kit) {
		k.build(acme, "main")
		main := repo(acme, "main")
		published := []string{"3.0.0", "10.0.0", "1.0.0", "2.0.0", "2.0.0-rc.1"} // two of them at the same time
		whole := map[string]registry.Version{}
		k.update(func(tx registry.Tx) error {
			for i, version := range published {
				v := sampleVersion(version)
				v.Published = at(i - i/4)
				v.Status, v.Origin.Type = registry.Published, registry.OriginInternal
				if i%2 == 1 {
					v.Status = registry.Archived
				}
				if i > 2 {
					v.Origin.Type = registry.OriginExternal
				}
				if err := publish(tx, main, npm("p"), v); err != nil {
					return err
				}
				v.Manifest, v.Assets = nil, nil
				whole[version] = v
			}
			return publish(tx, main, npm("q"), sampleVersion("5.0.0"))
		})
		for _, c := range []struct {
			name   string
			filter registry.VersionFilter
			want   []string
		}{
			{"by version", registry.VersionFilter{}, []string{"1.0.0", "10.0.0", "2.0.0", "2.0.0-rc.1", "3.0.0"}},
			{"newest first", registry.VersionFilter{Newest: true}, []string{"2.0.0-rc.1", "2.0.0", "1.0.0", "10.0.0", "3.0.0"}},
			{"of a status", registry.VersionFilter{Status: registry.Published}, []string{"1.0.0", "2.0.0-rc.1", "3.0.0"}},
			{"newest of a status", registry.VersionFilter{Status: registry.Archived, Newest: true}, []string{"2.0.0", "10.0.0"}},
			{"of an origin", registry.VersionFilter{Origin: registry.OriginExternal}, []string{"2.0.0", "2.0.0-rc.1"}},
			{"newest of an origin and status", registry.VersionFilter{Origin: registry.OriginInternal, Status: registry.Published, Newest: true}, []string{"1.0.0", "3.0.0"}},
			{"nothing", registry.VersionFilter{Status: registry.Disposed}, nil},
		} {
			k.view(func(tx registry.Tx) {
				for _, limit := range []int{1, 2, 100} {
					var got, wanted []registry.Version
					for _, v := range c.want {
						wanted = append(wanted, whole[v])
					}
					got = pages(k, limit, func(p registry.Page) ([]registry.Version, string, error) {
						return tx.ListVersions(main, npm("p"), c.filter, p)
					})
					k.equal(fmt.Sprint(c.name, " by ", limit), got, wanted)
				}
			})
		}
	},
	"a page token of another order is invalid": func(k kit) {
		k.build(acme, "main")
		k.publish(repo(acme, "main"), npm("p"), registry.Version{Version: "1"})
		k.view(func(tx registry.Tx) {
			for _, token := range []string{"1.0.0", "x\x00y", "1\x00"} {
				_, _, err := tx.ListVersions(repo(acme, "main"), npm("p"), registry.VersionFilter{Newest: true}, registry.Page{After: token, Limit: 1})
				if registry.CodeOf(err) != registry.Invalid || err == nil {
					k.Errorf("token %q: %v, want Invalid", token, err)
				}
			}
		})
	},
	"pages of the newest survive inserts and deletes": func(k kit) {
		k.build(acme, "main")
		main := repo(acme, "main")
		for i := range 4 {
			k.publish(main, npm("p"), registry.Version{Version: fmt.Sprint(i), Published: at(i)})
		}
		newest := registry.VersionFilter{Newest: true}
		var got []string
		read := func(after string) (next string) {
			k.view(func(tx registry.Tx) {
				all, n, err := tx.ListVersions(main, npm("p"), newest, registry.Page{After: after, Limit: 2})
				if err != nil {
					k.Fatal(err)
				}
				for _, v := range all {
					got = append(got, v.Version)
				}
				next = n
			})
			return next
		}
		next := read("")
		k.publish(main, npm("p"), registry.Version{Version: "9", Published: at(9)})
		k.update(func(tx registry.Tx) error {
			return tx.DeleteVersion(main, registry.VersionID{Package: npm("p"), Version: "2"})
		})
		next = read(next)
		k.equal("versions", got, []string{"3", "2", "1", "0"})
		k.equal("next", next, "")
	},
}

var referenceChecks = map[string]func(kit){
	"references count assets and each digest is measured once": func(k kit) {
		k.build(acme, "a", "b")
		k.build(globex, "a")
		a, b, other := repo(acme, "a"), repo(acme, "b"), repo(globex, "a")
		state := func(what, wanted string) {
			k.Helper()
			k.view(func(tx registry.Tx) {
				got := ""
				for _, d := range []registry.DomainID{acme, globex} {
					got += fmt.Sprint(want[registry.Domain](k)(tx.Domain(d)).AssetSize, ":")
					for n := 1; n <= 3; n++ {
						got += fmt.Sprint(" ", want[int](k)(tx.BlobReferences(d, digest(n))))
					}
					got += "; "
				}
				k.equal(what, got, wanted)
			})
		}
		state("at first", "0: 0 0 0; 0: 0 0 0; ")
		k.publish(a, npm("p"), registry.Version{Version: "1", Assets: []registry.Asset{asset("x", 1, 10), asset("same as x", 1, 10), asset("y", 2, 5)}})
		state("one version", "15: 2 1 0; 0: 0 0 0; ")
		k.publish(b, npm("p"), registry.Version{Version: "1", Assets: []registry.Asset{asset("x", 1, 10)}})
		state("in a second repository", "15: 3 1 0; 0: 0 0 0; ")
		k.publish(other, npm("p"), registry.Version{Version: "1", Assets: []registry.Asset{asset("x", 1, 10)}})
		state("in another domain", "15: 3 1 0; 10: 1 0 0; ")
		k.publish(a, npm("p"), registry.Version{Version: "1", Assets: []registry.Asset{asset("x", 2, 5), asset("y", 1, 10), asset("z", 3, 2)}})
		state("assets swapped, dropped and added", "17: 2 1 1; 10: 1 0 0; ")
		k.publish(a, npm("p"), registry.Version{Version: "1", Assets: []registry.Asset{asset("x", 2, 5), asset("y", 1, 10), asset("z", 3, 2)}})
		state("the same again", "17: 2 1 1; 10: 1 0 0; ")
		k.publish(a, npm("p"), registry.Version{Version: "2", Assets: []registry.Asset{asset("z", 3, 2)}})
		state("a second version", "17: 2 1 2; 10: 1 0 0; ")
		k.update(func(tx registry.Tx) error {
			return tx.DeleteVersion(a, registry.VersionID{Package: npm("p"), Version: "1"})
		})
		state("a version deleted", "12: 1 0 1; 10: 1 0 0; ")
		k.update(func(tx registry.Tx) error { return tx.DeletePackage(a, npm("p")) })
		state("the package deleted", "10: 1 0 0; 10: 1 0 0; ")
		k.update(func(tx registry.Tx) error { return tx.DeleteRepository(b) })
		state("the repository deleted", "0: 0 0 0; 10: 1 0 0; ")
		k.publish(a, npm("p"), registry.Version{Version: "1", Assets: []registry.Asset{asset("x", 1, 10)}})
		state("and back", "10: 1 0 0; 10: 1 0 0; ")
		k.update(func(tx registry.Tx) error {
			if err := tx.PutVersion(a, npm("p"), registry.Version{Version: "1", Assets: []registry.Asset{asset("w", 1, 10)}}); err != nil {
				return err
			}
			return tx.PutVersion(a, npm("p"), registry.Version{Version: "1"})
		})
		state("renamed, then dropped, in one transaction", "0: 0 0 0; 10: 1 0 0; ")
		k.view(func(tx registry.Tx) {
			k.equal("references in a missing domain", want[int](k)(tx.BlobReferences(acme2, digest(1))), 0)
		})
	},
	"digests out of use are listed until they are forgotten or used again": func(k kit) {
		k.build(acme, "a", "b")
		k.build(globex, "a")
		a, b := repo(acme, "a"), repo(acme, "b")
		unused := func(what string, wanted ...int) {
			k.Helper()
			k.view(func(tx registry.Tx) {
				for d, n := range map[registry.DomainID][]int{acme: wanted, globex: nil} {
					got := map[registry.Digest]bool{}
					for _, digest := range want[[]registry.Digest](k)(tx.UnusedBlobs(d, 100)) {
						got[digest] = true
					}
					all := map[registry.Digest]bool{}
					for _, n := range n {
						all[digest(n)] = true
					}
					k.equal(what, got, all)
				}
				limited := want[[]registry.Digest](k)(tx.UnusedBlobs(acme, 1))
				k.equal(what+", up to one", len(limited), min(len(wanted), 1))
			})
		}
		put := func(r registry.RepoID, version string, assets ...registry.Asset) {
			k.publish(r, npm("p"), registry.Version{Version: version, Assets: assets})
		}
		unused("at first")
		put(a, "1", asset("x", 1, 1), asset("y", 2, 2), asset("z", 3, 4))
		put(a, "2", asset("x", 1, 1), asset("w", 4, 8))
		put(b, "1", asset("z", 3, 4), asset("v", 5, 16))
		put(repo(globex, "a"), "1", asset("x", 1, 1), asset("y", 2, 2))
		unused("all in use")
		put(a, "1", asset("x", 1, 1), asset("z", 3, 4))
		unused("one was dropped", 2)
		k.update(func(tx registry.Tx) error { return tx.DeletePackage(a, npm("p")) })
		unused("a package was deleted", 1, 2, 4)
		k.update(func(tx registry.Tx) error { return tx.ForgetBlobs(acme, digest(1), digest(3), digest(9)) })
		unused("one is forgotten, one is in use, one was never there", 2, 4)
		put(a, "3", asset("y", 2, 2))
		unused("one is used again", 4)
		k.update(func(tx registry.Tx) error {
			locked, err := tx.LockUnused(acme, digest(4), digest(2), digest(9))
			k.equal("locked", len(locked), 2)
			for _, d := range locked {
				if d != digest(4) && d != digest(9) {
					k.Errorf("%s is in use", d)
				}
			}
			return errors.Join(err, tx.ForgetBlobs(acme, digest(9)))
		})
		unused("locking changes nothing", 4)
		k.update(func(tx registry.Tx) error { return tx.ForgetBlobs(acme, digest(2)) })
		k.view(func(tx registry.Tx) {
			k.equal("references of one that is used again", want[int](k)(tx.BlobReferences(acme, digest(2))), 1)
			k.equal("size", want[registry.Domain](k)(tx.Domain(acme)).AssetSize, int64(2+4+16))
		})
		k.update(func(tx registry.Tx) error { return tx.DeleteRepository(b) })
		unused("a repository was deleted", 3, 4, 5)
		k.update(func(tx registry.Tx) error { return tx.ForgetBlobs(acme, digest(3), digest(4), digest(5)) })
		unused("all are forgotten")
		k.view(func(tx registry.Tx) {
			k.equal("size", want[registry.Domain](k)(tx.Domain(acme)).AssetSize, int64(2))
		})
	},
}
