package npm

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"larder/registry"
)

// maxDocument bounds what is kept in memory of one PUT: the package document
// without the tarball. The largest known packument is below it.
const maxDocument = 32 << 20

// maxBundle bounds a provenance bundle; real ones have about 10 KB.
const maxBundle = 2 << 20

// submission is the body of a PUT of a package document, as npm publish,
// deprecate and unpublish send it (libnpmpublish: publish.js and unpublish.js;
// npm: deprecate.js). Members may stand in any order.
type submission struct {
	name, id string // as it names itself; empty: it does not
	rev      string
	tags     map[string]string
	versions object // version to its manifest
	readme   []byte
	owners   bool // it has "maintainers" or "users" of its own

	tarball *attachment
	bundle  *attachment
}

// attachment is one member of _attachments.
type attachment struct {
	name   string
	length int64          // as declared; 0: not
	staged registry.Asset // of the tarball
	data   []byte         // of the bundle
}

// stager keeps a tarball's bytes aside and hashes them: Publication.Stage. Nil
// where none is taken.
type stager func(r io.Reader) (registry.Asset, error)

// readSubmission reads a body to its end. A tarball goes to stage as it is
// decoded, so the memory does not depend on its size.
func readSubmission(body io.Reader, p registry.PackageID, stage stager) (*submission, error) {
	j := newJSONReader(body, maxDocument)
	s := &submission{}
	err := j.object(func(key string) error {
		if key == "_attachments" {
			return s.readAttachments(j, p, stage)
		}
		if key == "versions" {
			return s.readVersions(j)
		}
		raw, err := j.value()
		if err != nil {
			return err
		}
		switch key {
		case "name":
			s.name = unquote(raw)
		case "_id":
			s.id = unquote(raw)
		case "_rev":
			s.rev = unquote(raw)
		case "readme":
			s.readme = raw
		case "maintainers", "users":
			s.owners = true
		case "dist-tags":
			if json.Unmarshal(raw, &s.tags) != nil {
				return registry.Errorf(registry.Invalid, "dist-tags must map tags to versions")
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s, j.finish()
}

func (s *submission) readVersions(j *jsonReader) error {
	if c, err := j.next(); err != nil {
		return err
	} else if c != '{' {
		_, err := j.value()
		return err
	}
	return j.object(func(version string) error {
		raw, err := j.value()
		if err != nil {
			return err
		}
		if raw[0] != '{' {
			return registry.Errorf(registry.Invalid, "version %q of the document is not an object", version)
		}
		s.versions.set(version, raw)
		return nil
	})
}

func (s *submission) readAttachments(j *jsonReader, p registry.PackageID, stage stager) error {
	if c, err := j.next(); err != nil {
		return err
	} else if c != '{' { // null, as some edits have it
		_, err := j.value()
		return err
	}
	return j.object(func(name string) error {
		if _, ok := versionOfAttachment(p, name, ".tgz"); ok {
			switch {
			case stage == nil:
				return registry.Errorf(registry.Invalid, "a tarball is published with PUT /%s, not with a revision", escapedName(p))
			case s.tarball != nil:
				return registry.Errorf(registry.Invalid, "the document has two tarballs; publish one version at a time")
			}
			a, err := readAttachment(j, name, func(a *attachment, r io.Reader) (err error) {
				a.staged, err = stage(&base64Reader{name: name, r: base64.NewDecoder(base64.StdEncoding, r)})
				return err
			})
			s.tarball = a
			return err
		}
		if _, ok := versionOfAttachment(p, name, ".sigstore"); ok {
			a, err := readAttachment(j, name, func(a *attachment, r io.Reader) (err error) {
				a.data, err = io.ReadAll(io.LimitReader(r, maxBundle+1))
				if err == nil && len(a.data) > maxBundle {
					err = registry.Errorf(registry.TooLarge, "the provenance bundle is larger than %d MiB", maxBundle>>20)
				}
				return err
			})
			s.bundle = a
			return err
		}
		return registry.Errorf(registry.Invalid, "the attachment %q is not called %s", name, attachmentName(p, "{version}", ".tgz"))
	})
}

// readAttachment reads one; nil for a stub, which stands for bytes that are
// meant to be here already.
func readAttachment(j *jsonReader, name string, take func(*attachment, io.Reader) error) (*attachment, error) {
	a := &attachment{name: name}
	data, stub := false, false
	err := j.object(func(key string) error {
		if key == "data" && !data {
			data = true
			r, err := j.string()
			if err != nil {
				return err
			}
			return take(a, r)
		}
		raw, err := j.value()
		switch key {
		case "length":
			_ = json.Unmarshal(raw, &a.length) // not a number: not declared
		case "stub":
			stub = string(raw) == "true"
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case data:
		return a, nil
	case stub:
		return nil, nil
	}
	return nil, registry.Errorf(registry.Invalid, "the attachment %q has no data", name)
}

// attachmentName is what publishing clients call a version's file; older ones
// leave the scope out.
func attachmentName(p registry.PackageID, version, ext string) string {
	return fullName(p) + "-" + version + ext
}

func versionOfAttachment(p registry.PackageID, name, ext string) (string, bool) {
	rest, ok := strings.CutPrefix(name, fullName(p)+"-")
	if !ok {
		rest, ok = strings.CutPrefix(name, p.Name+"-")
	}
	if !ok {
		return "", false
	}
	version, ok := strings.CutSuffix(rest, ext)
	if _, valid := parseVersion(version, false); !valid {
		return "", false
	}
	return version, ok
}

// base64Reader says in a client's terms what is wrong with an attachment.
type base64Reader struct {
	name string
	r    io.Reader
}

func (b *base64Reader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	var corrupt base64.CorruptInputError
	if errors.As(err, &corrupt) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = registry.Errorf(registry.Invalid, "the attachment %q is not base64", b.name)
	}
	return n, err
}
