package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/spf13/cobra"
)

func newPublishCommand() *cobra.Command {
	var (
		name       string
		unfinished bool
	)
	cmd := &cobra.Command{
		Use:   "publish ADDRESS [VERSION] FILE...",
		Short: "Publish a version of a generic package",
		Long: `Publish files as a version of a generic package. With the last file the version
is published and takes no more; --unfinished leaves it open. A file "-" is
standard input and needs --asset. Packages of other formats are published by
their own clients; see: larder login`,
		Example: `  larder package publish generic/team/tool@7 tool.tar.gz
  larder package publish generic/team/tool@8 tool-linux.zip tool-windows.zip
  larder package publish generic/team/tool@9 part-1.bin --unfinished
  tar cz site | larder package publish generic/team/site@1 - --asset site.tar.gz`,
		Args:              atLeast(2, "ADDRESS, VERSION and FILE"),
		ValidArgsFunction: thenFiles(completePackage),
	}
	cmd.Flags().StringVar(&name, "asset", "", "`name` that the file gets; default: its own")
	cmd.Flags().BoolVar(&unfinished, "unfinished", false, "leave the version open for more files")
	return apiCommand(cmd, inRepository|long, func(ctx context.Context, s *session, args []string) error {
		a, files, err := parseOneVersion(args)
		switch {
		case err != nil:
			return err
		case a.format != types.PackageFormatGeneric:
			return usagef("%s packages are published by their own clients; set one up with: larder login", a.format)
		case len(files) == 0:
			return usagef("name a FILE to publish")
		case name != "" && len(files) > 1:
			return usagef("--asset names one file, and %d are given", len(files))
		}
		for _, file := range files {
			if file == "-" && name == "" {
				return usagef("standard input has no name: give one with --asset")
			}
		}
		var out *codeartifact.PublishPackageVersionOutput
		for i, file := range files {
			open := unfinished || i < len(files)-1
			if out, err = s.publish(ctx, a, file, firstOf(name, filepath.Base(file)), open); err != nil {
				return err
			}
		}
		if unfinished {
			return s.done(out, "%s of version %s of %s is in %s, unfinished\nnext: larder package publish %s@%s FILE%s",
				count(len(files), "file", "files"), a.version, a, s.where(), a, a.version, s.again(true))
		}
		return s.done(out, "published version %s of %s in %s", a.version, a, s.where())
	})
}

// publish sends one file. It is read twice: the API wants its digest first.
func (s *session) publish(ctx context.Context, a address, file, asset string, unfinished bool) (*codeartifact.PublishPackageVersionOutput, error) {
	in, discard, err := openSource(s.cmd, file)
	if err != nil {
		return nil, err
	}
	defer discard()
	hash := sha256.New()
	size, err := io.Copy(hash, in)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", file, err)
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", file, err)
	}
	digest := hex.EncodeToString(hash.Sum(nil))
	bar := newProgress(s.cmd, asset, size, shownSize)
	defer bar.end()
	return s.PublishPackageVersion(ctx, &codeartifact.PublishPackageVersionInput{
		Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &s.repository,
		Format: a.format, Namespace: optional(a.namespace), Package: &a.name, PackageVersion: &a.version,
		AssetName: &asset, AssetSHA256: &digest, AssetContent: &countingReader{ReadSeeker: in, progress: bar}, Unfinished: &unfinished,
	}, signedAs(digest))
}

// signedAs spares the SDK from reading the body again for the signature: the
// digest that the API wants is the signature's too.
func signedAs(digest string) func(*codeartifact.Options) {
	return func(o *codeartifact.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("LarderPayloadHash",
				func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
					return next.HandleInitialize(v4.SetPayloadHash(ctx, digest), in)
				}), middleware.Before)
		})
	}
}

// openSource opens a file, or keeps what comes on standard input in one for a
// while. The caller calls discard.
func openSource(cmd *cobra.Command, file string) (in *os.File, discard func(), err error) {
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, nil, err
		}
		st, err := f.Stat()
		if err == nil && !st.Mode().IsRegular() {
			err = fmt.Errorf("%s is no regular file; pipe it in instead, with - as FILE", file)
		}
		if err != nil {
			f.Close()
			return nil, nil, err
		}
		return f, func() { f.Close() }, nil
	}
	f, err := os.CreateTemp("", "larder-publish-*")
	if err != nil {
		return nil, nil, err
	}
	discard = func() { f.Close(); os.Remove(f.Name()) }
	if _, err = io.Copy(f, cmd.InOrStdin()); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		discard()
		return nil, nil, errors.Join(errors.New("cannot keep standard input in a file"), err)
	}
	return f, discard, nil
}
