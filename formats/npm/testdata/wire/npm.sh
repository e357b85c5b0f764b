# npm 11: what a developer does with a package of their own and with one from outside.
printf 'registry=%s\n%s:_authToken=%s\n' "$REGISTRY" "$NERF" "$TOKEN" > "$HOME/.npmrc"
mkdir lib app
cd lib
printf '{"name":"@team/lib","version":"1.0.0","description":"a library","main":"i.js","keywords":["wire"],"license":"MIT"}' > package.json
echo 'module.exports = 1' > i.js
echo '# lib' > README.md
$CLIENT ping
$CLIENT whoami
$CLIENT publish
! $CLIENT publish
sed -i 's/1\.0\.0/1.1.0-rc.1/' package.json
$CLIENT publish --tag next
$CLIENT dist-tag ls
$CLIENT dist-tag add @team/lib@1.1.0-rc.1 beta
$CLIENT dist-tag rm @team/lib beta
$CLIENT view @team/lib --json
$CLIENT deprecate @team/lib@1.0.0 'use another one'
$CLIENT deprecate @team/lib@1.0.0 ''
$CLIENT search lib
cd ../app
printf '{"name":"app","version":"1.0.0"}' > package.json
$CLIENT install @team/lib @dep/left right
rm -rf node_modules "$npm_config_cache"
$CLIENT ci
$CLIENT audit
$CLIENT outdated
cd ../lib
$CLIENT unpublish @team/lib@1.1.0-rc.1
$CLIENT unpublish @team/lib --force
! $CLIENT login --auth-type=web
! $CLIENT owner add somebody @dep/left
! $CLIENT access list packages
! $CLIENT view nothing-of-this-name
$CLIENT logout
