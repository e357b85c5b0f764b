package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
)

// address names a package, and perhaps a version of it, as people spell it:
//
//	npm/react  npm/@scope/name@1.2.3  maven/org.example:lib:1.0  generic/team/tool@7
type address struct {
	format                   types.PackageFormat
	namespace, name, version string
}

// namespaces says what a format calls its namespace; formats that have none
// are not in it. An optional one is in square brackets.
var namespaces = map[types.PackageFormat]string{
	types.PackageFormatNpm:     "[@SCOPE/]NAME",
	types.PackageFormatMaven:   "GROUP:ARTIFACT",
	types.PackageFormatSwift:   "SCOPE.NAME",
	types.PackageFormatGeneric: "NAMESPACE/NAME",
}

func formatNames() []string {
	var all []string
	for _, f := range types.PackageFormat("").Values() {
		all = append(all, string(f))
	}
	slices.Sort(all)
	return all
}

// parseFormat checks the name of a format.
func parseFormat(s string) (types.PackageFormat, error) {
	f := types.PackageFormat(strings.ToLower(s))
	if !slices.Contains(f.Values(), f) {
		return "", usagef("%q is no package format; there are %s", s, strings.Join(formatNames(), ", "))
	}
	return f, nil
}

// parseAddress reads FORMAT/PACKAGE[@VERSION]. The separators of the format's
// own world are understood too: maven/GROUP:ARTIFACT[:VERSION], swift/SCOPE.NAME.
func parseAddress(s string) (address, error) {
	word, rest, ok := strings.Cut(s, "/")
	if !ok || rest == "" {
		return address{}, usagef("%q is no package; spell it FORMAT/PACKAGE, such as npm/react or maven/org.example:lib", s)
	}
	var a address
	var err error
	if a.format, err = parseFormat(word); err != nil {
		return a, err
	}
	wrong := func() error {
		return usagef("%q is no %s package; spell it %s/%s, with @VERSION behind where one is meant", s, a.format, a.format, spelling(a.format))
	}
	switch a.format {
	case types.PackageFormatMaven:
		parts := strings.Split(rest, ":")
		if len(parts) > 3 {
			return a, wrong()
		}
		if len(parts) == 3 {
			a.version = parts[2]
			if a.version == "" {
				return a, wrong()
			}
		}
		if len(parts) > 1 {
			rest = parts[0] + "/" + parts[1]
		}
	case types.PackageFormatSwift:
		if !strings.Contains(rest, "/") {
			rest = strings.Replace(rest, ".", "/", 1)
		}
	}
	parts := strings.Split(rest, "/")
	last := len(parts) - 1
	// An @ at the beginning of a name is not a version's.
	if at := strings.Index(parts[last], "@"); at > 0 {
		if a.version != "" || at == len(parts[last])-1 {
			return a, wrong()
		}
		parts[last], a.version = parts[last][:at], parts[last][at+1:]
	}
	a.name = parts[last]
	form, named := namespaces[a.format]
	switch {
	case last > 1, last == 1 && !named, last == 0 && named && !strings.HasPrefix(form, "["):
		return a, wrong()
	case last == 1:
		a.namespace = parts[0]
		if a.format == types.PackageFormatNpm { // @ marks a scope there, and is part of the name elsewhere
			a.namespace = strings.TrimPrefix(a.namespace, "@")
		}
		if a.namespace == "" {
			return a, wrong()
		}
	}
	if a.name == "" || strings.ContainsAny(a.name+a.namespace+a.version, "# \t\n") {
		return a, wrong()
	}
	return a, nil
}

func spelling(f types.PackageFormat) string {
	if s, ok := namespaces[f]; ok {
		return s
	}
	return "NAME"
}

// String spells the package, without a version.
func (a address) String() string {
	switch {
	case a.namespace == "":
		return fmt.Sprintf("%s/%s", a.format, a.name)
	case a.format == types.PackageFormatNpm:
		return fmt.Sprintf("%s/@%s/%s", a.format, a.namespace, a.name)
	case a.format == types.PackageFormatMaven:
		return fmt.Sprintf("%s/%s:%s", a.format, a.namespace, a.name)
	}
	return fmt.Sprintf("%s/%s/%s", a.format, a.namespace, a.name)
}

// parseVersions reads a package with versions: one may stand in the address,
// others follow as arguments.
func parseVersions(args []string) (address, []string, error) {
	a, err := parseAddress(args[0])
	if err != nil {
		return a, nil, err
	}
	var versions []string
	if a.version != "" {
		versions = append(versions, a.version)
	}
	for _, v := range args[1:] {
		if !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	return a, versions, nil
}

// parseOneVersion reads a package with exactly one version, and gives what
// arguments are left.
func parseOneVersion(args []string) (address, []string, error) {
	a, err := parseAddress(args[0])
	if err != nil {
		return a, nil, err
	}
	rest := args[1:]
	if a.version == "" {
		if len(rest) == 0 {
			return a, nil, usagef("name a version: %s@VERSION; the versions that there are: larder package versions %s", a, a)
		}
		a.version, rest = rest[0], rest[1:]
	}
	return a, rest, nil
}
