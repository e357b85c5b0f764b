# Yarn 1
printf 'registry=%s\n%s:_authToken=%s\nalways-auth=true\n' "$REGISTRY" "$NERF" "$TOKEN" > "$HOME/.npmrc"
printf 'registry "%s"\n' "$REGISTRY" > "$HOME/.yarnrc"
mkdir lib app
cd lib
printf '{"name":"@team/lib","version":"1.0.0","main":"i.js","license":"MIT"}' > package.json
echo 'module.exports = 1' > i.js
$CLIENT publish --new-version 1.0.0 --non-interactive
! $CLIENT publish --new-version 1.0.0 --non-interactive
$CLIENT tag add @team/lib@1.0.0 beta
$CLIENT tag list @team/lib
$CLIENT tag remove @team/lib beta
$CLIENT info @team/lib
cd ../app
printf '{"name":"app","version":"1.0.0","license":"MIT"}' > package.json
$CLIENT add @team/lib @dep/left right
