package login

import "path/filepath"

// dotnet is the command of .NET. (NuGet's documentation, "Common NuGet
// configurations": where each system has the user's file.)
var dotnet = Tool{Name: "dotnet", Format: "nuget", plan: planDotnet, helper: planDotnet}

func planDotnet(m Machine, to Target) (*Plan, error) {
	name := filepath.Join(m.Home, ".nuget", "NuGet", "NuGet.Config")
	if m.OS == "windows" {
		name = filepath.Join(m.appData(), "NuGet", "NuGet.Config")
	}
	p := &Plan{Try: "dotnet restore", Project: []Snippet{{"to publish with dotnet", "dotnet nuget push PACKAGE.nupkg --source " + sourceName(to)}}}
	if to.Helper != nil {
		// A program of this name on PATH is a plugin, whatever it is written in,
		// since NuGet 6.13. (NuGet's documentation, "NuGet cross platform plugins".)
		if _, err := p.planScript(m, to, filepath.Join(p.programs(m), "nuget-plugin-larder"), "nuget"); err != nil {
			return nil, err
		}
		p.Notes = append(p.Notes, "dotnet starts such a helper since SDK 9.0.200; older ones need larder login dotnet without --helper")
	}
	return p, p.planNuGet(name, to)
}
