package registry

import (
	"context"
	"regexp"
	"strings"
	"unicode"
)

// maxKey bounds what names an encryption key, in characters (spec 1.2).
const maxKey = 1011

var domainName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,48}[a-z0-9]$`)

// CreateDomain makes a domain that the actor's account owns. Conflict where it
// is there, Quota where the account has its number of them.
func (s *Service) CreateDomain(ctx context.Context, actor Actor, name, encryptionKey string, tags map[string]string) (Domain, error) {
	d := Domain{ID: DomainID{actor.Account, name}, EncryptionKey: encryptionKey, Tags: tags}
	if err := s.authorizeWith(ctx, actor, CreateDomain, d.ID.Resource(), settingTags(tags)); err != nil {
		return Domain{}, err
	}
	if !domainName.MatchString(name) {
		return Domain{}, Errorf(Invalid, "%q cannot name a domain: 2 to 50 lower-case letters, digits and hyphens, a letter first, no hyphen last", name)
	}
	if len(encryptionKey) > maxKey || strings.ContainsFunc(encryptionKey, unicode.IsSpace) {
		return Domain{}, Errorf(Invalid, "encryptionKey must be a key's id, alias or ARN: at most %d characters without white space", maxKey)
	}
	if err := s.checkTags(d.ID.Resource(), tags); err != nil {
		return Domain{}, err
	}
	err := s.Metadata.Update(ctx, func(tx Tx) error {
		have, _, err := tx.Domains(actor.Account, Page{Limit: s.Quotas.DomainsPerAccount})
		if err != nil {
			return err
		}
		d.Created = tx.Now()
		if err := tx.CreateDomain(d); err != nil {
			return err
		}
		if len(have) >= s.Quotas.DomainsPerAccount {
			return overQuota(d.ID.Resource(), "domains of an account", s.Quotas.DomainsPerAccount)
		}
		d, err = tx.Domain(d.ID)
		return err
	})
	return d, err
}

// DeleteDomain removes a domain without repositories, and gives it as it was.
// Conflict while it has some.
func (s *Service) DeleteDomain(ctx context.Context, actor Actor, id DomainID) (Domain, error) {
	d, err := s.enterDomain(ctx, actor, DeleteDomain, id)
	if err != nil {
		return Domain{}, err
	}
	// Its list of unused bytes goes with it.
	s.sweep(ctx, id)
	return d, s.Metadata.Update(ctx, func(tx Tx) error {
		// What of its bytes is still somewhere, sealed, nobody can read any more.
		keys, err := tx.Keys(BlobKeys(id))
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := tx.DeleteKey(k.Purpose, k.ID); err != nil {
				return err
			}
		}
		return tx.DeleteDomain(id)
	})
}
