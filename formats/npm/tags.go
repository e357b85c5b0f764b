package npm

import (
	"encoding/json"
	"io"
	"net/http"

	"larder/formats"
	"larder/registry"
)

// getTags answers GET /-/package/{package}/dist-tags.
func getTags(w http.ResponseWriter, r *formats.Request) error {
	p, err := packageOf(r)
	if err != nil {
		return err
	}
	q := registry.DocumentQuery{Package: p, Kind: "dist-tags"}
	d, err := r.Repo.Document(r.Context(), q, func(view *registry.PackageView) ([]byte, error) {
		return json.Marshal(view.Tags)
	})
	if err != nil {
		return err
	}
	return formats.ServeDocument(w, r, d, fullType)
}

// putTag answers PUT /-/package/{package}/dist-tags/{tag}; the body is the
// version as a JSON string.
func putTag(w http.ResponseWriter, r *formats.Request) error {
	p, err := packageOf(r)
	if err != nil {
		return err
	}
	if err := r.Repo.Allowed(r.Context(), registry.PutPackageMetadata, p); err != nil {
		return err
	}
	tag := r.Vars["tag"]
	if why := badTag(tag); why != "" {
		return registry.Errorf(registry.Invalid, "%q cannot be a dist-tag: %s", tag, why)
	}
	body, err := readBody(r, 1<<10)
	if err != nil {
		return err
	}
	var version string
	if json.Unmarshal(body, &version) != nil || version == "" {
		return registry.Errorf(registry.Invalid, "the body must be a version as a JSON string, such as \"1.2.3\"")
	}
	r.Log.Version = version
	if err := r.Repo.SetTag(r.Context(), p, tag, version); err != nil {
		return err
	}
	return done(w, r, http.StatusOK, p)
}

// deleteTag answers DELETE /-/package/{package}/dist-tags/{tag}.
func deleteTag(w http.ResponseWriter, r *formats.Request) error {
	p, err := packageOf(r)
	if err != nil {
		return err
	}
	if err := r.Repo.RemoveTag(r.Context(), p, r.Vars["tag"]); err != nil {
		return err
	}
	return done(w, r, http.StatusOK, p)
}

// readBody reads a small body whole; TooLarge over limit bytes.
func readBody(r *formats.Request, limit int64) ([]byte, error) {
	body, err := openBody(r)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(body, limit+1))
	switch {
	case err != nil:
		return nil, registry.Errorf(registry.Invalid, "the body cannot be read: %w", err)
	case int64(len(b)) > limit:
		return nil, registry.Errorf(registry.TooLarge, "the body is larger than %d bytes", limit)
	}
	return b, nil
}
