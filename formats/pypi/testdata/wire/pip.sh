# pip: what is held here, what it needs from another index, a yanked version.
$CLIENT install --no-cache-dir --disable-pip-version-check --target t -i ${INDEX}simple/ held.lib
$CLIENT download --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation -i ${INDEX}simple/ left==1.0
! $CLIENT download --no-cache-dir --disable-pip-version-check -i ${INDEX}simple/ nothing
