// Package nuget is the NuGet server API, version 3: what nuget.exe, dotnet,
// MSBuild and Visual Studio say to a package source, and how to read another
// one. The wire shapes are those of the NuGet documentation ("NuGet Server
// API", one page for each resource) and, where it is silent, of the sources of
// NuGet.Client.
//
// Versions and ranges are in version.go and range.go, ids in names.go, the
// stored manifest in manifest.go. nuspec.go, nupkg.go and pdb.go read what is
// pushed, render.go writes package metadata, upstream.go reads other sources.
// The rest is one file per resource; the route table is in format.go.
package nuget
