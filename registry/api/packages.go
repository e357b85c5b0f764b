package api

import (
	"context"

	"larder/internal/awswire"
	"larder/registry"
)

// packageSummary is PackageSummary of spec 2.9.
type packageSummary struct {
	Format    string              `json:"format"`
	Namespace string              `json:"namespace,omitempty"`
	Package   string              `json:"package"`
	Origin    originConfiguration `json:"originConfiguration"`
}

// originConfiguration is PackageOriginConfiguration.
type originConfiguration struct {
	Restrictions struct {
		Publish  registry.Restriction `json:"publish"`
		Upstream registry.Restriction `json:"upstream"`
	} `json:"restrictions"`
}

func summarizePackage(p registry.Package) packageSummary {
	s := packageSummary{Format: p.ID.Format, Namespace: p.ID.Namespace, Package: p.ID.Name}
	s.Origin.Restrictions.Publish, s.Origin.Restrictions.Upstream = p.Restrictions.Publish, p.Restrictions.Upstream
	return s
}

type listPackagesInput struct {
	inRepository
	paged
	Format    string `query:"format" json:"-"`
	Namespace string `query:"namespace" json:"-"`
	Prefix    string `query:"package-prefix" json:"-"`
	Publish   string `query:"publish" json:"-"`
	Upstream  string `query:"upstream" json:"-"`
}

// filter checks what narrows the list: namespace is a prefix, and not to be
// used without a format (spec 2.10).
func (in *listPackagesInput) filter() (registry.PackageFilter, error) {
	f := registry.PackageFilter{
		Format:          in.Format,
		NamespacePrefix: in.Namespace,
		NamePrefix:      in.Prefix,
		Publish:         registry.Restriction(in.Publish),
		Upstream:        registry.Restriction(in.Upstream),
	}
	if in.Namespace != "" && in.Format == "" {
		return f, awswire.Invalid(awswire.FieldValidation, "namespace needs format: say in which format the namespace is")
	}
	for _, err := range []error{
		optionalOneOf("format", in.Format, formats...),
		prefix("namespace", in.Namespace, 255),
		prefix("package-prefix", in.Prefix, 255),
		optionalOneOf("publish", in.Publish, string(registry.Allow), string(registry.Block)),
		optionalOneOf("upstream", in.Upstream, string(registry.Allow), string(registry.Block)),
	} {
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

type packagesAnswer struct {
	Packages []packageSummary `json:"packages"`
	Next     string           `json:"nextToken,omitempty"`
}

func listPackages(ctx context.Context, c *call, in *listPackagesInput) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	page, err := in.page(c, packagesPageSize)
	if err != nil {
		return nil, err
	}
	packages, next, err := c.core.ListPackages(ctx, c.actor, id, filter, page)
	if err != nil {
		return nil, err
	}
	answer := packagesAnswer{Packages: []packageSummary{}, Next: c.next(next)}
	for _, p := range packages {
		answer.Packages = append(answer.Packages, summarizePackage(p))
	}
	return answer, nil
}

// packageDescription is PackageDescription, which calls the package's name "name".
type packageDescription struct {
	Format    string              `json:"format"`
	Namespace string              `json:"namespace,omitempty"`
	Name      string              `json:"name"`
	Origin    originConfiguration `json:"originConfiguration"`
}

type packageAnswer struct {
	Package packageDescription `json:"package"`
}

func describePackage(ctx context.Context, c *call, in *ofPackage) (any, error) {
	r, id, err := in.pkg(c)
	if err != nil {
		return nil, err
	}
	p, err := c.core.DescribePackage(ctx, c.actor, r, id)
	if err != nil {
		return nil, err
	}
	s := summarizePackage(p)
	return packageAnswer{packageDescription{s.Format, s.Namespace, s.Package, s.Origin}}, nil
}

type deletedPackageAnswer struct {
	Package packageSummary `json:"deletedPackage"`
}

func deletePackage(ctx context.Context, c *call, in *ofPackage) (any, error) {
	r, id, err := in.pkg(c)
	if err != nil {
		return nil, err
	}
	p, err := c.core.DeletePackage(ctx, c.actor, r, id)
	if err != nil {
		return nil, err
	}
	return deletedPackageAnswer{summarizePackage(p)}, nil
}

type putOriginInput struct {
	ofPackage
	Restrictions *struct {
		Publish  registry.Restriction `json:"publish"`
		Upstream registry.Restriction `json:"upstream"`
	} `json:"restrictions" required:"true"`
}

type originAnswer struct {
	Origin originConfiguration `json:"originConfiguration"`
}

func putPackageOriginConfiguration(ctx context.Context, c *call, in *putOriginInput) (any, error) {
	r, id, err := in.pkg(c)
	if err != nil {
		return nil, err
	}
	p := registry.Package{Restrictions: registry.Restrictions{Publish: in.Restrictions.Publish, Upstream: in.Restrictions.Upstream}}
	if err := c.core.PutPackageOriginConfiguration(ctx, c.actor, r, id, p.Restrictions); err != nil {
		return nil, err
	}
	return originAnswer{summarizePackage(p).Origin}, nil
}
