// Package sigstore verifies attestations: Sigstore bundles with in-toto
// statements, as npm and PyPI registries have them, against a root of trust
// that was given as a file. It implements registry.Attestor and asks nobody.
package sigstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"larder/registry"
)

const (
	// maxRoot bounds the file with the root of trust, in bytes; the public
	// instance's has 7 KB.
	maxRoot = 4 << 20
	// maxBundle bounds one bundle, in bytes; usual ones have 5 to 20 KB.
	maxBundle = 1 << 20
	// maxProblem bounds what is told of an error, in bytes.
	maxProblem = 300
)

// Attestor implements registry.Attestor. It is immutable.
type Attestor struct {
	trust    registry.Digest
	verifier *verify.Verifier
}

// Load reads the root of trust from a file: the trusted_root.json of a Sigstore
// instance (protobuf-specs, "TrustedRoot"), with the certificate authorities,
// logs and time stamping authorities that count. The error says what is wrong.
func Load(file string) (*Attestor, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxRoot {
		return nil, fmt.Errorf("%s has %d bytes; a trusted_root.json has %d at most", file, info.Size(), maxRoot)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	a, err := New(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return a, nil
}

// New makes an Attestor of the text of a trusted_root.json.
//
// A signature has to be in a transparency log where the root has such logs, and
// its time told by one or by a time stamping authority; a certificate has to be
// in a certificate transparency log where the root has those.
func New(rootJSON []byte) (*Attestor, error) {
	trusted, err := parseRoot(rootJSON)
	if err != nil {
		return nil, fmt.Errorf("it is no trusted_root.json of Sigstore: %s", short(err))
	}
	if len(trusted.FulcioCertificateAuthorities()) == 0 {
		return nil, errors.New("it has no certificate authority")
	}
	options := []verify.VerifierOption{verify.WithObserverTimestamps(1)}
	switch {
	case len(trusted.RekorLogs()) > 0:
		options = append(options, verify.WithTransparencyLog(1))
	case len(trusted.TimestampingAuthorities()) == 0:
		return nil, errors.New("it has neither a transparency log nor a time stamping authority: nobody could tell when something was signed")
	}
	if len(trusted.CTLogs()) > 0 {
		options = append(options, verify.WithSignedCertificateTimestamps(1))
	}
	v, err := verify.NewVerifier(trusted, options...)
	if err != nil {
		return nil, err
	}
	return &Attestor{sha256.Sum256(rootJSON), v}, nil
}

func parseRoot(b []byte) (r *root.TrustedRoot, err error) {
	defer recovered(&err)
	return root.NewTrustedRootFromJSON(b)
}

// Trust implements registry.Attestor.
func (a *Attestor) Trust() registry.Digest { return a.trust }

// Verify implements registry.Attestor. Statements that are signed with a key
// instead of a certificate, as a registry itself signs what it publishes, tell
// nobody's identity and do not count.
func (a *Attestor) Verify(bundles []json.RawMessage, of registry.Attestable) (claims []registry.Claim, problem string) {
	for _, raw := range bundles {
		c, err := a.verify(raw, of)
		switch {
		case err == nil:
			claims = append(claims, c)
		case errors.Is(err, errNoCertificate) && problem != "": // another one's problem says more
		default:
			problem = short(err)
		}
	}
	switch {
	case len(claims) > 0:
		return claims, ""
	case len(bundles) == 0:
		return nil, "there is none"
	}
	return nil, problem
}

var errNoCertificate = errors.New("it is signed with a key and not with a certificate, which would say whose it is")

func (a *Attestor) verify(raw []byte, of registry.Attestable) (c registry.Claim, err error) {
	defer recovered(&err)
	if len(raw) > maxBundle {
		return c, fmt.Errorf("it has %d bytes; %d is the limit", len(raw), maxBundle)
	}
	b := &bundle.Bundle{}
	if err := b.UnmarshalJSON(raw); err != nil {
		return c, fmt.Errorf("it is no Sigstore bundle: %w", err)
	}
	if b.GetDsseEnvelope() == nil {
		return c, errors.New("it has no in-toto statement")
	}
	if b.VerificationMaterial.GetPublicKey() != nil {
		return c, errNoCertificate
	}
	// The statement is compared with the asset below: name and digest have to
	// stand in one subject.
	result, err := a.verifier.Verify(b, verify.NewPolicy(verify.WithoutArtifactUnsafe(), verify.WithoutIdentitiesUnsafe()))
	if err != nil {
		return c, err
	}
	if result.Statement == nil || result.Signature == nil || result.Signature.Certificate == nil {
		return c, errNoCertificate
	}
	if err := about(result.Statement.GetSubject(), of); err != nil {
		return c, err
	}
	who := result.Signature.Certificate
	c = registry.Claim{
		Issuer: who.Issuer, Identity: who.SubjectAlternativeName,
		Repository: who.SourceRepositoryURI, Workflow: who.BuildConfigURI,
		Predicate: result.Statement.GetPredicateType(),
	}
	if len(result.VerifiedTimestamps) > 0 {
		c.Signed = result.VerifiedTimestamps[0].Timestamp.UTC()
	}
	return c, nil
}

// about finds the asset among the subjects of a statement (in-toto Statement v1,
// "subject").
func about(subjects []*intoto.ResourceDescriptor, of registry.Attestable) error {
	named := false
	for _, s := range subjects {
		if !of.Named(s.GetName()) {
			continue
		}
		named = true
		same := false
		for algorithm, sum := range map[string][]byte{"sha256": of.Hashes.SHA256[:], "sha512": of.Hashes.SHA512[:]} {
			said, ok := s.GetDigest()[algorithm]
			if !ok {
				continue
			}
			b, err := hex.DecodeString(said)
			if same = err == nil && bytes.Equal(b, sum); !same {
				break
			}
		}
		if same {
			return nil
		}
	}
	if named {
		return errors.New("its statement is about other bytes")
	}
	return errors.New("its statement is about another file")
}

// recovered turns a panic over what came from outside into an error.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("it cannot be read: %v", r)
	}
}

// short is an error as a part of a sentence.
func short(err error) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(err.Error(), "?")), " ")
	if len(text) > maxProblem {
		text = strings.ToValidUTF8(text[:maxProblem], "") + "…"
	}
	return text
}
