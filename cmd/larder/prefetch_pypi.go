package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"larder/internal/lockfile"
)

// pypiFiles are the distributions that a lock names, or those of the version
// that have one of the digests that it promises, or all of them.
func (p *prefetcher) pypiFiles(ctx context.Context, i item) ([]want, error) {
	var all []want
	for _, f := range i.Files {
		u, err := p.wire.address(ctx, lockfile.PyPI, "simple", i.Name, i.Version, f.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, want{file: f.Name, asset: f.Name, url: u, promises: promised(f.Digests)})
	}
	if i.Files != nil && i.Digests == nil {
		return all, nil
	}
	if p.check {
		return p.pypiHeld(ctx, i, all)
	}
	files, err := p.wire.pypiPage(ctx, i)
	if err != nil {
		return nil, err
	}
	strongest := lockfile.Strongest(i.Digests)
	found := 0
	for _, f := range files {
		if !f.has(strongest) {
			continue
		}
		found++
		all = append(all, want{file: f.Name, asset: f.Name, url: f.URL, promises: promised(i.Digests)})
	}
	switch {
	case found == 0 && len(strongest) > 0:
		err := &mismatch{strongest, "none of them: the index has " + count(len(files), "file", "files") + " of this version, with other digests"}
		return nil, &problem{outcome{state: stateFailed, reason: err.Error()}}
	case found == 0:
		return nil, &problem{outcome{state: stateMissing, reason: "the index has no file of this version"}}
	}
	return all, nil
}

// pypiFile is a file as an index page has it (Simple repository API, "Project
// detail").
type pypiFile struct {
	Name   string            `json:"filename"`
	URL    string            `json:"url"`
	Hashes map[string]string `json:"hashes"`
}

// has reports whether the page says that the file has one of the digests; what
// it says nothing of may.
func (f pypiFile) has(digests []lockfile.Digest) bool {
	if len(digests) == 0 {
		return true
	}
	sum, ok := f.Hashes[strings.ReplaceAll(strings.ToLower(string(digests[0].Algorithm)), "-", "")]
	return !ok || slices.ContainsFunc(digests, func(d lockfile.Digest) bool { return d.Hex() == sum })
}

// pypiPage gives the files of a version by the page of its project.
func (w *wire) pypiPage(ctx context.Context, i item) ([]pypiFile, error) {
	page, err := w.address(ctx, lockfile.PyPI, "simple", i.Name, "")
	if err != nil {
		return nil, err
	}
	body, err := w.document(ctx, page, "application/vnd.pypi.simple.v1+json")
	if err != nil {
		o, err := w.outcome(outcome{}, err)
		if err == nil {
			err = &problem{o}
		}
		return nil, err
	}
	var detail struct {
		Files []pypiFile `json:"files"`
	}
	if err := json.Unmarshal(body, &detail); err != nil {
		return nil, &problem{outcome{state: stateFailed, reason: "the index page of the project is no JSON"}}
	}
	var all []pypiFile
	for _, f := range detail.Files {
		if !pypiOf(f.Name, i.Name, i.Version) {
			continue
		}
		if f.URL, err = within(page, f.URL); err != nil {
			return nil, &problem{outcome{file: f.Name, state: stateFailed, reason: err.Error()}}
		}
		all = append(all, f)
	}
	return all, nil
}

// pypiOf reports whether a file's name is that of a distribution of the
// version: a wheel's second part, what stands behind a source distribution's
// name.
func pypiOf(file, name, version string) bool {
	plain := func(s string) string { return strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(s)) }
	if stem, ok := strings.CutSuffix(file, ".whl"); ok {
		parts := strings.Split(stem, "-")
		return len(parts) >= 5 && sameVersion(parts[1], version)
	}
	for _, suffix := range []string{".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz", ".tar.Z", ".tar", ".egg"} {
		stem, ok := strings.CutSuffix(file, suffix)
		if !ok {
			continue
		}
		for at := range len(stem) {
			if stem[at] == '-' && plain(stem[:at]) == plain(name) {
				rest, _, _ := strings.Cut(stem[at+1:], "-py")
				return sameVersion(stem[at+1:], version) || suffix == ".egg" && sameVersion(rest, version)
			}
		}
	}
	return false
}

// sameVersion compares versions by their canonical spellings, as far as those
// that tools write differ.
func sameVersion(a, b string) bool {
	canonical := func(s string) string {
		s = strings.TrimPrefix(strings.ToLower(s), "v")
		s, local, _ := strings.Cut(strings.NewReplacer("_", "-", "%2b", "+").Replace(s), "+")
		for {
			short, ok := strings.CutSuffix(s, ".0")
			if !ok {
				break
			}
			s = short
		}
		return s + "+" + strings.NewReplacer("_", ".", "-", ".").Replace(local)
	}
	return canonical(a) == canonical(b)
}

