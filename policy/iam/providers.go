package iam

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"larder/registry"
)

const (
	maxClients     = 100
	maxThumbprints = 5
	maxProviders   = 100
)

// Client ids, and what of a provider's URL may stand in its ARN.
var (
	clientID   = regexp.MustCompile(`^[\x21-\x7e]{1,255}$`)
	issuerPath = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[\w.~/-]*)?$`)
	thumbprint = regexp.MustCompile(`^[0-9a-fA-F]{40}$`)
)

// issuer reads the member Url: https, a host and maybe a path.
func (c *call) issuer() string {
	text := c.form.Required("Url")
	u, err := url.Parse(text)
	issuer, ok := strings.CutPrefix(text, "https://")
	if err != nil || !ok || u.User != nil || u.RawQuery != "" || u.Fragment != "" || len(text) > 255 || !issuerPath.MatchString(issuer) {
		c.form.Fail(invalid("Url is %q; it must be the https URL of the provider, as its tokens have it in iss", clip(text)))
	}
	return issuer
}

func checkClients(clients []string) error {
	if len(clients) > maxClients {
		return limitExceeded("client ids of a provider", maxClients)
	}
	for _, id := range clients {
		if !clientID.MatchString(id) {
			return invalid("%q is no client id", clip(id))
		}
	}
	return nil
}

func checkThumbprints(all []string) error {
	if len(all) > maxThumbprints {
		return limitExceeded("thumbprints of a provider", maxThumbprints)
	}
	for _, t := range all {
		if !thumbprint.MatchString(t) {
			return invalid("%q is no thumbprint: it must have 40 hex digits", clip(t))
		}
	}
	return nil
}

func (c *call) createProvider() (any, error) {
	p := registry.Provider{
		Account: c.actor.Account, Issuer: c.issuer(), Clients: c.form.List("ClientIDList"), Thumbprints: c.form.List("ThumbprintList"), Tags: c.tags(),
	}
	if err := c.form.Err(); err != nil {
		return nil, err
	}
	if err := c.allowWith(p.ARN(), requestTags(p.Tags)); err != nil {
		return nil, err
	}
	for _, err := range []error{checkClients(p.Clients), checkThumbprints(p.Thumbprints), checkTags(p.Tags)} {
		if err != nil {
			return nil, err
		}
	}
	err := c.update(func(tx registry.Tx) error {
		all, err := tx.Providers(c.actor.Account)
		if err != nil {
			return err
		}
		if len(all) >= maxProviders {
			return limitExceeded("OpenID Connect providers of an account", maxProviders)
		}
		p.Created = tx.Now()
		return taken(tx.CreateProvider(p), "Provider with url https://%s already exists.", p.Issuer)
	})
	return struct {
		OpenIDConnectProviderArn string
		Tags                     []tag `xml:"Tags>member"`
	}{p.ARN(), tagList(p.Tags)}, err
}

// provider authorizes the operation on the provider that the request names and
// gives its issuer.
func (c *call) provider(keys map[string]string) (string, error) {
	arn := c.form.Required("OpenIDConnectProviderArn")
	if err := c.form.Err(); err != nil {
		return "", err
	}
	if err := c.allowWith(arn, keys); err != nil {
		return "", err
	}
	issuer, ok := strings.CutPrefix(arn, c.arn("oidc-provider/"))
	if !ok {
		return "", noProvider(arn)
	}
	return issuer, nil
}

func noProvider(arn string) error {
	return registry.Errorf(registry.NotFound, "OpenIDConnect Provider not found for arn %s", clip(arn))
}

func (c *call) readProvider() (p registry.Provider, err error) {
	issuer, err := c.provider(nil)
	if err != nil {
		return p, err
	}
	err = c.view(func(tx registry.Tx) (err error) {
		p, err = tx.Provider(c.actor.Account, issuer)
		return noEntity(err, "OpenIDConnect Provider not found for arn %s", c.arn("oidc-provider/"+clip(issuer)))
	})
	return p, err
}

func (c *call) changeProvider(keys map[string]string, f func(p *registry.Provider) error) error {
	issuer, err := c.provider(keys)
	if err != nil {
		return err
	}
	return c.update(func(tx registry.Tx) error {
		p, err := tx.Provider(c.actor.Account, issuer)
		if err != nil {
			return noEntity(err, "OpenIDConnect Provider not found for arn %s", c.arn("oidc-provider/"+clip(issuer)))
		}
		if err := f(&p); err != nil {
			return err
		}
		return tx.UpdateProvider(p)
	})
}

func (c *call) getProvider() (any, error) {
	p, err := c.readProvider()
	if err != nil {
		return nil, err
	}
	return struct {
		Url            string
		ClientIDList   []string `xml:"ClientIDList>member"`
		ThumbprintList []string `xml:"ThumbprintList>member"`
		CreateDate     isoTime
		Tags           []tag `xml:"Tags>member"`
	}{p.Issuer, p.Clients, p.Thumbprints, isoTime(p.Created), tagList(p.Tags)}, nil
}

func (c *call) listProviders() (any, error) {
	if err := c.allow(c.arn("oidc-provider/*")); err != nil {
		return nil, err
	}
	type entry struct{ Arn string }
	answer := struct {
		OpenIDConnectProviderList []entry `xml:"OpenIDConnectProviderList>member"`
	}{}
	return &answer, c.view(func(tx registry.Tx) error {
		all, err := tx.Providers(c.actor.Account)
		for _, p := range all {
			answer.OpenIDConnectProviderList = append(answer.OpenIDConnectProviderList, entry{p.ARN()})
		}
		return err
	})
}

func (c *call) deleteProvider() (any, error) {
	issuer, err := c.provider(nil)
	if err != nil {
		return nil, err
	}
	return nil, c.update(func(tx registry.Tx) error {
		err := tx.DeleteProvider(c.actor.Account, issuer)
		return noEntity(err, "OpenIDConnect Provider not found for arn %s", c.arn("oidc-provider/"+clip(issuer)))
	})
}

func (c *call) addClient() (any, error) {
	id := c.form.Required("ClientID")
	return nil, c.changeProvider(nil, func(p *registry.Provider) error {
		if !slices.Contains(p.Clients, id) {
			p.Clients = append(p.Clients, id)
		}
		return checkClients(p.Clients)
	})
}

func (c *call) removeClient() (any, error) {
	id := c.form.Required("ClientID")
	return nil, c.changeProvider(nil, func(p *registry.Provider) error {
		p.Clients = slices.DeleteFunc(p.Clients, func(have string) bool { return have == id })
		return nil
	})
}

func (c *call) updateThumbprint() (any, error) {
	all := c.form.List("ThumbprintList")
	return nil, c.changeProvider(nil, func(p *registry.Provider) error {
		p.Thumbprints = all
		return checkThumbprints(all)
	})
}

func (c *call) tagProvider() (any, error) {
	tags := c.tags()
	return nil, c.changeProvider(requestTags(tags), func(p *registry.Provider) error { return addTags(&p.Tags, tags) })
}

func (c *call) untagProvider() (any, error) {
	keys := c.form.List("TagKeys")
	return nil, c.changeProvider(tagKeys(keys), func(p *registry.Provider) error {
		for _, k := range keys {
			delete(p.Tags, k)
		}
		return nil
	})
}

func (c *call) listProviderTags() (any, error) {
	p, err := c.readProvider()
	if err != nil {
		return nil, err
	}
	return tagsResult{Tags: tagList(p.Tags)}, nil
}
