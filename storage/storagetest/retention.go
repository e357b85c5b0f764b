package storagetest

import (
	"time"

	"larder/registry"
)

var retentionChecks = map[string]func(kit){
	"rules are kept of repositories, and go with them": func(k kit) {
		k.build(acme, "main", "other")
		main := repo(acme, "main")
		x := registry.Retention{
			Repo: main, Policy: registry.Policy{Document: `{"rules" :[]}`, Revision: "2"}, Due: at(3),
			Run: registry.RetentionRun{After: "0:npm\x00\x00p", Started: at(1), Packages: 2, Versions: 3, Bytes: 4},
		}
		k.update(func(tx registry.Tx) error {
			if err := tx.PutRetention(registry.Retention{Repo: main, Policy: registry.Policy{Document: "old", Revision: "1"}}); err != nil {
				return err
			}
			return tx.PutRetention(x)
		})
		k.view(func(tx registry.Tx) {
			k.equal("rules", want[registry.Retention](k)(tx.Retention(main)), x)
			_, err := tx.Retention(repo(acme, "other"))
			k.notFound("rules of another repository", err)
		})
		k.refused("put to a missing repository", registry.NotFound, func(tx registry.Tx) error {
			return tx.PutRetention(registry.Retention{Repo: repo(acme, "none")})
		})
		k.refused("delete what is not there", registry.NotFound, func(tx registry.Tx) error { return tx.DeleteRetention(repo(acme, "other")) })
		k.update(func(tx registry.Tx) error { return tx.DeleteRetention(main) })
		k.view(func(tx registry.Tx) {
			_, err := tx.Retention(main)
			k.notFound("rules that were deleted", err)
		})
		k.update(func(tx registry.Tx) error { return tx.PutRetention(x) })
		k.update(func(tx registry.Tx) error { return tx.DeleteRepository(main) })
		k.update(func(tx registry.Tx) error {
			return tx.CreateRepository(registry.Repository{ID: main, Administrator: acme.Owner, Created: day})
		})
		k.view(func(tx registry.Tx) {
			_, err := tx.Retention(main)
			k.notFound("rules of the repository that is made again", err)
		})
	},
	"a step is noted of the revision that it was made by": func(k kit) {
		k.build(acme, "main")
		main := repo(acme, "main")
		k.update(func(tx registry.Tx) error {
			return tx.PutRetention(registry.Retention{Repo: main, Policy: registry.Policy{Document: "{}", Revision: "1"}, Due: at(0)})
		})
		run := registry.RetentionRun{Started: at(1), Finished: at(2), Versions: 1}
		k.update(func(tx registry.Tx) error { return tx.StepRetention(main, "1", at(9), run) })
		k.refused("a step of other rules", registry.NotFound, func(tx registry.Tx) error { return tx.StepRetention(main, "0", at(1), registry.RetentionRun{}) })
		k.view(func(tx registry.Tx) {
			k.equal("stepped", want[registry.Retention](k)(tx.Retention(main)),
				registry.Retention{Repo: main, Policy: registry.Policy{Document: "{}", Revision: "1"}, Due: at(9), Run: run})
		})
	},
	"those that are due come in the order in which they are": func(k kit) {
		k.build(acme, "one", "two", "later")
		k.build(globex, "three")
		k.update(func(tx registry.Tx) error {
			for r, due := range map[registry.RepoID]time.Time{
				repo(acme, "one"): tx.Now(), repo(acme, "two"): tx.Now().Add(-time.Minute), repo(globex, "three"): tx.Now().Add(-time.Hour),
				repo(acme, "later"): tx.Now().Add(time.Hour),
			} {
				if err := tx.PutRetention(registry.Retention{Repo: r, Due: due}); err != nil {
					return err
				}
			}
			return nil
		})
		k.view(func(tx registry.Tx) {
			var due []string
			for _, x := range want[[]registry.Retention](k)(tx.DueRetentions(10)) {
				due = append(due, x.Repo.Name)
			}
			k.equal("due", due, []string{"three", "two", "one"})
			k.equal("the first", len(want[[]registry.Retention](k)(tx.DueRetentions(1))), 1)
		})
	},
	"the last download of a version is that of any actor": func(k kit) {
		k.build(acme)
		k.build(globex)
		by := func(actor, version string, latest int) registry.Download {
			return registry.Download{Version: registry.VersionID{Package: npm("p"), Version: version}, Actor: actor, Since: at(0), Latest: at(latest), Times: 1}
		}
		k.update(func(tx registry.Tx) error {
			return tx.AddDownloads(acme, by("b", "1", 5), by("a", "1", 7), by("a", "2", 1))
		})
		k.update(func(tx registry.Tx) error { return tx.AddDownloads(acme, by("c", "1", 6), by("c", "2", 3)) })
		k.update(func(tx registry.Tx) error { return tx.AddDownloads(globex, by("c", "1", 9)) })
		last := func(p registry.PackageID) (got map[string]time.Time) {
			k.view(func(tx registry.Tx) { got = want[map[string]time.Time](k)(tx.LastDownloads(acme, p)) })
			return got
		}
		k.equal("last", last(npm("p")), map[string]time.Time{"1": at(7), "2": at(3)})
		k.equal("of another package", last(npm("q")), map[string]time.Time{})
		one := func(version string) (t time.Time) {
			k.view(func(tx registry.Tx) {
				t = want[time.Time](k)(tx.LastDownload(acme, registry.VersionID{Package: npm("p"), Version: version}))
			})
			return t
		}
		k.equal("of one version", one("1"), at(7))
		k.equal("of one that nobody downloaded", one("3").IsZero(), true)
		k.update(func(tx registry.Tx) error { _, err := tx.PruneDownloads(at(100)); return err })
		k.equal("of one version, when it is not known any more who", one("1"), at(7))
		k.equal("last, when it is not known any more who", last(npm("p")), map[string]time.Time{"1": at(7), "2": at(3)})
		k.update(func(tx registry.Tx) error {
			n, err := tx.PruneLastDownloads(at(7))
			k.equal("pruned", n, 1)
			return err
		})
		k.equal("last, pruned", last(npm("p")), map[string]time.Time{"1": at(7)})
		k.update(func(tx registry.Tx) error { return tx.AddDownloads(acme, by("d", "4", 8)) })
		k.update(func(tx registry.Tx) error { _, err := tx.PruneLastDownloads(at(100)); return err })
		k.equal("of one version, of which only is known who", one("4"), at(8))
		k.update(func(tx registry.Tx) error { return tx.DeleteDomain(acme) })
		k.build(acme)
		k.equal("of the domain that is made again", last(npm("p")), map[string]time.Time{})
	},
	"watching begins anew when nobody watched for too long": func(k kit) {
		k.view(func(tx registry.Tx) {
			k.equal("never", want[time.Time](k)(tx.DownloadsWatched()).IsZero(), true)
		})
		var first time.Time
		k.update(func(tx registry.Tx) error { first = tx.Now(); return tx.WatchDownloads(time.Hour) })
		since := func() (t time.Time) {
			k.view(func(tx registry.Tx) { t = want[time.Time](k)(tx.DownloadsWatched()) })
			return t
		}
		k.equal("begun", since(), first)
		k.update(func(tx registry.Tx) error { return tx.WatchDownloads(time.Hour) })
		k.equal("gone on", since(), first)
		var again time.Time
		k.update(func(tx registry.Tx) error { again = tx.Now(); return tx.WatchDownloads(0) })
		k.equal("begun anew", since(), again)
	},
}
