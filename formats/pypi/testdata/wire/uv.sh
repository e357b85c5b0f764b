# uv: install, and publish.
$CLIENT pip install --no-cache --target t --default-index ${INDEX}simple/ held-lib
$CLIENT publish --publish-url $REGISTRY -u aws -p $TOKEN mine-1.0*
