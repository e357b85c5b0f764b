package nuget

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"larder/formats"
	"larder/registry"
)

// staging is how what is pushed is called until its nuspec has said its name.
const staging = "package"

// putPackage answers PUT v3/package: a package, whole (NuGet documentation,
// "Push and Delete"). Which one it is its nuspec says; the right to publish
// some package is checked before a byte is read, that to publish this one
// before anything is kept.
func putPackage(w http.ResponseWriter, r *formats.Request) error {
	pub, p, err := receive(r)
	if err != nil {
		return err
	}
	defer pub.Abort()
	if p.is(symbolsType) {
		return registry.Errorf(registry.Invalid, "this is a symbol package; it is pushed to %sv3/symbolpackage, which clients do by themselves for .snupkg files", r.Base)
	}
	id, err := p.versionID()
	if err != nil {
		return err
	}
	name := packageFile(id)
	if err := pub.Rename(staging, name); err != nil {
		return err
	}
	draft := registry.Draft{ID: id, Status: registry.Published, Mode: registry.Seal, Manifest: p.encode(), Assets: []string{name}}
	if p.ID != id.Package.Name {
		draft.DisplayName = p.ID
	}
	if err := pub.Commit(r.Context(), draft); err != nil {
		return err
	}
	return created(w)
}

func created(w http.ResponseWriter) error {
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusCreated)
	return nil
}

// receive stages what is pushed and looks into it. The caller aborts the publication.
func receive(r *formats.Request) (*registry.Publication, *nupkg, error) {
	ctx := r.Context()
	pub, err := r.Repo.Publish(ctx, registry.PackageID{Format: registry.NuGet})
	if err != nil {
		return nil, nil, err
	}
	p, err := func() (*nupkg, error) {
		body, err := pushed(r.Request)
		if err != nil {
			return nil, err
		}
		a, err := pub.Stage(ctx, staging, body)
		if err != nil {
			return nil, err
		}
		rd, err := pub.Content(staging)
		if err != nil {
			return nil, err
		}
		return checkNupkg(rd, a.Size)
	}()
	if err != nil {
		pub.Abort()
		return nil, nil, err
	}
	r.Log.Package, r.Log.Version = p.ID, p.Version
	return pub, p, nil
}

// pushed gives the package in a request: the first part of a form, whatever it
// is called. What follows it does not matter.
func pushed(r *http.Request) (io.Reader, error) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/form-data" || params["boundary"] == "" {
		return nil, registry.Errorf(registry.Invalid, "a package is pushed as the first part of a form of type multipart/form-data, as nuget.exe and dotnet do")
	}
	part, err := multipart.NewReader(r.Body, params["boundary"]).NextRawPart()
	if err != nil {
		return nil, brokenForm(err)
	}
	return formReader{part}, nil
}

// formReader says in a client's terms what is wrong with a form that breaks off.
type formReader struct{ r io.Reader }

func (f formReader) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = brokenForm(err)
	}
	return n, err
}

func brokenForm(err error) error {
	var known *registry.Error
	if errors.As(err, &known) {
		return err
	}
	return &registry.Error{Code: registry.Invalid, Msg: "the package did not arrive whole: the form breaks off, or is not multipart/form-data; push it again", Err: err}
}
