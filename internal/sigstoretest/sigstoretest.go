// Package sigstoretest is a Sigstore instance of its own for tests: a
// certificate authority, a transparency log, and signers whom both know. It
// needs no network.
package sigstoretest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"google.golang.org/protobuf/encoding/protojson"
)

// Instance is one Sigstore instance.
type Instance struct {
	t            testing.TB
	log          *ca.VirtualSigstore
	authority    *root.FulcioCertificateAuthority
	intermediate *ecdsa.PrivateKey
}

// New makes an instance that nobody else knows.
func New(t testing.TB) *Instance {
	t.Helper()
	v := &Instance{t: t, authority: &root.FulcioCertificateAuthority{
		URI: "https://fulcio.test", ValidityPeriodStart: time.Now().Add(-24 * time.Hour),
	}}
	top, key, err := ca.GenerateRootCa()
	v.must(err)
	between, betweenKey, err := ca.GenerateFulcioIntermediate(top, key)
	v.must(err)
	v.authority.Root, v.authority.Intermediates, v.intermediate = top, []*x509.Certificate{between}, betweenKey
	v.log, err = ca.NewVirtualSigstore()
	v.must(err)
	return v
}

func (v *Instance) must(err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
}

// Root is the trusted_root.json of the instance.
func (v *Instance) Root() []byte {
	v.t.Helper()
	logs := map[string]*root.TransparencyLog{}
	for id, l := range v.log.RekorLogs() {
		raw, err := hex.DecodeString(id)
		v.must(err)
		l.ID, l.ValidityPeriodStart, l.ValidityPeriodEnd = raw, time.Now().Add(-24*time.Hour), time.Time{}
		logs[id] = l
	}
	r, err := root.NewTrustedRoot(root.TrustedRootMediaType01, []root.CertificateAuthority{v.authority}, nil, nil, logs)
	v.must(err)
	b, err := r.MarshalJSON()
	v.must(err)
	return b
}

// Signer is who signs, as the certificate says it.
type Signer struct {
	Issuer, Identity, Repository, Workflow string
	// Late has the signature logged after the certificate has expired; Unlogged
	// leaves it out of the log.
	Late, Unlogged bool
}

// Bundle is a Sigstore bundle, version 0.3, of a statement about one subject.
func (v *Instance) Bundle(s Signer, subject, predicateType string, digest map[string]string) json.RawMessage {
	v.t.Helper()
	statement, err := json.Marshal(map[string]any{
		"_type": "https://in-toto.io/Statement/v1", "predicateType": predicateType, "predicate": map[string]any{},
		"subject": []any{map[string]any{"name": subject, "digest": digest}},
	})
	v.must(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	v.must(err)
	leaf := v.leaf(s, key)
	const payloadType = "application/vnd.in-toto+json"
	sum := sha256.Sum256(dsse.PAE(payloadType, statement))
	sig, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	v.must(err)
	b64 := base64.StdEncoding.EncodeToString
	at := leaf.NotBefore.Add(time.Minute)
	if s.Late {
		at = leaf.NotAfter.Add(time.Hour)
	}
	envelope := &dsse.Envelope{PayloadType: payloadType, Payload: b64(statement), Signatures: []dsse.Signature{{Sig: b64(sig)}}}
	entry, err := v.log.GenerateTlogEntry(leaf, envelope, sig, at.Unix(), true)
	v.must(err)
	tle := entry.TransparencyLogEntry()
	set, err := v.log.RekorSignPayload(tlog.RekorPayload{
		Body: b64(tle.CanonicalizedBody), IntegratedTime: tle.IntegratedTime, LogIndex: tle.LogIndex, LogID: hex.EncodeToString(tle.LogId.KeyId),
	})
	v.must(err)
	tle.KindVersion = &rekor.KindVersion{Kind: "dsse", Version: "0.0.1"}
	tle.InclusionPromise = &rekor.InclusionPromise{SignedEntryTimestamp: set}
	logged, err := protojson.Marshal(tle)
	v.must(err)
	entries := []json.RawMessage{logged}
	if s.Unlogged {
		entries = nil
	}
	out, err := json.Marshal(map[string]any{
		"mediaType":            "application/vnd.dev.sigstore.bundle.v0.3+json",
		"verificationMaterial": map[string]any{"certificate": map[string]any{"rawBytes": b64(leaf.Raw)}, "tlogEntries": entries},
		"dsseEnvelope":         map[string]any{"payload": b64(statement), "payloadType": payloadType, "signatures": []any{map[string]any{"sig": b64(sig)}}},
	})
	v.must(err)
	return out
}

func (v *Instance) leaf(s Signer, key *ecdsa.PrivateKey) *x509.Certificate {
	v.t.Helper()
	now := time.Now().Add(-time.Minute)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(10 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	if u, err := url.Parse(s.Identity); err == nil && u.Host != "" {
		template.URIs = []*url.URL{u}
	} else {
		template.EmailAddresses = []string{s.Identity}
	}
	for _, e := range []struct {
		id    asn1.ObjectIdentifier
		value string
	}{
		{certificate.OIDIssuerV2, s.Issuer},
		{certificate.OIDSourceRepositoryURI, s.Repository},
		{certificate.OIDBuildConfigURI, s.Workflow},
	} {
		if e.value == "" {
			continue
		}
		der, err := asn1.MarshalWithParams(e.value, "utf8")
		v.must(err)
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: e.id, Value: der})
	}
	der, err := x509.CreateCertificate(rand.Reader, template, v.authority.Intermediates[0], &key.PublicKey, v.intermediate)
	v.must(err)
	leaf, err := x509.ParseCertificate(der)
	v.must(err)
	return leaf
}

// Provenance is the same bundles as a PEP 740 provenance object.
func Provenance(t testing.TB, bundles ...json.RawMessage) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"version": 1, "attestation_bundles": []any{
		map[string]any{"publisher": map[string]any{"kind": "test"}, "attestations": Attestations(t, bundles...)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Attestations are the same bundles as PEP 740 attestation objects.
func Attestations(t testing.TB, bundles ...json.RawMessage) []any {
	t.Helper()
	var all []any
	for _, raw := range bundles {
		var b struct {
			Material struct {
				Certificate struct {
					RawBytes string `json:"rawBytes"`
				} `json:"certificate"`
				Entries json.RawMessage `json:"tlogEntries"`
			} `json:"verificationMaterial"`
			Envelope struct {
				Payload    string
				Signatures []struct{ Sig string }
			} `json:"dsseEnvelope"`
		}
		if err := json.Unmarshal(raw, &b); err != nil {
			t.Fatal(err)
		}
		all = append(all, map[string]any{
			"version":               1,
			"verification_material": map[string]any{"certificate": b.Material.Certificate.RawBytes, "transparency_entries": b.Material.Entries},
			"envelope":              map[string]any{"statement": b.Envelope.Payload, "signature": b.Envelope.Signatures[0].Sig},
		})
	}
	return all
}
