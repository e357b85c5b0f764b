package main

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"larder/internal/lockfile"
)

// askedVersion is a version whose files are asked for, with what the control plane
// says of those that the repository itself holds.
type askedVersion struct {
	session *session
	entry   lockfile.Entry

	once sync.Once
	held map[string]types.AssetSummary
}

// assets gives the files that the repository itself holds, by name; none where
// that may not be asked.
func (v *askedVersion) assets(ctx context.Context) map[string]types.AssetSummary {
	v.once.Do(func() {
		v.held = map[string]types.AssetSummary{}
		s, e := v.session, v.entry
		out, err := s.assetsIn(ctx, s.repository, address{types.PackageFormat(e.Format), e.Namespace, e.Name, e.Version})
		if err != nil {
			return // the bytes themselves tell as well
		}
		for _, a := range out {
			v.held[aws.ToString(a.Name)] = a
		}
	})
	return v.held
}

// assetsIn lists the files of a version that a repository itself holds.
func (s *session) assetsIn(ctx context.Context, repository string, a address) ([]types.AssetSummary, error) {
	out, err := collect(ctx, codeartifact.NewListPackageVersionAssetsPaginator(s.client, &codeartifact.ListPackageVersionAssetsInput{
		Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &repository,
		Format: a.format, Namespace: optional(a.namespace), Package: &a.name, PackageVersion: &a.version, MaxResults: aws.Int32(1000),
	}), func(o *codeartifact.ListPackageVersionAssetsOutput) *[]types.AssetSummary { return &o.Assets })
	if err != nil {
		return nil, err
	}
	return out.Assets, nil
}

// file asks for one file and says what became of it. Held files are verified by
// the digests that the server knows, and read only where it has none that a
// lock promises. An error is one that ends the run.
func (w *wire) file(ctx context.Context, of *askedVersion, f want) (outcome, error) {
	o := outcome{file: f.file, state: stateHeld}
	held, err := w.isHeld(ctx, of, f)
	switch {
	case err != nil:
	case held != nil && w.proves(ctx, of, f, held):
	case held != nil:
		_, err = w.receive(ctx, f, w.knows)
	case w.check:
		o.state, o.reason = stateMissing, notHeldReason
	default:
		o.state = stateFetched
		o.size, err = w.receive(ctx, f, false)
	}
	return w.outcome(o, err)
}

// heldFile is what is known of a file that is held.
type heldFile struct{ sha256 string } // in hex; empty: not said

// isHeld asks whether a file is here, without fetching it; nil: it is not. What
// the guard refuses is a *refusal with the reason.
func (w *wire) isHeld(ctx context.Context, of *askedVersion, f want) (*heldFile, error) {
	if !w.knows {
		a, ok := of.assets(ctx)[f.asset]
		if !ok {
			return nil, nil
		}
		return &heldFile{a.Hashes[string(types.HashAlgorithmSha256)]}, nil
	}
	var h *heldFile
	note := func(res *http.Response) error {
		h = &heldFile{strings.Trim(res.Header.Get("ETag"), `"`)}
		return nil
	}
	err := w.ask(ctx, http.MethodHead, f.url, true, nil, note)
	var said *refusal
	if !errors.As(err, &said) {
		return h, err
	}
	if said.status == http.StatusGatewayTimeout {
		return nil, nil
	}
	// An answer to HEAD has no sentence; that to GET of a byte has.
	err = w.ask(ctx, http.MethodGet, f.url, true, http.Header{"Range": {"bytes=0-0"}}, note)
	if errors.As(err, &said) && said.status == http.StatusGatewayTimeout {
		return nil, nil
	}
	return h, err
}

// proves reports whether what the server says of a held file keeps all that is
// promised of it. Where it does not say, or says otherwise, the bytes decide.
func (w *wire) proves(ctx context.Context, of *askedVersion, f want, held *heldFile) bool {
	if f.keep != nil {
		return false
	}
	for _, promise := range f.promises {
		if !slices.ContainsFunc(promise, func(d lockfile.Digest) bool {
			if d.Algorithm == lockfile.SHA256 && held.sha256 != "" {
				return d.Hex() == held.sha256
			}
			algorithm := d.Algorithm
			if algorithm == lockfile.Content { // of a package that is not signed
				algorithm = lockfile.SHA512
			}
			a := of.assets(ctx)[f.asset]
			return held.sha256 == a.Hashes[string(types.HashAlgorithmSha256)] && d.Hex() == a.Hashes[string(algorithm)]
		}) {
			return false
		}
	}
	return true
}

