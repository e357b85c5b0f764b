package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/spf13/cobra"
)

// completeTime bounds what a shell waits for when someone presses Tab.
const completeTime = 2 * time.Second

type completion = cobra.CompletionFunc

// completing makes the completion of a word from what the server has: names
// that begin with it. Without a server there is nothing to offer.
func completing(names func(ctx context.Context, c *client, cmd *cobra.Command, word string) ([]string, error)) completion {
	return func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(context.Background(), completeTime)
		defer cancel()
		cmd.SetContext(ctx)
		c, err := newClient(cmd)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all, err := names(ctx, c, cmd, word)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var fit []string
		for _, name := range all {
			if strings.HasPrefix(name, word) {
				fit = append(fit, name)
			}
		}
		return fit, cobra.ShellCompDirectiveNoFileComp
	}
}

// first completes the first argument, and none after it.
func first(f completion) completion {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f(cmd, args, word)
	}
}

// thenFiles completes the first argument, and files after it.
func thenFiles(f completion) completion {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return f(cmd, args, word)
	}
}

// targeted gives the domain and repository that the flags before the word name.
func targeted(cmd *cobra.Command) target {
	t := target{domain: firstDomain, repository: firstRepository}
	for flag, to := range map[string]*string{"domain": &t.domain, "domain-owner": &t.owner, "repository": &t.repository} {
		if s, err := cmd.Flags().GetString(flag); err == nil && s != "" {
			*to = s
		}
	}
	return t
}

var completeDomain = completing(func(ctx context.Context, c *client, _ *cobra.Command, _ string) ([]string, error) {
	out, err := c.ListDomains(ctx, &codeartifact.ListDomainsInput{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range out.Domains {
		names = append(names, aws.ToString(d.Name))
	}
	return names, nil
})

var completeRepository = completing(func(ctx context.Context, c *client, cmd *cobra.Command, word string) ([]string, error) {
	t := targeted(cmd)
	out, err := c.ListRepositoriesInDomain(ctx, &codeartifact.ListRepositoriesInDomainInput{
		Domain: &t.domain, DomainOwner: optional(t.owner), RepositoryPrefix: optional(word),
	})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range out.Repositories {
		names = append(names, aws.ToString(r.Name))
	}
	return names, nil
})

var completeGroup = completing(func(ctx context.Context, c *client, cmd *cobra.Command, word string) ([]string, error) {
	t := targeted(cmd)
	out, err := c.ListPackageGroups(ctx, &codeartifact.ListPackageGroupsInput{Domain: &t.domain, DomainOwner: optional(t.owner), Prefix: optional(word)})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, g := range out.PackageGroups {
		names = append(names, aws.ToString(g.Pattern))
	}
	return names, nil
})

// completePackage offers formats, then the packages of the repository.
var completePackage = completing(func(ctx context.Context, c *client, cmd *cobra.Command, word string) ([]string, error) {
	format, _, ok := strings.Cut(word, "/")
	if !ok {
		var all []string
		for _, f := range formatNames() {
			all = append(all, f+"/")
		}
		return all, nil
	}
	f, err := parseFormat(format)
	if err != nil {
		return nil, err
	}
	t := targeted(cmd)
	out, err := c.ListPackages(ctx, &codeartifact.ListPackagesInput{
		Domain: &t.domain, DomainOwner: optional(t.owner), Repository: &t.repository, Format: f, MaxResults: aws.Int32(1000),
	})
	if err != nil {
		return nil, err
	}
	var all []string
	for _, p := range out.Packages {
		all = append(all, address{format: f, namespace: aws.ToString(p.Namespace), name: aws.ToString(p.Package)}.String())
	}
	return all, nil
})

// completeFormat offers the formats of the API.
func completeFormat(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return formatNames(), cobra.ShellCompDirectiveNoFileComp
}

// completeWords offers fixed words.
func completeWords(words ...string) completion {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// publicConnections are those of CodeArtifact itself (spec 1.6).
var publicConnections = []string{
	"public:npmjs", "public:pypi", "public:maven-central", "public:maven-googleandroid", "public:maven-gradleplugins",
	"public:maven-commonsware", "public:maven-clojars", "public:nuget-org", "public:ruby-gems-org", "public:crates-io",
}

// completeConnection offers what the server has, or else what CodeArtifact has.
var completeConnection = completing(func(ctx context.Context, c *client, _ *cobra.Command, _ string) ([]string, error) {
	var answer connectionList
	if err := c.call(ctx, http.MethodGet, "/v1/larder/connections", nil, &answer); err != nil {
		return publicConnections, nil
	}
	var names []string
	for _, conn := range answer.Connections {
		names = append(names, conn.Name)
	}
	return names, nil
})

// completeConnected offers a repository, then a connection.
func completeConnected(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return completeRepository(cmd, args, word)
	case 1:
		return completeConnection(cmd, args, word)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
