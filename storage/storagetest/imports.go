package storagetest

import "larder/registry"

var importChecks = map[string]func(kit){
	"imports come in the order in which they are due": func(k kit) {
		k.build(acme, "main", "other")
		k.build(globex, "main")
		first := registry.Import{Repo: repo(globex, "main"), Version: registry.VersionID{Package: npm("p"), Version: "1"}, Due: at(1)}
		second := registry.Import{Repo: repo(acme, "other"), Version: registry.VersionID{Package: npm("p"), Version: "2"}, Due: at(2)}
		third := registry.Import{Repo: repo(acme, "main"), Version: registry.VersionID{Package: npm("p"), Version: "1"}, Attempts: 3, Due: at(3)}
		k.update(func(tx registry.Tx) error {
			for _, i := range []registry.Import{second, third, first} {
				if err := tx.PutImport(i); err != nil {
					return err
				}
			}
			return nil
		})
		k.view(func(tx registry.Tx) {
			k.equal("imports", want[[]registry.Import](k)(tx.Imports(10)), []registry.Import{first, second, third})
			k.equal("the first", want[[]registry.Import](k)(tx.Imports(1)), []registry.Import{first})
			k.equal("waiting", want[int](k)(tx.ImportsWaiting()), 3)
		})
		k.refused("put to a missing repository", registry.NotFound, func(tx registry.Tx) error {
			return tx.PutImport(registry.Import{Repo: repo(acme, "none"), Version: first.Version})
		})
	},
	"an import is noted once, put off and finished": func(k kit) {
		k.build(acme, "main", "other")
		i := registry.Import{Repo: repo(acme, "main"), Version: registry.VersionID{Package: npm("p"), Version: "1"}, Due: at(1)}
		beside := i
		beside.Repo = repo(acme, "other")
		k.update(func(tx registry.Tx) error { return tx.PutImport(i) })
		k.update(func(tx registry.Tx) error {
			again := i
			again.Attempts, again.Due = 9, at(9)
			return tx.PutImport(again)
		})
		k.update(func(tx registry.Tx) error { return tx.PutImport(beside) })
		imports := func() (all []registry.Import) {
			k.view(func(tx registry.Tx) { all = want[[]registry.Import](k)(tx.Imports(10)) })
			return all
		}
		importing := func(d registry.DomainID, version string) (yes bool) {
			k.view(func(tx registry.Tx) {
				yes = want[bool](k)(tx.Importing(d, registry.VersionID{Package: npm("p"), Version: version}))
			})
			return yes
		}
		k.equal("noted", len(imports()), 2)
		k.equal("importing", []bool{importing(acme, "1"), importing(acme, "2"), importing(globex, "1")}, []bool{true, false, false})
		i.Attempts, i.Due = 1, at(5)
		k.update(func(tx registry.Tx) error { return tx.RetryImport(i) })
		k.equal("put off", imports(), []registry.Import{beside, i})
		k.update(func(tx registry.Tx) error { return tx.FinishImport(beside.Repo, beside.Version) })
		k.update(func(tx registry.Tx) error {
			if err := tx.RetryImport(beside); err != nil {
				return err
			}
			return tx.FinishImport(beside.Repo, beside.Version)
		})
		k.equal("finished", imports(), []registry.Import{i})
		k.equal("importing for another repository", importing(acme, "1"), true)
		k.update(func(tx registry.Tx) error { return tx.DeleteRepository(i.Repo) })
		k.equal("without the repository", len(imports()), 0)
		k.equal("importing without it", importing(acme, "1"), false)
		k.view(func(tx registry.Tx) {
			k.equal("due never", want[[]registry.Import](k)(tx.Imports(1)), []registry.Import(nil))
		})
	},
}
