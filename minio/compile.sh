#!/bin/sh
# Compile MinIO of a version that the Go module proxy serves into /out, so that the server reports
# that version. Usage: compile.sh VERSION (a pseudo-version, or a release tag where one is served)
set -eu

module=github.com/minio/minio
described=$(go mod download -json "$module@$1") || { echo "$described" >&2; exit 1; }
field() { echo "$described" | sed -n "s/.*\"$1\": \"\(.*\)\",*\$/\1/p"; }

# v0.0.0-20260212201848-7aac2a2c5b7c: the time and the first digits of the commit
version=$(field Version)
commit=${version##*-}
stamp=${version%-*}
stamp=${stamp##*-}
time=$(echo "$stamp" | sed -E 's/^(....)(..)(..)(..)(..)(..)$/\1-\2-\3T\4:\5:\6Z/')

# The flags of MinIO's buildscripts/gen-ldflags.go; without them it says DEVELOPMENT.GOGET.
flags="-s -w
  -X $module/cmd.Version=$time
  -X $module/cmd.ReleaseTag=DEVELOPMENT.$(echo "$time" | tr : -)
  -X $module/cmd.CommitID=$commit
  -X $module/cmd.ShortCommitID=$commit
  -X $module/cmd.CopyrightYear=$(echo "$stamp" | cut -c 1-4)"

echo "compiling $module $version with $(go env GOVERSION)"
mkdir -p /out
GOBIN=/out go install -trimpath -ldflags "$flags" "$module@$version"
cp "$(field Dir)/LICENSE" /out/
