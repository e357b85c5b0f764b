package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/spf13/cobra"
)

func newDownloadCommand() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "download ADDRESS [VERSION] [ASSET]",
		Short: "Download a file of a version",
		Long:  "Download a file of a version and check its digest. Where the version has one\nfile, ASSET need not be named.",
		Example: `  larder package download generic/team/tool@7
  larder package download generic/team/tool@8 tool-linux.zip --to /opt/tool.zip
  larder package download npm/react@18.2.0 --to - | tar tz`,
		Args:              between(1, 3, "a package, a VERSION and perhaps an ASSET"),
		ValidArgsFunction: first(completePackage),
	}
	cmd.Flags().StringVar(&to, "to", "", "`file` or folder to write, or - for standard output; default: the asset's name, here")
	return apiCommand(cmd, inRepository|long, func(ctx context.Context, s *session, args []string) error {
		a, rest, err := parseOneVersion(args)
		if err != nil {
			return err
		}
		if len(rest) > 1 {
			return usagef("one file at a time; %d are named", len(rest))
		}
		if to == "-" && s.out.json() {
			return usagef("standard output takes the file or --output json, not both")
		}
		listed, err := s.assets(ctx, a)
		if err != nil {
			return err
		}
		asset, err := pickAsset(listed.Assets, a, rest)
		if err != nil {
			return err
		}
		return s.download(ctx, a, asset, to)
	})
}

// pickAsset finds the file that is meant.
func pickAsset(all []types.AssetSummary, a address, named []string) (types.AssetSummary, error) {
	var names []string
	for _, f := range all {
		names = append(names, aws.ToString(f.Name))
	}
	switch {
	case len(named) == 1:
		if i := slices.Index(names, named[0]); i >= 0 {
			return all[i], nil
		}
		return types.AssetSummary{}, &apiFailure{code: "ResourceNotFoundException",
			text: fmt.Sprintf("version %s of %s has no asset %q; it has %s", a.version, a, named[0], firstOf(strings.Join(names, ", "), "none"))}
	case len(all) == 0:
		return types.AssetSummary{}, &apiFailure{code: "ResourceNotFoundException", text: fmt.Sprintf("version %s of %s has no assets", a.version, a)}
	case len(all) > 1:
		return types.AssetSummary{}, usagef("version %s of %s has several assets, name one: %s", a.version, a, strings.Join(names, ", "))
	}
	return all[0], nil
}

// download writes an asset to a file that is whole or not there, or to
// standard output, and fails where its digest is not the promised one.
func (s *session) download(ctx context.Context, a address, asset types.AssetSummary, to string) error {
	out, err := s.GetPackageVersionAsset(ctx, &codeartifact.GetPackageVersionAssetInput{
		Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &s.repository,
		Format: a.format, Namespace: optional(a.namespace), Package: &a.name, PackageVersion: &a.version, Asset: asset.Name,
	})
	if err != nil {
		return err
	}
	content := out.Asset
	out.Asset = nil // the other members can be shown
	defer content.Close()
	name := aws.ToString(asset.Name)
	if to == "-" {
		return s.receive(s.cmd.OutOrStdout(), content, asset)
	}
	file, err := targetFile(to, name)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".larder-*")
	if err != nil {
		return fmt.Errorf("cannot write to %s: %w", filepath.Dir(file), err)
	}
	defer os.Remove(f.Name()) // no longer there once it is renamed
	err = s.receive(f, content, asset)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if errC := f.Close(); err == nil {
		err = errC
	}
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return err
	}
	return s.answer(out, func(io.Writer) error {
		s.note("wrote %s (%s)", file, shownSize(aws.ToInt64(asset.Size)))
		return nil
	})
}

// targetFile is where an asset goes. Its name comes from who published it: it
// must not lead out of the folder.
func targetFile(to, asset string) (string, error) {
	dir := false
	if st, err := os.Stat(to); err == nil && st.IsDir() {
		dir = true
	}
	if to != "" && !dir {
		return to, nil
	}
	if asset != filepath.Base(asset) || asset == "." || asset == ".." || strings.ContainsAny(asset, `/\`) {
		return "", usagef("the asset's name %q is no name for a file here; name one with --to", asset)
	}
	return filepath.Join(to, asset), nil
}

func (s *session) receive(w io.Writer, from io.Reader, asset types.AssetSummary) error {
	bar := newProgress(s.cmd, aws.ToString(asset.Name), aws.ToInt64(asset.Size), shownSize)
	defer bar.end()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, hash, &countingWriter{progress: bar}), from); err != nil {
		return fmt.Errorf("the download of %s broke off: %w", aws.ToString(asset.Name), err)
	}
	want := asset.Hashes[string(types.HashAlgorithmSha256)]
	if got := hex.EncodeToString(hash.Sum(nil)); want != "" && got != want {
		return fmt.Errorf("the bytes of %s are not those that were promised: SHA-256 %s, not %s", aws.ToString(asset.Name), got, want)
	}
	return nil
}
