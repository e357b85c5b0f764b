package pypi

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"larder/formats"
	"larder/registry"
)

// What stands beside a file under its name and a suffix.
const (
	metadataSuffix   = ".metadata"   // PEP 658
	provenanceSuffix = ".provenance" // PEP 740 leaves the URL to the index
	signatureSuffix  = ".asc"
)

const provenanceType = "application/vnd.pypi.integrity.v1+json"

// getFile answers GET /simple/{package}/{version}/{file}: a distribution, its
// signature, its metadata or its provenance.
func getFile(w http.ResponseWriter, r *formats.Request) error {
	id, err := versionOf(r)
	if err != nil {
		return err
	}
	name := r.Vars["file"]
	for suffix, serve := range map[string]func(http.ResponseWriter, *formats.Request, registry.VersionID, string) error{
		metadataSuffix: serveMetadata, provenanceSuffix: serveProvenance,
	} {
		if of, ok := strings.CutSuffix(name, suffix); ok {
			if err := belongs(id, of); err != nil {
				return err
			}
			return serve(w, r, id, of)
		}
	}
	if err := belongs(id, strings.TrimSuffix(name, signatureSuffix)); err != nil {
		return err
	}
	a, err := r.Repo.Asset(r.Context(), id, name)
	if err != nil {
		return err
	}
	return formats.ServeAsset(w, r, a, "application/octet-stream", name)
}

// belongs refuses a file that cannot be one of the version, before anybody is asked.
func belongs(id registry.VersionID, name string) error {
	if k, version := fileOf(id.Package.Name, name); k == noFile || version != id.Version {
		return registry.Errorf(registry.NotFound, "version %s of %s has no file %q", id.Version, id.Package.Name, name)
	}
	return nil
}

// serveMetadata gives the core metadata of a distribution (PEP 658): dug out of
// a wheel that is here, else as the index has it that the file would come from,
// without fetching the file.
func serveMetadata(w http.ResponseWriter, r *formats.Request, id registry.VersionID, name string) error {
	d := registry.Derivation{Kind: "metadata", Offered: offeredMetadata}
	if strings.HasSuffix(name, ".whl") {
		d.Extract = func(rd io.ReaderAt, size int64) ([]byte, error) {
			b, err := extractMetadata(rd, size)
			if registry.CodeOf(err) == registry.Invalid {
				err = registry.Errorf(registry.NotFound, "%s has no metadata that can be read", name)
			}
			return b, err
		}
	}
	doc, err := r.Repo.Derived(r.Context(), id, name, d)
	if err != nil {
		return err
	}
	return formats.ServeDocument(w, r, doc, "text/plain; charset=utf-8")
}

func offeredMetadata(manifest json.RawMessage, a registry.ListedAsset) (registry.Offer, bool) {
	f := decodeFiles(manifest).Files[a.Name]
	if f.Metadata == "" {
		return registry.Offer{}, false
	}
	address, query, _ := strings.Cut(a.URL, "?")
	offer := registry.Offer{Request: registry.AuxiliaryRequest{Kind: "metadata", Path: address + metadataSuffix, Query: query}}
	if sum, err := hex.DecodeString(f.Metadata); err == nil {
		offer.SHA256 = sum
	}
	return offer, true
}

// getProvenance answers GET /integrity/{package}/{version}/{file}/provenance.
func getProvenance(w http.ResponseWriter, r *formats.Request) error {
	id, err := versionOf(r)
	if err != nil {
		return err
	}
	name := r.Vars["file"]
	if err := belongs(id, name); err != nil {
		return err
	}
	return serveProvenance(w, r, id, name)
}

// serveProvenance gives the provenance object of a file (PEP 740): made of the
// attestations that it was uploaded with, or as its index has it.
func serveProvenance(w http.ResponseWriter, r *formats.Request, id registry.VersionID, name string) error {
	view, err := r.Repo.Package(r.Context(), id.Package)
	if err != nil {
		return err
	}
	if v, ok := view.Version(id.Version); ok {
		if own := decodeFiles(v.Manifest).Files[name].Attestations; own != nil {
			return formats.ServeBytes(w, r, http.StatusOK, provenanceType, provenanceOf(own))
		}
	}
	doc, err := r.Repo.Derived(r.Context(), id, name, registry.Derivation{
		Kind: "provenance",
		Offered: func(manifest json.RawMessage, a registry.ListedAsset) (registry.Offer, bool) {
			url := decodeFiles(manifest).Files[a.Name].Provenance
			return registry.Offer{Request: registry.AuxiliaryRequest{Kind: "provenance", Path: url}}, url != ""
		},
	})
	if err != nil {
		return err
	}
	if !json.Valid(doc.Plain()) {
		return registry.Errorf(registry.UpstreamFailed, "the upstream index answered with a provenance that is not JSON")
	}
	return formats.ServeDocument(w, r, doc, provenanceType)
}

// provenanceOf wraps attestations that came with an upload. Who signed them is
// in their certificates; the publisher says only who took them.
func provenanceOf(attestations json.RawMessage) []byte {
	b := []byte(`{"version":1,"attestation_bundles":[{"publisher":{"kind":"Larder"},"attestations":`)
	b = append(b, attestations...)
	return append(b, "}]}"...)
}
