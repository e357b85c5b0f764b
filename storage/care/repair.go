package care

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"larder/registry"
)

// repair puts right bytes in the place of those that are missing or damaged, and
// says in the finding from where, or why there are none. An error ends the run.
func (v *verifying) repair(f *finding, first bool, id registry.VersionID, origin registry.Origin, a registry.Asset) error {
	tried := f.tried
	if first {
		for _, r := range v.Replicas {
			_, err := transfer(v.ctx, r.Blobs, Mending(v.b), v.domain, a.Hashes.SHA256)
			if err == nil {
				f.from = r.Name
				return nil
			}
			if registry.IsNotFound(err) {
				err = errMissing
			}
			tried = append(tried, r.Name+": "+sentence(err))
		}
	}
	if c := origin.Connection; v.Puller != nil && origin.Type == registry.OriginExternal && c != f.asked {
		err := v.pull(c, id, a)
		if err == nil {
			f.from, f.why = "external connection "+c, nil
			return nil
		}
		f.asked = c
		tried = append(tried, "external connection "+c+": "+sentence(err))
	}
	if err := v.ctx.Err(); err != nil {
		return err
	}
	f.tried, f.why = tried, errors.New("there is nobody to ask for the right ones")
	if len(tried) > 0 {
		f.why = errors.New("nobody gives the right ones: " + strings.Join(tried, "; "))
	}
	if !first || !errors.Is(f.wrong, registry.ErrDamaged) {
		return nil
	}
	v.sum.SetAside++
	return setAside(v.ctx, v.b, v.domain, a.Hashes.SHA256)
}

// pull fetches an asset anew from where it came. Only its own bytes are taken:
// their digest is all that is promised.
func (v *verifying) pull(connection string, id registry.VersionID, a registry.Asset) error {
	var err error
	tried := ""
	for _, find := range []func() (registry.ListedAsset, error){
		func() (registry.ListedAsset, error) {
			l, err := v.Puller.Known(v.ctx, v.domain, connection, id.Package)
			return listed(l, err, id, a.Name)
		},
		func() (registry.ListedAsset, error) { return v.Puller.Locate(connection, id, a.Name) },
		// Beside a server that has the rows to itself this fails: its listings are its own.
		func() (registry.ListedAsset, error) {
			l, err := v.Puller.Listing(v.ctx, v.domain, connection, id.Package, time.Now())
			return listed(l, err, id, a.Name)
		},
	} {
		at, e := find()
		if e == nil && at.URL == tried {
			continue
		}
		if e == nil {
			tried = at.URL
			at = registry.ListedAsset{Name: a.Name, URL: at.URL, Size: a.Size, SHA256: a.Hashes.SHA256[:]}
			if e = v.fetch(connection, id, at); e == nil {
				return nil
			}
			err = e // says more than that something is not listed
		}
		if err == nil {
			err = e
		}
	}
	return err
}

func listed(l *registry.Listing, err error, id registry.VersionID, name string) (registry.ListedAsset, error) {
	if err != nil {
		return registry.ListedAsset{}, err
	}
	for _, v := range l.Versions {
		if v.Version != id.Version {
			continue
		}
		for _, a := range v.Assets {
			if a.Name == name {
				return a, nil
			}
		}
	}
	return registry.ListedAsset{}, registry.Errorf(registry.NotFound, "upstream does not list %s any more", name)
}

func (v *verifying) fetch(connection string, id registry.VersionID, at registry.ListedAsset) error {
	pulled, err := v.Puller.Pull(v.ctx, registry.PullRequest{Domain: v.domain, Connection: connection, Version: id, Asset: at})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, pulled.Body)
	if err = errors.Join(err, pulled.Body.Close()); err != nil {
		return err
	}
	_, _, err = pulled.Wait(v.ctx)
	return err
}

// Mending gives the store with writers whose Commit sets damaged bytes aside that
// are there under the digest, where Commit of the store's own would leave them.
func Mending(b registry.Blobs) registry.Blobs { return mending{b} }

type mending struct{ registry.Blobs }

func (m mending) Create(ctx context.Context, d registry.DomainID) (registry.BlobWriter, error) {
	w, err := m.Blobs.Create(ctx, d)
	if err != nil {
		return nil, err
	}
	return mendingWriter{w, m.Blobs, d}, nil
}

type mendingWriter struct {
	registry.BlobWriter
	store  registry.Blobs
	domain registry.DomainID
}

func (w mendingWriter) Commit(ctx context.Context, digest registry.Digest) error {
	_, err := whole(ctx, w.store, w.domain, digest)
	if errors.Is(err, registry.ErrDamaged) {
		err = setAside(ctx, w.store, w.domain, digest)
	}
	if err != nil && !registry.IsNotFound(err) {
		return err
	}
	return w.BlobWriter.Commit(ctx, digest)
}

// setAside takes damaged bytes away from where they are served.
func setAside(ctx context.Context, b registry.Blobs, d registry.DomainID, digest registry.Digest) error {
	if q, ok := b.(registry.BlobQuarantine); ok {
		return q.SetAside(ctx, d, digest)
	}
	return b.Delete(ctx, d, digest)
}
