package e2e

import (
	"encoding/json"
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

// offerProject puts the packages of the project into the registry.
func offerProject(t *testing.T, u *formatstest.Upstream) {
	t.Helper()
	offer(t, u, nil,
		release{manifest{"name": "leaf", "version": "1.0.0"}, map[string]string{"index.js": module("leaf 1.0.0")}},
		release{manifest{"name": "leaf", "version": "2.0.1"}, map[string]string{"index.js": module("leaf 2.0.1")}},
	)
	needsLeaf := manifest{"leaf": "^2.0.0"}
	core := map[string]string{"index.js": "module.exports = 'core ' + require('./package.json').version + ' with ' + require('leaf')\n"}
	offer(t, u, map[string]string{"latest": "1.1.0", "next": "2.0.0-rc.1"},
		release{manifest{"name": "@up/core", "version": "1.0.0", "dependencies": needsLeaf}, core},
		release{manifest{"name": "@up/core", "version": "1.1.0", "dependencies": needsLeaf}, core},
		release{manifest{"name": "@up/core", "version": "2.0.0-rc.1", "dependencies": needsLeaf}, core},
	)
	offer(t, u, nil, release{
		manifest{"name": "tool", "version": "1.0.0", "bin": manifest{"tool-print": "cli.js"}},
		map[string]string{"cli.js": "#!/usr/bin/env node\nconsole.log('tool says ' + process.argv[2])\n", "index.js": module("tool 1.0.0")},
	})
	offer(t, u, nil, release{manifest{"name": "host", "version": "2.3.0"}, map[string]string{"index.js": module("host 2.3.0")}})
	offer(t, u, nil, release{
		manifest{
			"name": "plugin", "version": "1.0.0",
			"peerDependencies":     manifest{"host": "^2.0.0", "nowhere": "*"},
			"peerDependenciesMeta": manifest{"nowhere": manifest{"optional": true}},
		},
		map[string]string{"index.js": "module.exports = 'plugin of ' + require('host')\n"},
	})
	offer(t, u, nil, release{manifest{"name": "maybe", "version": "1.2.3"}, map[string]string{"index.js": module("maybe 1.2.3")}})
	offer(t, u, nil, release{
		manifest{"name": "bundler", "version": "1.0.0", "dependencies": manifest{"inner": "1.0.0"}, "bundleDependencies": []string{"inner"}},
		map[string]string{
			"index.js":                        "module.exports = 'bundler with ' + require('inner')\n",
			"node_modules/inner/package.json": `{"name":"inner","version":"1.0.0"}`,
			"node_modules/inner/index.js":     module("inner 1.0.0"),
		},
	})
	// Yarn and bun want to know it, though the other package brings its own.
	offer(t, u, nil, release{manifest{"name": "inner", "version": "1.0.0"}, map[string]string{"index.js": module("inner of the registry")}})
	offer(t, u, nil, release{manifest{"name": "old", "version": "1.0.0", "deprecated": "take @up/core instead"}, map[string]string{"index.js": module("old 1.0.0")}})

	offer(t, u, nil, release{
		manifest{"name": "native", "version": "1.0.0", "optionalDependencies": manifest{"@up/native-here": "1.0.0", "@up/native-elsewhere": "1.0.0"}},
		map[string]string{"index.js": `
const found = []
for (const name of ['@up/native-here', '@up/native-elsewhere']) {
  try { found.push(require(name)) } catch (e) { if (e.code !== 'MODULE_NOT_FOUND') throw e }
}
module.exports = found.join()
`},
	})
	for name, machine := range map[string][2]string{"here": {nodeOS(), nodeCPU()}, "elsewhere": {"aix", "ppc64"}} {
		offer(t, u, nil, release{
			manifest{"name": "@up/native-" + name, "version": "1.0.0", "os": []string{machine[0]}, "cpu": []string{machine[1]}},
			map[string]string{"index.js": module("for " + name)},
		})
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
