# twine: both files, and both again.
for again in 1 2; do
  $CLIENT upload --non-interactive --disable-progress-bar --repository-url $REGISTRY -u aws -p $TOKEN mine-1.0*
done
