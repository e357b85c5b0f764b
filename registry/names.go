package registry

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkNames holds an id to the limits of the API (spec 1.2) that are the same
// for every format: 1 to 255 characters, none of them "#", "/", white space or
// a control character.
func checkNames(id VersionID) error {
	if err := checkName("package name", id.Package.Name); err != nil {
		return err
	}
	if id.Package.Namespace != "" {
		if err := checkName("namespace", id.Package.Namespace); err != nil {
			return err
		}
	}
	if id.Version != "" {
		return checkName("version", id.Version)
	}
	return nil
}

func checkName(what, s string) error {
	switch {
	case s == "":
		return Errorf(Invalid, "the %s is empty", what)
	case !utf8.ValidString(s):
		return Errorf(Invalid, "the %s is not valid UTF-8", what)
	case utf8.RuneCountInString(s) > 255:
		return Errorf(Invalid, "the %s is longer than 255 characters", what)
	case strings.ContainsFunc(s, func(r rune) bool {
		return r == '#' || r == '/' || unicode.IsSpace(r) || unicode.IsControl(r)
	}):
		return Errorf(Invalid, "the %s %q contains a character that is not allowed in it", what, s)
	}
	return nil
}

// checkText holds what people write freely to spec 1.2: no line breaks, control
// or format characters, which some databases refuse and terminals obey.
func checkText(what, s string) error {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.C, r) }) {
		return Errorf(Invalid, "%s contains a line break or another control character", what)
	}
	return nil
}

// checkAssetSought holds the name of an asset that is looked for to spec 1.2.
func checkAssetSought(name string) error {
	switch {
	case name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > 255:
		return Errorf(Invalid, "an asset name has 1 to 255 characters of UTF-8")
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.C, r) }):
		return badAsset(name)
	}
	return nil
}

// checkAsset is checkAssetSought for an asset that is to be made, whose name
// must not be a path.
func checkAsset(name string) error {
	if err := checkAssetSought(name); err != nil {
		return err
	}
	if name == "." || name == ".." || strings.ContainsAny(name, `/\`) {
		return badAsset(name)
	}
	return nil
}

func badAsset(name string) error {
	return Errorf(Invalid, "the asset name %q contains a character that is not allowed in it", name)
}
