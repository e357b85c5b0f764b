package npm

import (
	"io"
	"net/http"

	"larder/formats"
	"larder/registry"
)

// putPackument answers PUT /{package}: a publish when a tarball is attached,
// else an edit such as a deprecation.
func putPackument(w http.ResponseWriter, r *formats.Request) error {
	p, err := packageOf(r)
	if err != nil {
		return err
	}
	body, err := openBody(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	pub, refusal := r.Repo.Publish(ctx, p)
	switch {
	case refusal == nil:
		defer pub.Abort()
	case registry.CodeOf(refusal) != registry.Denied:
		return refusal
	case mayEdit(r, p) != nil:
		return refusal
	}
	s, err := readSubmission(body, p, func(rd io.Reader) (registry.Asset, error) {
		// Who may not publish may still edit: refused at the first byte of a
		// tarball, which is before any is kept.
		if refusal != nil {
			return registry.Asset{}, refusal
		}
		if why := badNewName(p); why != "" {
			return registry.Asset{}, registry.Errorf(registry.Invalid, "%q cannot be published: %s", fullName(p), why)
		}
		return pub.Stage(ctx, asset, rd)
	})
	if err != nil {
		return err
	}
	if s.tarball == nil {
		r.Log.Op = "edit"
		return edit(w, r, p, s, s.rev)
	}
	draft, err := s.draft(p, userName(r.Repo.Actor()))
	if err != nil {
		return err
	}
	r.Log.Version = draft.ID.Version
	if err := pub.Commit(ctx, draft); err != nil {
		return err
	}
	return done(w, r, http.StatusCreated, p)
}

// done is the answer to a change. npm looks at the status only; Yarn 1 at
// "ok", other clients at "success".
func done(w http.ResponseWriter, r *formats.Request, status int, p registry.PackageID) error {
	b := appendMember([]byte(`{"ok":true,"success":true`), "id", appendString(nil, fullName(p)))
	return formats.ServeBytes(w, r, status, fullType, append(b, '}'))
}
