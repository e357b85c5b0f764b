package npm

import (
	"context"
	"net/http"

	"larder/formats"
	"larder/registry"
)

// getTarball answers GET /{package}/-/{file}.
func getTarball(w http.ResponseWriter, r *formats.Request) error {
	p, err := packageOf(r)
	if err != nil {
		return err
	}
	version, err := tarballVersion(r.Context(), r.Repo, p, r.Vars["file"])
	if err != nil {
		return err
	}
	r.Log.Version = version
	a, err := r.Repo.Asset(r.Context(), registry.VersionID{Package: p, Version: version}, asset)
	if err != nil {
		return err
	}
	return formats.ServeAsset(w, r, a, "application/octet-stream", tarballName(p, version))
}

// tarballVersion finds the version that a file name stands for. Our own
// documents name files by convention; a lock file written against another
// registry may have the odd name that the file has there.
func tarballVersion(ctx context.Context, repo *registry.Repo, p registry.PackageID, file string) (string, error) {
	if version, ok := versionOfTarball(p, file); ok {
		return version, nil
	}
	view, err := repo.Package(ctx, p)
	if err != nil {
		return "", err
	}
	for i := range view.Versions {
		if v := &view.Versions[i]; decode(v.Manifest).file == file {
			return v.Version.Version, nil
		}
	}
	return "", registry.Errorf(registry.NotFound, "package %q has no file %q; its files are called %s", fullName(p), file, tarballName(p, "{version}"))
}
