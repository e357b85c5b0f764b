# dotnet: publish with symbols, restore a floating version and what it needs, unlist.
S=${REGISTRY}v3/index.json
$CLIENT nuget push Mine.Lib.1.0.0-beta.1.nupkg --source $S --api-key $TOKEN
mkdir app
cat >app/app.csproj <<EOF
<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><TargetFramework>netcoreapp3.1</TargetFramework></PropertyGroup>
<ItemGroup><PackageReference Include="Left" Version="1.0.*"/><PackageReference Include="Mine.Lib" Version="1.0.0-beta.*"/></ItemGroup></Project>
EOF
$CLIENT restore app --source $S --disable-parallel
$CLIENT nuget delete Mine.Lib 1.0.0-beta.1 --source $S --api-key $TOKEN --non-interactive
