package registry

// Quotas are the limits of an account and its resources (spec 8); zero members
// take the default.
type Quotas struct {
	DomainsPerAccount        int // default 10
	RepositoriesPerDomain    int // default 1,000
	UpstreamsPerRepository   int // default 10
	ConnectionsPerRepository int // default 10
	GroupsPerDomain          int // default 10,000
	TagsPerResource          int // default 200
}

func (q Quotas) withDefaults() Quotas {
	for _, d := range []struct {
		quota *int
		value int
	}{
		{&q.DomainsPerAccount, 10},
		{&q.RepositoriesPerDomain, 1000},
		{&q.UpstreamsPerRepository, 10},
		{&q.ConnectionsPerRepository, 10},
		{&q.GroupsPerDomain, 10_000},
		{&q.TagsPerResource, 200},
	} {
		if *d.quota == 0 {
			*d.quota = d.value
		}
	}
	return q
}

func overQuota(r Resource, what string, limit int) error {
	return Errorf(Quota, "the quota of %d %s is used up; an administrator of this server can raise it", limit, what).About(r)
}

// VersionsPerBatch bounds the calls that name versions (spec 8).
const VersionsPerBatch = 100
