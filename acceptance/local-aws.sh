#!/usr/bin/env bash
# Runs a command against a local AWS that is started for it and stopped after it: acceptance/local-aws.sh npm run acceptance
set -euo pipefail
cd "$(dirname "$0")/.."

emulator="${LOCAL_AWS:-../shared/local-aws/local_aws.py}"
if [ ! -f "$emulator" ]; then
  echo "expected the local AWS at $emulator (or in LOCAL_AWS), found none" >&2
  exit 1
fi
venv=.venv
if ! "$venv/bin/python" -c 'import ministack, boto3' 2>/dev/null; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check ministack==1.4.21 boto3
fi

# The functions run with the first node on PATH: the Lambda runtime's major version, from node_modules.
export PATH="$PWD/node_modules/.bin:$PATH"
export GATEWAY_PORT="${GATEWAY_PORT:-$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')}"
export AWS_ENDPOINT_URL="http://localhost:$GATEWAY_PORT"
# The CDK remembers the account of an access key id: this one is the emulator's alone.
export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=localaws AWS_SECRET_ACCESS_KEY=x
export CDK_DEFAULT_ACCOUNT=000000000000 CDK_DEFAULT_REGION=us-east-1
unset AWS_PROFILE AWS_SESSION_TOKEN

work="$(mktemp -d)"
export LAMBDA_ACCOUNT_CONCURRENCY="${LAMBDA_ACCOUNT_CONCURRENCY:-4}"
export LOCAL_AWS_CALLS="${LOCAL_AWS_CALLS:-$work/calls.jsonl}"
"$venv/bin/python" acceptance/local_aws.py "$emulator" >"$work/server.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

for _ in $(seq 60); do
  if curl --silent --output /dev/null "$AWS_ENDPOINT_URL/"; then break; fi
  if ! kill -0 "$server" 2>/dev/null; then
    cat "$work/server.log" >&2
    exit 1
  fi
  sleep 0.5
done

status=0
"$@" || status=$?
if [ "$status" -ne 0 ] && [ -n "${LOCAL_AWS_LOG:-}" ]; then cp "$work/server.log" "$LOCAL_AWS_LOG"; fi
exit "$status"
