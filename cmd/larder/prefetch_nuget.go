package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"larder/internal/lockfile"
)

// nugetFiles is the package of a version, in the flat container (NuGet
// documentation, "Package Content").
func (p *prefetcher) nugetFiles(ctx context.Context, i item) ([]want, error) {
	base, err := p.wire.flatContainer(ctx)
	if err != nil {
		return nil, err
	}
	name, version := strings.ToLower(i.Name), nugetVersion(i.Version)
	file := name + "." + version + ".nupkg"
	u, err := below(base, name, version, file)
	if err != nil {
		return nil, err
	}
	return []want{{file: file, asset: file, url: u, promises: promised(i.Digests)}}, nil
}

// nugetVersion spells a version as URLs have it: in lower case, without build
// metadata, leading zeros and a fourth part that is zero; at least three parts
// (NuGet documentation, "Normalized version numbers").
func nugetVersion(s string) string {
	s, _, _ = strings.Cut(strings.ToLower(s), "+")
	numbers, label, labelled := strings.Cut(s, "-")
	parts := strings.Split(numbers, ".")
	for i, part := range parts {
		if parts[i] = strings.TrimLeft(part, "0"); parts[i] == "" {
			parts[i] = "0"
		}
	}
	for len(parts) < 3 {
		parts = append(parts, "0")
	}
	if len(parts) == 4 && parts[3] == "0" {
		parts = parts[:3]
	}
	s = strings.Join(parts, ".")
	if labelled {
		s += "-" + label
	}
	return s
}

// flatContainer is where the service index says that packages are.
func (w *wire) flatContainer(ctx context.Context) (string, error) {
	return w.remember("nuget flat container", func() (string, error) {
		index, err := w.address(ctx, lockfile.NuGet, "v3", "index.json")
		if err != nil {
			return "", err
		}
		body, err := w.document(ctx, index, "application/json")
		if err != nil {
			return "", fmt.Errorf("cannot read the service index: %w", err)
		}
		var services struct {
			Resources []struct {
				ID   string `json:"@id"`
				Type string `json:"@type"`
			} `json:"resources"`
		}
		if err := json.Unmarshal(body, &services); err != nil {
			return "", fmt.Errorf("cannot read the service index: %w", err)
		}
		for _, r := range services.Resources {
			if r.Type == "PackageBaseAddress/3.0.0" {
				u, err := within(index, r.ID)
				return strings.TrimSuffix(u, "/") + "/", err
			}
		}
		return "", errors.New("the service index names no PackageBaseAddress/3.0.0, where packages are")
	})
}
