#!/bin/sh
# Makes the bucket, and a user who may do in it what Larder does and nothing
# else. Can be run again.
set -eu
secret() { cat "/run/secrets/$1"; }
mc alias set store "$STORE" "$(secret minio-root-user)" "$(secret minio-root-password)" >/dev/null
mc mb --ignore-existing store/larder
cat >/tmp/larder.json <<'EOF'
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
      "Resource": "arn:aws:s3:::larder"
    },
    {
      "Effect": "Allow",
      "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
      "Resource": "arn:aws:s3:::larder/*"
    }
  ]
}
EOF
mc admin policy create store larder /tmp/larder.json
mc admin user add store "$(secret minio-user)" "$(secret minio-password)"
mc admin policy attach store larder --user "$(secret minio-user)" || mc admin user info store "$(secret minio-user)" | grep -q 'PolicyName: larder'
