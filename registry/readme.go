package registry

import (
	"context"
	"io"
	"strconv"
)

// PackageVersionReadme is DescribePackageVersion under the right to the readme:
// the one of the manifest, else the one within the version's asset. NotFound
// where the version has none.
func (s *Service) PackageVersionReadme(ctx context.Context, actor Actor, r RepoID, id VersionID) (VersionDetails, error) {
	d, err := s.details(ctx, actor, GetPackageVersionReadme, r, id)
	if err == nil && d.Readme == "" {
		d.Readme, err = s.readmeWithin(ctx, r, d.ID, d.Version)
	}
	if err == nil && d.Readme == "" {
		res := r.Package(d.ID.Package)
		res.Type, res.Version = VersionResource, d.ID.Version
		err = Errorf(NotFound, "version %s of package %q has no readme", d.ID.Version, d.ID.Package.DisplayName()).About(res)
	}
	return d, err
}

// readmeWithin digs the readme out of the asset that the format says has it;
// empty where there is none. What was found is kept, also that there is none.
func (s *Service) readmeWithin(ctx context.Context, r RepoID, id VersionID, v Version) (string, error) {
	holder, ok := s.Rules[id.Package.Format].(ReadmeHolder)
	if !ok {
		return "", nil
	}
	name := holder.ReadmeIn(id)
	asset, ok := v.Asset(name)
	if !ok {
		return "", nil
	}
	doc, err := s.extract(ctx, r.Domain, id, asset, Derivation{Kind: "text of the readme", Extract: func(bytes io.ReaderAt, size int64) ([]byte, error) {
		text, err := holder.Readme(bytes, size)
		if IsNotFound(err) {
			return nil, nil
		}
		return text, err
	}})
	if IsNotFound(err) {
		return "", missingBytes(r.Package(id.Package), id, name, err)
	}
	if err != nil {
		return "", err
	}
	return string(doc.Plain()), nil
}

// missingBytes is the error of an asset whose row is there and whose bytes are not.
func missingBytes(res Resource, id VersionID, name string, cause error) error {
	res.Type, res.Version, res.Name = AssetResource, id.Version, name
	return &Error{Code: NotFound, Resource: res, Err: cause, Msg: "the bytes of " + name + " of version " + id.Version + " of package " + strconv.Quote(id.Package.DisplayName()) +
		" are missing on this server: its administrator can bring them back with larder verify --repair"}
}