// pypiHeld is pypiFiles for a check, which asks no index: of a version whose
// files a lock does not name, those that are held must have all the digests
// that the lock promises; without digests, one that is held is enough.
func (p *prefetcher) pypiHeld(ctx context.Context, i item, named []want) ([]want, error) {
	var refused error
	missing := slices.Clone(lockfile.Strongest(i.Digests))
	all, found := named, 0
	for _, repository := range p.chain(ctx) {
		assets, version, err := p.pypiAssets(ctx, repository, i)
		if err != nil {
			var api *apiFailure
			if errors.As(p.say(err), &api) && api.code != "ResourceNotFoundException" {
				refused = api
			}
			continue
		}
		for _, a := range assets {
			name := aws.ToString(a.Name)
			at := slices.IndexFunc(missing, func(d lockfile.Digest) bool {
				return a.Hashes[string(d.Algorithm)] == hex.EncodeToString([]byte(d.Sum))
			})
			if at < 0 && len(i.Digests) > 0 {
				continue
			}
			if at >= 0 {
				missing = slices.Delete(missing, at, at+1)
			}
			u, err := p.wire.address(ctx, lockfile.PyPI, "simple", i.Name, version, name)
			if err != nil {
				return nil, err
			}
			found++
			all = append(all, want{file: name, asset: name, url: u, promises: promised(i.Digests)})
		}
	}
	for _, d := range missing {
		p.report.add(i.Entry, p.absent(ctx, i, "a file with "+d.String(), refused))
	}
	if found == 0 && len(i.Digests) == 0 {
		p.report.add(i.Entry, p.absent(ctx, i, "", refused))
	}
	return all, nil
}

// pypiAssets lists the files of a version, by whatever spelling a repository
// holds it, which it gives too.
func (p *prefetcher) pypiAssets(ctx context.Context, repository string, i item) (assets []types.AssetSummary, version string, err error) {
	a := address{types.PackageFormat(i.Format), "", i.Name, i.Version}
	assets, err = p.assetsIn(ctx, repository, a)
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		return assets, a.version, err
	}
	out, errList := collect(ctx, codeartifact.NewListPackageVersionsPaginator(p.client, &codeartifact.ListPackageVersionsInput{
		Domain: &p.domain, DomainOwner: optional(p.owner), Repository: &repository, Format: a.format, Package: &a.name, MaxResults: aws.Int32(1000),
	}), func(o *codeartifact.ListPackageVersionsOutput) *[]types.PackageVersionSummary { return &o.Versions })
	if errList != nil {
		return nil, "", err
	}
	for _, v := range out.Versions {
		if a.version = aws.ToString(v.Version); sameVersion(a.version, i.Version) {
			assets, err = p.assetsIn(ctx, repository, a)
			return assets, a.version, err
		}
	}
	return nil, "", err
}

// absent is the outcome of a file that is not held and has no name: the guard
// is asked about one that every version could have.
func (p *prefetcher) absent(ctx context.Context, i item, file string, refused error) outcome {
	o := outcome{file: file, state: stateMissing, reason: notHeldReason}
	if refused != nil {
		o.reason = "whether it is held is not to be seen: " + refused.Error()
	}
	if !p.wire.knows {
		return o
	}
	u, err := p.wire.address(ctx, lockfile.PyPI, "simple", i.Name, i.Version, i.Name+"-"+i.Version+".tar.gz")
	if err != nil {
		return o
	}
	var said *refusal
	err = p.wire.ask(ctx, http.MethodGet, u, true, http.Header{"Range": {"bytes=0-0"}}, func(*http.Response) error { return nil })
	if errors.As(err, &said) && said.status == http.StatusForbidden {
		o.state, o.reason = stateRefused, said.reason
	}
	return o
}

// chain gives the repository and those upstream of it, as far as they may be
// described.
func (p *prefetcher) chain(ctx context.Context) []string {
	text, err := p.wire.remember("chain", func() (string, error) {
		all := []string{p.repository}
		for at := 0; at < len(all) && at < 100; at++ {
			out, err := p.DescribeRepository(ctx, &codeartifact.DescribeRepositoryInput{Domain: &p.domain, DomainOwner: optional(p.owner), Repository: &all[at]})
			if err != nil {
				continue
			}
			for _, up := range out.Repository.Upstreams {
				if name := aws.ToString(up.RepositoryName); !slices.Contains(all, name) {
					all = append(all, name)
				}
			}
		}
		return strings.Join(all, " "), nil
	})
	if err != nil {
		return []string{p.repository}
	}
	return strings.Fields(text)
}
