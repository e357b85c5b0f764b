package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"larder/registry"
	"larder/registry/api"
)

// quotas are the settings of --quota: NAME=VALUE, by name. It is a pflag.Value
// and a pflag.SliceValue.
type quotas struct {
	said  map[string]string
	core  registry.Quotas
	bytes registry.Limits
	rates api.Rates
}

const quotaHelp = "a limit as `NAME=VALUE`, such as repositories=5000, asset-size=10GiB or reads=800 (per second and account); repeatable"

// quotaNames are what can be set. Defaults are those of AWS (spec 8); requests
// per second are not bounded unless it is said.
const quotaNames = "domains, repositories, upstreams, connections, groups, tags, assets and asset-size; " +
	"in requests per second of an account: reads, writes and the operations of the API by name"

func (q *quotas) Set(setting string) error {
	name, value, found := strings.Cut(setting, "=")
	if !found {
		return fmt.Errorf("%q is not NAME=VALUE", setting)
	}
	numbers := map[string]*int{
		"domains": &q.core.DomainsPerAccount, "repositories": &q.core.RepositoriesPerDomain, "upstreams": &q.core.UpstreamsPerRepository,
		"connections": &q.core.ConnectionsPerRepository, "groups": &q.core.GroupsPerDomain, "tags": &q.core.TagsPerResource, "assets": &q.bytes.AssetsPer,
	}
	switch number, isNumber := numbers[name]; {
	case isNumber:
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return fmt.Errorf("%s: %q is no number from 1", name, value)
		}
		*number = n
	case name == "asset-size":
		n, err := humanize.ParseBytes(value)
		if err != nil || n < 1 || n > 1<<62 {
			return fmt.Errorf("%s: %q is no size such as 10GiB", name, value)
		}
		q.bytes.AssetSize = int64(n)
	default:
		n, err := strconv.ParseFloat(value, 64)
		if (api.Rates{name: 1}).Check() != nil {
			return fmt.Errorf("there is no quota %q; there are %s", name, quotaNames)
		}
		if err != nil || (api.Rates{name: n}).Check() != nil {
			return fmt.Errorf("%s: %q is no number of requests per second", name, value)
		}
		if q.rates == nil {
			q.rates = api.Rates{}
		}
		q.rates[name] = n
	}
	if q.said == nil {
		q.said = map[string]string{}
	}
	q.said[name] = value
	return nil
}

func (q *quotas) Type() string   { return "stringArray" }
func (q *quotas) String() string { return strings.Join(q.GetSlice(), ",") }

func (q *quotas) Append(setting string) error { return q.Set(setting) }

func (q *quotas) Replace(settings []string) error {
	*q = quotas{}
	for _, s := range settings {
		if err := q.Set(s); err != nil {
			return err
		}
	}
	return nil
}

func (q *quotas) GetSlice() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(q.said)) {
		all = append(all, name+"="+q.said[name])
	}
	return all
}
