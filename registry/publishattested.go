package registry

import "context"

// attestedDraft is what was found out about an asset that is published.
type attestedDraft struct {
	Attestation
	pkg PackageID
}

// attested verifies the attestations that came with what is published. Those
// that do not verify are refused, where this server can tell; so is a version
// that lacks those that it has to have: nobody could read it.
func (p *Publication) attested(ctx context.Context, drafts []Draft) ([]attestedDraft, error) {
	s := p.svc
	var all []attestedDraft
	for _, d := range drafts {
		attester, ok := s.Rules[d.ID.Package.Format].(Attester)
		if !ok {
			continue
		}
		res := p.node.ID.Package(d.ID.Package)
		guard := s.bare(p.node, d.ID.Package)
		v := Version{Version: d.ID.Version, Status: Published, Manifest: d.Manifest, Origin: Origin{Type: OriginInternal, Repository: p.node.ID.Name}}
		for _, name := range d.Assets {
			a := p.files[name].Asset
			v.Assets = append(v.Assets, a)
			if s.Attestor == nil {
				continue
			}
			found, err := s.look(ctx, d.ID, v, a, attester)
			if err != nil {
				return nil, err
			}
			if found == nil {
				continue
			}
			if found.Problem != "" {
				return nil, Errorf(Invalid, "the attestations of %s do not verify: %s; leave them out, or have an administrator add who signed them to the file of --trust-root", name, found.Problem).About(res)
			}
			all = append(all, attestedDraft{*found, d.ID.Package})
			if guard != nil {
				guard = guard.with(*found)
			}
		}
		if guard == nil || !guard.Attested() {
			continue
		}
		if verdict := guard.judge(v, nil); verdict.Unattested {
			return nil, refused(p.node.ID, d.ID, verdict)
		}
	}
	return all, nil
}
