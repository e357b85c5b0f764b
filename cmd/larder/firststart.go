package main

import (
	"context"
	"fmt"

	"larder/internal/atomicfile"
	"larder/policy/identity"
	"larder/registry"
)

// The domain and the repositories of a first start.
const (
	firstDomain     = "local"
	firstRepository = "main"
)

var firstStores = []struct{ repository, connection string }{
	{"npm-store", "public:npmjs"},
	{"pypi-store", "public:pypi"},
	{"maven-central-store", "public:maven-central"},
	{"nuget-store", "public:nuget-org"},
}

// firstStart fills an empty server: the account with its administrator, a
// domain, and a repository with those of the public registries behind it.
// Where the account exists it changes nothing.
//
// The credentials are on disk before the rows are: a start that is cut off in
// between is a first start again, and overwrites them.
func firstStart(ctx context.Context, m registry.Metadata, s *identity.Sealer, d dataFolder) (bool, error) {
	first := false
	err := m.Update(ctx, func(tx registry.Tx) error {
		_, err := tx.Account(identity.FirstAccount)
		if first = registry.IsNotFound(err); !first {
			return err
		}
		key, err := identity.Bootstrap(tx, s)
		if err != nil {
			return err
		}
		if err := firstRepositories(tx); err != nil {
			return err
		}
		if err := atomicfile.Write(d.undiscovered(), nil, 0o600); err != nil {
			return d.unusable(err)
		}
		text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", key.ID, key.Secret)
		if err := atomicfile.Write(d.credentials(), []byte(text), 0o600); err != nil {
			return d.unusable(err)
		}
		return nil
	})
	return first, err
}

func firstRepositories(tx registry.Tx) error {
	domain := registry.DomainID{Owner: identity.FirstAccount, Name: firstDomain}
	if err := tx.CreateDomain(registry.Domain{ID: domain, Created: tx.Now()}); err != nil {
		return err
	}
	main := newRepository(tx, domain, firstRepository)
	for _, s := range firstStores {
		store := newRepository(tx, domain, s.repository)
		store.Connections = []string{s.connection}
		if err := tx.CreateRepository(store); err != nil {
			return err
		}
		main.Upstreams = append(main.Upstreams, s.repository)
	}
	return tx.CreateRepository(main)
}

func newRepository(tx registry.Tx, d registry.DomainID, name string) registry.Repository {
	return registry.Repository{
		ID:            registry.RepoID{Domain: d, Name: name},
		Administrator: d.Owner,
		Created:       tx.Now(),
	}
}