// receive reads a file's bytes, wherever they come from, and verifies them. It
// keeps none of them in memory, but for what f wants kept.
func (w *wire) receive(ctx context.Context, f want, onlyHeld bool) (int64, error) {
	var size int64
	err := w.ask(ctx, http.MethodGet, f.url, onlyHeld, nil, func(res *http.Response) error {
		v, err := newVerifier(f)
		if err != nil {
			return err
		}
		defer v.close()
		if size, err = io.Copy(v, res.Body); err != nil {
			return &brokenOff{err}
		}
		return v.verify(f)
	})
	return size, err
}

// verifier hashes what is written to it.
type verifier struct {
	io.Writer
	hashes map[lockfile.Algorithm]hash.Hash
	kept   *limitedBuffer
	spool  *os.File // where only the whole file tells
}

func newVerifier(f want) (*verifier, error) {
	v := &verifier{hashes: map[lockfile.Algorithm]hash.Hash{}}
	var all []io.Writer
	for _, promise := range f.promises {
		for _, d := range promise {
			if d.Algorithm == lockfile.Content && v.spool == nil {
				var err error
				if v.spool, err = os.CreateTemp("", "larder-prefetch-*"); err != nil {
					return nil, fmt.Errorf("cannot keep %s for a moment: %w", f.file, err)
				}
				all = append(all, v.spool)
			} else if h := newHash(d.Algorithm); h != nil && v.hashes[d.Algorithm] == nil {
				v.hashes[d.Algorithm] = h
				all = append(all, h)
			}
		}
	}
	if f.keep != nil {
		v.kept = &limitedBuffer{}
		all = append(all, v.kept)
	}
	v.Writer = io.MultiWriter(all...)
	return v, nil
}

func newHash(a lockfile.Algorithm) hash.Hash {
	switch a {
	case lockfile.MD5:
		return md5.New()
	case lockfile.SHA1:
		return sha1.New()
	case lockfile.SHA256:
		return sha256.New()
	case lockfile.SHA384:
		return sha512.New384()
	case lockfile.SHA512:
		return sha512.New()
	}
	return nil
}

func (v *verifier) close() {
	if v.spool != nil {
		v.spool.Close()
		os.Remove(v.spool.Name())
	}
}

// mismatch is the error of bytes that are not those that a lock promises.
type mismatch struct {
	want []lockfile.Digest
	got  string
}

func (m *mismatch) Error() string {
	words := make([]string, len(m.want))
	for i, d := range m.want {
		words[i] = d.Hex()
	}
	return fmt.Sprintf("its bytes are not those that the lock promises: expected %s %s, got %s", m.want[0].Algorithm, strings.Join(words, " or "), m.got)
}

// verify compares with what is promised, and hands over what is kept.
func (v *verifier) verify(f want) error {
	for _, promise := range f.promises {
		got, err := v.sum(promise[0].Algorithm)
		if err != nil {
			return fmt.Errorf("its digest cannot be told: %w", err)
		}
		if !slices.ContainsFunc(promise, func(d lockfile.Digest) bool { return d.Sum == got }) {
			return &mismatch{promise, hex.EncodeToString([]byte(got))}
		}
	}
	if v.kept != nil {
		if v.kept.over {
			return fmt.Errorf("it is larger than %s", shownSize(keepLimit))
		}
		f.keep(v.kept.b)
	}
	return nil
}

func (v *verifier) sum(a lockfile.Algorithm) (string, error) {
	if a != lockfile.Content {
		return string(v.hashes[a].Sum(nil)), nil
	}
	size, err := v.spool.Seek(0, io.SeekEnd)
	if err != nil {
		return "", err
	}
	d, err := lockfile.ContentHash(v.spool, size)
	return d.Sum, err
}

// limitedBuffer keeps so many bytes, and notes that there were more.
type limitedBuffer struct {
	b    []byte
	over bool
}

func (l *limitedBuffer) Write(p []byte) (int, error) {
	if len(l.b)+len(p) > keepLimit {
		l.over = true
	} else {
		l.b = append(l.b, p...)
	}
	return len(p), nil
}

// outcome says what an error means for the file; the error is given back where
// it ends the run.
func (w *wire) outcome(o outcome, err error) (outcome, error) {
	var said *refusal
	switch {
	case err == nil:
		return o, nil
	case errors.Is(err, errOver), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return o, err
	case errors.As(err, &said) && said.status == http.StatusForbidden:
		o.state = stateRefused
	case errors.As(err, &said) && (said.status == http.StatusNotFound || said.status == http.StatusGone || said.status == http.StatusGatewayTimeout):
		o.state = stateMissing
	default:
		o.state = stateFailed
	}
	o.reason = err.Error()
	return o, nil
}
