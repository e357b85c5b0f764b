# pnpm 12
printf 'registry=%s\n%s:_authToken=%s\n' "$REGISTRY" "$NERF" "$TOKEN" > "$HOME/.npmrc"
mkdir lib app
cd lib
printf '{"name":"@team/lib","version":"1.0.0","main":"i.js","license":"MIT"}' > package.json
echo 'module.exports = 1' > i.js
$CLIENT publish --no-git-checks
! $CLIENT publish --no-git-checks
cd ../app
printf '{"name":"app","version":"1.0.0"}' > package.json
$CLIENT add @team/lib@1.0.0 @dep/left right
$CLIENT audit
