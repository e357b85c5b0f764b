package main

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"larder/registry"
)

// separators are what PyPI takes for one character (PEP 503).
var separators = regexp.MustCompile(`[-_.]+`)

// parsePattern reads a package group's pattern, also as people spell packages:
// npm:@acme/*, pypi:acme-~, maven:org.example:lib, with "/" for the first colon
// as well. "~" or "*" behind the beginning of a name stands for what goes on
// with another word.
func parsePattern(text string) (string, error) {
	pattern := text
	if !strings.HasPrefix(text, "/") {
		var err error
		if pattern, err = spelledPattern(text); err != nil {
			return "", err
		}
	}
	if _, err := registry.ParsePattern(pattern); err != nil {
		return "", usageError{err}
	}
	return pattern, nil
}

func spelledPattern(text string) (string, error) {
	at := strings.IndexAny(text, ":/")
	if at <= 0 || at == len(text)-1 {
		return "", usagef("%q is no pattern of packages; spell it as npm:@acme/*, pypi:acme-~ or maven:org.example:lib", text)
	}
	format, err := parseFormat(text[:at])
	if err != nil {
		return "", err
	}
	begin := "/" + string(format) + "/"
	rest := text[at+1:]
	if rest == "*" {
		return begin + "*", nil
	}
	namespace, name, both := "", rest, false
	switch format {
	case types.PackageFormatNpm:
		if strings.HasPrefix(rest, "@") {
			namespace, name, both = strings.Cut(rest[1:], "/")
			if !both {
				return scopeOnly(begin, rest[1:])
			}
		}
	case types.PackageFormatMaven:
		if namespace, name, both = strings.Cut(rest, ":"); !both {
			if namespace, name, both = strings.Cut(rest, "/"); !both {
				return scopeOnly(begin, rest)
			}
		}
	case types.PackageFormatGeneric, types.PackageFormatSwift:
		if namespace, name, both = strings.Cut(rest, "/"); !both {
			return scopeOnly(begin, rest)
		}
	}
	begin += namespace + "/"
	if name == "*" {
		return begin + "*", nil
	}
	if open := strings.TrimRight(name, "~*"); open != name {
		return begin + canonicalName(format, strings.TrimRight(open, "-_.")) + "~", nil
	}
	return begin + canonicalName(format, name) + "$", nil
}

// scopeOnly is a pattern of a namespace: all of its packages, or of those that
// begin so.
func scopeOnly(begin, namespace string) (string, error) {
	if open := strings.TrimRight(namespace, "~*"); open != namespace {
		return begin + strings.TrimRight(open, "-_.") + "~", nil
	}
	return begin + namespace + "/*", nil
}

// canonicalName spells names as patterns have them.
func canonicalName(format types.PackageFormat, name string) string {
	switch format {
	case types.PackageFormatPypi:
		return strings.ToLower(separators.ReplaceAllString(name, "-"))
	case types.PackageFormatNuget:
		return strings.ToLower(name)
	}
	return name
}
