package npm

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"unicode"

	"larder/formats"
	"larder/registry"
)

// getTarball answers GET /{package}/-/{file}.
func getTarball(w http.ResponseWriter, r *formats.Request) error {
	p := parseName(r.Vars["package"]) // which the core checks
	version, err := tarballVersion(r.Context(), r.Repo, p, r.Vars["file"])
	if err != nil {
		return err
	}
	r.Log.Version = version
	a, err := r.Repo.Asset(r.Context(), registry.VersionID{Package: p, Version: version}, asset)
	if err != nil {
		return err
	}
	if a.Warning != "" { // which npm prints (npm-registry-fetch: check-response.js)
		w.Header()["Npm-Notice"] = []string{a.Warning}
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
	d, err := repo.Document(ctx, registry.DocumentQuery{Package: p, Kind: "files"}, oddFiles)
	if err != nil {
		return "", err
	}
	if _, found, ok := bytes.Cut(d.Plain(), []byte("\n"+file+"\t")); ok {
		version, _, _ := bytes.Cut(found, []byte("\n"))
		return string(version), nil
	}
	return "", registry.Errorf(registry.NotFound, "package %q has no file %q; its files are called %s", fullName(p), file, tarballName(p, "{version}"))
}

// oddFiles lists the files whose names are not the conventional ones: a line
// for each with the name, a tab and the version.
func oddFiles(view *registry.PackageView) ([]byte, error) {
	b := []byte("\n")
	for i := range view.Versions {
		v := &view.Versions[i]
		file := decode(v.Manifest).file
		if file == "" || file == tarballName(view.ID, v.Version.Version) || strings.ContainsFunc(file, unicode.IsControl) {
			continue
		}
		b = append(b, file...)
		b = append(b, '\t')
		b = append(b, v.Version.Version...)
		b = append(b, '\n')
	}
	return b, nil
}
