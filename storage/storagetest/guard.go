package storagetest

import (
	"slices"
	"time"

	"larder/registry"
)

var guardChecks = map[string]func(kit){
	"rules are kept of domains, and go with them": func(k kit) {
		k.build(acme)
		k.build(globex)
		k.update(func(tx registry.Tx) error {
			if err := tx.PutGuard(acme, registry.Policy{Document: "old", Revision: "1"}); err != nil {
				return err
			}
			return tx.PutGuard(acme, registry.Policy{Document: `{"a" :1}`, Revision: "2"})
		})
		k.view(func(tx registry.Tx) {
			k.equal("rules", want[registry.Policy](k)(tx.Guard(acme)), registry.Policy{Document: `{"a" :1}`, Revision: "2"})
			_, err := tx.Guard(globex)
			k.notFound("rules of another domain", err)
		})
		k.refused("put to a missing domain", registry.NotFound, func(tx registry.Tx) error { return tx.PutGuard(acme2, registry.Policy{}) })
		k.update(func(tx registry.Tx) error { return tx.DeleteDomain(acme) })
		k.build(acme)
		k.view(func(tx registry.Tx) {
			_, err := tx.Guard(acme)
			k.notFound("rules of the domain that is made again", err)
		})
	},
	"changed rules move the graph of their domain, settled advisories that of every domain": func(k kit) {
		k.build(acme)
		k.build(globex)
		before := func(d registry.DomainID) int64 { return want[registry.Counters](k)(k.Counters(k.Context(), d)).Graph }
		a, g := before(acme), before(globex)
		k.update(func(tx registry.Tx) error { return tx.PutGuard(acme, registry.Policy{Document: "{}"}) })
		if before(acme) == a || before(globex) != g {
			k.Errorf("after PutGuard: %d was %d, of another domain %d was %d", before(acme), a, before(globex), g)
		}
		a, g = before(acme), before(globex)
		k.update(func(tx registry.Tx) error { return tx.PutAdvisories(1, advisory("osv", "A-1", npm("p"))) })
		k.update(func(tx registry.Tx) error { _, err := tx.SettleAdvisories("osv", 1); return err })
		if before(acme) <= a || before(globex) <= g {
			k.Errorf("after SettleAdvisories: %d was %d, of another domain %d was %d", before(acme), a, before(globex), g)
		}
	},
	"advisories are found by package, and go when their source has them no more": func(k kit) {
		rich := advisory("osv", "A-1", npm("p"))
		rich.Summary, rich.Versions = "bad", []string{"1.0.0", "2.0.0"}
		rich.Ranges = []registry.AdvisoryRange{{Introduced: "3", Fixed: "4"}, {Last: "2"}}
		other := advisory("feed", "A-1", npm("p"))
		k.update(func(tx registry.Tx) error {
			old := rich
			old.Summary = "old"
			if err := tx.PutAdvisories(1, old, advisory("osv", "A-2", npm("p")), advisory("osv", "A-1", npm("q"))); err != nil {
				return err
			}
			return tx.PutAdvisories(7, other)
		})
		k.update(func(tx registry.Tx) error { return tx.PutAdvisories(2, rich) })
		k.update(func(tx registry.Tx) error {
			s, err := tx.SettleAdvisories("osv", 2)
			k.equal("settled", s, registry.AdvisorySource{Name: "osv", Imported: tx.Now(), Entries: 1, Dropped: 2})
			return err
		})
		k.view(func(tx registry.Tx) {
			k.equal("of p", want[[]registry.Advisory](k)(tx.Advisories(npm("p"))), []registry.Advisory{other, rich})
			k.equal("of q", len(want[[]registry.Advisory](k)(tx.Advisories(npm("q")))), 0)
			sources := want[[]registry.AdvisorySource](k)(tx.AdvisorySources())
			k.equal("sources", len(sources), 1)
			k.equal("source", sources[0].Name, "osv")
			k.equal("entries", sources[0].Entries, 1)
		})
	},
	"downloads are added up by version and actor": func(k kit) {
		k.build(acme)
		k.build(globex)
		id := registry.VersionID{Package: npm("p"), Version: "1"}
		by := func(actor string, since, latest, times int) registry.Download {
			return registry.Download{Version: id, Actor: actor, Since: at(since), Latest: at(latest), Times: times}
		}
		elsewhere := by("a", 1, 1, 1)
		elsewhere.Version.Version = "2"
		k.update(func(tx registry.Tx) error {
			if err := tx.AddDownloads(acme, by("b", 5, 6, 2), by("a", 1, 1, 1), elsewhere); err != nil {
				return err
			}
			return tx.AddDownloads(globex, by("c", 1, 1, 1))
		})
		k.update(func(tx registry.Tx) error { return tx.AddDownloads(acme, by("b", 7, 9, 3), by("a", 0, 0, 1)) })
		k.view(func(tx registry.Tx) {
			k.equal("downloads", want[[]registry.Download](k)(tx.Downloads(acme, id)), []registry.Download{by("a", 0, 1, 2), by("b", 5, 9, 5)})
		})
		k.refused("add to a missing domain", registry.NotFound, func(tx registry.Tx) error { return tx.AddDownloads(acme2, by("a", 1, 1, 1)) })
		k.update(func(tx registry.Tx) error {
			n, err := tx.PruneDownloads(at(1).Add(time.Millisecond))
			k.equal("pruned", n, 3)
			return err
		})
		k.view(func(tx registry.Tx) {
			k.equal("downloads that stay", want[[]registry.Download](k)(tx.Downloads(acme, id)), []registry.Download{by("b", 5, 9, 5)})
		})
		k.update(func(tx registry.Tx) error { return tx.DeleteDomain(acme) })
		k.build(acme)
		k.view(func(tx registry.Tx) {
			k.equal("downloads of the domain that is made again", len(want[[]registry.Download](k)(tx.Downloads(acme, id))), 0)
		})
	},
	"what attestations say is kept by version and asset": func(k kit) {
		k.build(acme)
		k.build(globex)
		good := registry.Attestation{
			Version: "1", Asset: "b.whl", SHA256: registry.Digest{1}, SHA512: [64]byte{2}, Trust: registry.Digest{3}, Checked: at(4),
			Claims: []registry.Claim{{Issuer: "https://login.test", Identity: "me@acme.test", Repository: "https://git.test/acme/lib", Signed: at(2)}},
		}
		bad := registry.Attestation{Version: "1", Asset: "a.whl", Checked: at(1), Problem: "it is not signed"}
		k.update(func(tx registry.Tx) error {
			for _, a := range []registry.Attestation{bad, {Version: "1", Asset: "b.whl", Problem: "old"}} {
				if err := tx.PutAttestation(acme, npm("p"), a); err != nil {
					return err
				}
			}
			if err := tx.PutAttestation(acme, npm("p"), good); err != nil {
				return err
			}
			return tx.PutAttestation(globex, npm("p"), bad)
		})
		k.view(func(tx registry.Tx) {
			k.equal("attestations", want[[]registry.Attestation](k)(tx.Attestations(acme, npm("p"))), []registry.Attestation{bad, good})
			k.equal("of another package", len(want[[]registry.Attestation](k)(tx.Attestations(acme, npm("q")))), 0)
		})
		k.refused("put to a missing domain", registry.NotFound, func(tx registry.Tx) error { return tx.PutAttestation(acme2, npm("p"), good) })
		k.update(func(tx registry.Tx) error { return tx.DeleteDomain(acme) })
		k.build(acme)
		k.view(func(tx registry.Tx) {
			k.equal("of the domain that is made again", len(want[[]registry.Attestation](k)(tx.Attestations(acme, npm("p")))), 0)
		})
	},
	"when a version was first seen is kept with it": func(k kit) {
		k.build(acme, "main")
		v := registry.Version{Version: "1", Seen: at(3)}
		k.publish(repo(acme, "main"), npm("p"), v)
		k.publish(repo(acme, "main"), npm("p"), registry.Version{Version: "2"})
		k.view(func(tx registry.Tx) {
			k.equal("seen", want[registry.Version](k)(tx.Version(repo(acme, "main"), registry.VersionID{Package: npm("p"), Version: "1"})).Seen, at(3))
			all := want[[]registry.Version](k)(tx.Versions(repo(acme, "main"), npm("p")))
			i := slices.IndexFunc(all, func(v registry.Version) bool { return v.Version == "2" })
			k.equal("never seen", all[i].Seen.IsZero(), true)
			k.equal("seen, in a list", all[1-i].Seen, at(3))
		})
	},
}

func advisory(source, id string, p registry.PackageID) registry.Advisory {
	return registry.Advisory{Source: source, ID: id, Package: p, AdvisoryBody: registry.AdvisoryBody{Severity: registry.Malware}}
}
