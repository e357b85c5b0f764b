# Yarn 4
cat > "$HOME/.yarnrc.yml" <<END
npmRegistryServer: "$REGISTRY"
npmAuthToken: "$TOKEN"
npmAlwaysAuth: true
npmMinimalAgeGate: 0
enableTelemetry: false
unsafeHttpWhitelist: ["127.0.0.1"]
END
mkdir lib app
cd lib
printf '{"name":"@team/lib","version":"1.0.0","main":"i.js","license":"MIT"}' > package.json
echo 'module.exports = 1' > i.js
touch yarn.lock
$CLIENT install
$CLIENT npm publish
! $CLIENT npm publish
$CLIENT npm tag add @team/lib@1.0.0 beta
$CLIENT npm tag list @team/lib
$CLIENT npm tag remove @team/lib beta
$CLIENT npm whoami
cd ../app
printf '{"name":"app","version":"1.0.0"}' > package.json
touch yarn.lock
$CLIENT add @team/lib @dep/left right
$CLIENT npm audit
