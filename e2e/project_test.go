package e2e

import (
	"encoding/json"
	"maps"
	"runtime"
	"testing"

	"larder/formats/formatstest"
)

// module is the source of a package that exports what it is, and what it was
// linked with.
func module(of string) string { return "module.exports = '" + of + "'\n" }

// nodeOS and nodeCPU are this machine in the words of package.json.
func nodeOS() string {
	if runtime.GOOS == "windows" {
		return "win32"
	}
	return runtime.GOOS
}

func nodeCPU() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x64"
	case "386":
		return "ia32"
	}
	return runtime.GOARCH
}

// projectReleases are the packages of the project, oldest first.
func projectReleases() []release {
	needsLeaf := manifest{"leaf": "^2.0.0"}
	core := map[string]string{"index.js": "module.exports = 'core ' + require('./package.json').version + ' with ' + require('leaf')\n"}
	simple := func(name, version string) release {
		return release{manifest{"name": name, "version": version}, map[string]string{"index.js": module(name + " " + version)}}
	}
	old := simple("old", "1.0.0")
	old.manifest["deprecated"] = "take @up/core instead"
	native := func(where, system, cpu string) release {
		return release{
			manifest{"name": "@up/native-" + where, "version": "1.0.0", "os": []string{system}, "cpu": []string{cpu}},
			map[string]string{"index.js": module("for " + where)},
		}
	}
	return []release{
		simple("leaf", "1.0.0"), simple("leaf", "2.0.1"), simple("host", "2.3.0"), simple("maybe", "1.2.3"), old,
		{manifest{"name": "@up/core", "version": "1.0.0", "dependencies": needsLeaf}, core},
		{manifest{"name": "@up/core", "version": "1.1.0", "dependencies": needsLeaf}, core},
		{
			manifest{"name": "tool", "version": "1.0.0", "bin": manifest{"tool-print": "cli.js"}},
			map[string]string{"cli.js": "#!/usr/bin/env node\nconsole.log('tool says ' + process.argv[2])\n", "index.js": module("tool 1.0.0")},
		},
		{
			manifest{
				"name": "plugin", "version": "1.0.0",
				"peerDependencies":     manifest{"host": "^2.0.0", "nowhere": "*"},
				"peerDependenciesMeta": manifest{"nowhere": manifest{"optional": true}},
			},
			map[string]string{"index.js": "module.exports = 'plugin of ' + require('host')\n"},
		},
		{
			manifest{"name": "bundler", "version": "1.0.0", "dependencies": manifest{"inner": "1.0.0"}, "bundleDependencies": []string{"inner"}},
			map[string]string{
				"index.js":                        "module.exports = 'bundler with ' + require('inner')\n",
				"node_modules/inner/package.json": `{"name":"inner","version":"1.0.0"}`,
				"node_modules/inner/index.js":     module("inner 1.0.0"),
			},
		},
		// Yarn and bun want to know it, though the other package brings its own.
		{manifest{"name": "inner", "version": "1.0.0"}, map[string]string{"index.js": module("inner of the registry")}},
		{
			manifest{"name": "native", "version": "1.0.0", "optionalDependencies": manifest{"@up/native-here": "1.0.0", "@up/native-elsewhere": "1.0.0"}},
			map[string]string{"index.js": `
const found = []
for (const name of ['@up/native-here', '@up/native-elsewhere']) {
  try { found.push(require(name)) } catch (e) { if (e.code !== 'MODULE_NOT_FOUND') throw e }
}
module.exports = found.join()
`},
		},
		native("here", nodeOS(), nodeCPU()), native("elsewhere", "aix", "ppc64"),
	}
}

// offerProject puts the packages of the project into the registry, and a
// version that only who asks for its tag gets.
func offerProject(t *testing.T, u *formatstest.Upstream) {
	t.Helper()
	var names []string
	releases := map[string][]release{}
	for _, r := range projectReleases() {
		name := r.manifest["name"].(string)
		if releases[name] == nil {
			names = append(names, name)
		}
		releases[name] = append(releases[name], r)
	}
	next := maps.Clone(releases["@up/core"][0].manifest)
	next["version"] = "2.0.0-rc.1"
	releases["@up/core"] = append(releases["@up/core"], release{next, releases["@up/core"][0].files})
	for _, name := range names {
		tags := map[string]string{}
		if name == "@up/core" {
			tags = map[string]string{"latest": "1.1.0", "next": "2.0.0-rc.1"}
		}
		offer(t, u, tags, releases[name]...)
	}
}

// project is what the scenario installs: dependencies of every kind.
func project() manifest {
	return manifest{
		"name": "project", "version": "1.0.0", "private": true,
		"dependencies": manifest{
			"@up/core": "^1.0.0", "aliased": "npm:leaf@1.0.0", "bundler": "1.0.0", "host": "^2.0.0",
			"native": "latest", "old": "*", "plugin": "1.x", "tool": "~1.0.0",
		},
		"optionalDependencies": manifest{"maybe": "^1.0.0"},
	}
}

// installed is what the project's packages say when they are all there.
var installed = map[string]string{
	"@up/core": "core 1.1.0 with leaf 2.0.1",
	"aliased":  "leaf 1.0.0",
	"bundler":  "bundler with inner 1.0.0",
	"host":     "host 2.3.0",
	"native":   "for here",
	"old":      "old 1.0.0",
	"plugin":   "plugin of host 2.3.0",
	"tool":     "tool 1.0.0",
	"maybe":    "maybe 1.2.3",
}

// loaded loads packages from the user's folder and gives what they say.
func (u *user) loaded(t *testing.T, names ...string) map[string]string {
	t.Helper()
	u.write(t, "load.js", "const said = {}\nfor (const name of process.argv.slice(2)) said[name] = require(name)\nconsole.log(JSON.stringify(said))\n")
	out, err := u.run(t, append([]string{"node", "load.js"}, names...)...)
	if err != nil {
		t.Fatalf("what was installed does not load: %v\n%s", err, out)
	}
	said := map[string]string{}
	if err := json.Unmarshal([]byte(out), &said); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return said
}
