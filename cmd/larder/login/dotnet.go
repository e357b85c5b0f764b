package login

import "path/filepath"

// dotnet is the command of .NET. (NuGet's documentation, "Common NuGet
// configurations": where each system has the user's file.)
var dotnet = Tool{Name: "dotnet", Format: "nuget", plan: func(m Machine, to Target) (*Plan, error) {
	name := filepath.Join(m.Home, ".nuget", "NuGet", "NuGet.Config")
	if m.OS == "windows" {
		name = filepath.Join(m.appData(), "NuGet", "NuGet.Config")
	}
	p := &Plan{Try: "dotnet restore", Project: []Snippet{{"to publish with dotnet", "dotnet nuget push PACKAGE.nupkg --source " + sourceName(to)}}}
	return p, p.planNuGet(name, to)
}}
