# nuget.exe: publish with symbols, again, search, install with dependencies, unlist.
S=${REGISTRY}v3/index.json
$CLIENT push Mine.Lib.1.0.0-beta.1.nupkg -Source $S -ApiKey $TOKEN -NonInteractive
$CLIENT push Mine.Lib.1.0.0-beta.1.nupkg -Source $S -ApiKey $TOKEN -NonInteractive -SkipDuplicate -NoSymbols
$CLIENT search lib -Source $S -PreRelease -NonInteractive
$CLIENT install Mine.Lib -Version 1.0.0-beta.1 -Source $S -OutputDirectory out -NonInteractive
$CLIENT delete Mine.Lib 1.0.0-beta.1 -Source $S -ApiKey $TOKEN -NonInteractive
