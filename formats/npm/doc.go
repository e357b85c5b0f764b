// Package npm is the npm registry protocol: what npm, pnpm, Yarn and bun say
// to a registry, and how to read another one. The wire shapes are those of the
// npm CLI's registry documents ("package metadata", "REST API") and of what
// the clients do, of which the sources were read: npm 11 with
// npm-registry-fetch, libnpmpublish, libnpmaccess, npm-profile and pacote.
//
// Names and versions are in names.go and semver.go, the stored manifest in
// manifest.go; parse.go reads what is published, render.go writes documents,
// upstream.go reads other registries. The rest is one file per endpoint; the
// route table is in format.go.
package npm
