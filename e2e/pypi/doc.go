// Package pypi holds the end-to-end tests of Python packages: pip, uv, poetry,
// pdm, twine and flit against the built larder as a process of its own.
//
// install-clients.sh installs the clients; LARDER_E2E and LARDER_E2E_TOOLS mean
// what they mean in package e2e. Start reading at TestInstallers.
package pypi
