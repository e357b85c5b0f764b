// Package nuget holds the end-to-end tests of NuGet repositories: the real
// nuget.exe under Mono and the real dotnet against the built larder as a
// process of its own.
//
// install-clients.sh gets dotnet, e2e/install-clients.sh nuget.exe; Mono is
// Debian's (.ci/run names its packages). LARDER_E2E and LARDER_E2E_TOOLS mean
// what they mean in package e2e. Start reading at TestNuGetExe.
package nuget
