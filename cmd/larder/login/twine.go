package login

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// twine reads ~/.pypirc: a section for each repository, all of them named in
// index-servers. (The .pypirc specification of the Python packaging guide.)
var twine = Tool{Name: "twine", Format: "pypi", plan: planTwine, helper: planTwine}

func planTwine(m Machine, to Target) (*Plan, error) {
	p := &Plan{KeyOnly: true, Try: "twine upload --repository " + to.id() + " dist/*"}
	if to.Helper != nil {
		if err := p.planKeyringBackend(m, to); err != nil {
			return nil, err
		}
	}
	return p, p.edit(filepath.Join(m.Home, ".pypirc"), func(before []byte) ([]byte, error) {
		file := parseINI(before, strings.ToLower)
		servers := file.values("distutils", "index-servers")
		if servers == nil {
			servers = []string{"pypi", "testpypi"} // what twine knows where nothing is said
		}
		if !slices.Contains(servers, to.id()) {
			file.set("distutils", "index-servers", append(servers, to.id())...)
		}
		file.set(to.id(), "repository", to.Endpoint)
		file.set(to.id(), "username", user)
		if to.Helper != nil {
			file.unset(to.id(), "password")
			if file.values(to.id(), "password") != nil {
				return nil, fmt.Errorf("has more than one password in section %s: take them out first", to.id())
			}
			return file.bytes(to.id(), "username", user)
		}
		file.set(to.id(), "password", to.Token)
		return file.bytes(to.id(), "password", to.Token)
	})
}
