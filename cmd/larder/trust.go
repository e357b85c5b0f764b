package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/spf13/cobra"
)

// trust are the flags that say who may assume a role.
type trust struct {
	file              string
	principals        []string
	issuer, audience  string
	subjects, further []string
}

func (t *trust) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.file, "trust", "", "`file` with the trust policy, or - for standard input")
	f.StringArrayVar(&t.principals, "trust-principal", nil, "account id, or `ARN` of a user or role, that may assume it; repeatable")
	f.StringVar(&t.issuer, "trust-issuer", "", "https `URL` of a CI system whose jobs may assume it, as its tokens have it in iss")
	f.StringVar(&t.audience, "trust-audience", "", "`audience` that those tokens are for")
	f.StringArrayVar(&t.subjects, "trust-subject", nil, "`pattern` of the sub of those tokens, such as 'repo:acme/app:*'; repeatable")
	f.StringArrayVar(&t.further, "trust-claim", nil, "`NAME=PATTERN` that a further claim of those tokens has to fit; repeatable")
	for _, name := range []string{"trust-principal", "trust-issuer", "trust-audience", "trust-subject", "trust-claim"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	cmd.MarkFlagsMutuallyExclusive("trust", "trust-principal", "trust-issuer")
	cmd.MarkFlagsRequiredTogether("trust-issuer", "trust-audience", "trust-subject")
}

func (t *trust) given() bool { return t.file != "" || len(t.principals) > 0 || t.issuer != "" }

// document makes the trust policy that the flags ask for.
func (t *trust) document(ctx context.Context, s *session) (string, error) {
	switch {
	case t.file != "":
		return readPolicy(s.cmd, t.file)
	case len(t.principals) > 0:
		return trustStatement(map[string]any{"Action": "sts:AssumeRole", "Principal": map[string]any{"AWS": t.principals}})
	case t.issuer != "":
		return t.ofIssuer(ctx, s)
	}
	return "", usagef("say who may assume the role: with --trust FILE, --trust-principal or --trust-issuer")
}

func (t *trust) ofIssuer(ctx context.Context, s *session) (string, error) {
	host, ok := strings.CutPrefix(strings.TrimSuffix(t.issuer, "/"), "https://")
	if !ok || host == "" {
		return "", usagef("--trust-issuer: %q is no https URL", t.issuer)
	}
	like := map[string]any{host + ":sub": t.subjects}
	for _, claim := range t.further {
		name, pattern, ok := strings.Cut(claim, "=")
		if !ok || name == "" || pattern == "" {
			return "", usagef("--trust-claim: %q does not read NAME=PATTERN", claim)
		}
		like[host+":"+name] = pattern
	}
	provider, err := s.provider(ctx, "https://"+host, t.audience)
	if err != nil {
		return "", err
	}
	return trustStatement(map[string]any{
		"Action": "sts:AssumeRoleWithWebIdentity", "Principal": map[string]any{"Federated": provider},
		"Condition": map[string]any{"StringEquals": map[string]any{host + ":aud": t.audience}, "StringLike": like},
	})
}

func trustStatement(statement map[string]any) (string, error) {
	statement["Effect"] = "Allow"
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{statement}})
	return string(text), err
}

// provider gives the ARN of the account's OpenID Connect provider of the
// issuer, and makes it, or tells it of the audience, where that is missing.
func (s *session) provider(ctx context.Context, issuer, audience string) (string, error) {
	made, err := s.iam().CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: &issuer, ClientIDList: []string{audience}})
	if err == nil {
		return aws.ToString(made.OpenIDConnectProviderArn), nil
	}
	var there *types.EntityAlreadyExistsException
	if !errors.As(err, &there) {
		return "", err
	}
	account, err := s.myAccount(ctx)
	if err != nil {
		return "", err
	}
	arn := "arn:aws:iam::" + account + ":oidc-provider/" + strings.TrimPrefix(issuer, "https://")
	_, err = s.iam().AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn, ClientID: &audience})
	return arn, err
}

// roleARN gives the ARN of a role that is named by it, or by the name alone.
func (s *session) roleARN(ctx context.Context, name string) (string, error) {
	if strings.HasPrefix(name, "arn:") {
		return name, nil
	}
	account, err := s.myAccount(ctx)
	if err != nil {
		return "", err
	}
	return "arn:aws:iam::" + account + ":role/" + name, nil
}
