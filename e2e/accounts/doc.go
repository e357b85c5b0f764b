// Package accounts has the end-to-end tests of who may: two accounts that share
// a repository, rights on one package, and jobs of CI systems that publish
// without a stored secret, with npm, pip, twine, Maven, NuGet and the aws command.
//
// They run with LARDER_E2E=on, see e2e/doc.go; the clients are those that the
// scripts of e2e, e2e/pypi and e2e/maven install.
package accounts
