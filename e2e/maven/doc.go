// Package maven holds the end-to-end tests of Maven repositories: the machine's
// mvn and newer ones against the built larder as a process of its own.
//
// install-clients.sh gets the clients, and the plugins that their builds need;
// LARDER_E2E and LARDER_E2E_TOOLS mean what they mean in package e2e. Start
// reading at TestMaven.
package maven
