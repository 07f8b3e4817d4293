#!/usr/bin/env bash
# The check of the gateway: unmodified SDKs make all their calls through Hufu while the
# apps' tokens are killed and stolen. Run by run.sh.
#
# usage: gateway.sh [GO_CHECK]   GO_CHECK is the program made of go/, which takes part if given
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=gateway
go_check=${1:-}
# Five deaths of each app take 15 to 35 s. The rest is quiet, for planned renewals: one comes
# 12 s after the last death in classic mode, and 18 to 20 s after it in stable mode.
seconds=${SDKCHECK_GATEWAY_SECONDS:-60}
# shellcheck source=stack.sh
. "$here/stack.sh"

clients=
for c in co_real co_virtual wa_real wa_virtual go_real go_virtual; do
  key=$(random_hex 24)
  hidden+=("$key")
  variable=SDKCHECK_KEY_${c^^}
  export "$variable=$key"
  case $c in
    *_virtual) rights='[call], handout: virtual' ;;
    *) rights='[read, call]' ;;
  esac
  case $c in
    # Both npm packages subtract 10 s.
    go_*) sdk=silenceper ;;
    *) sdk=co-wechat-api ;;
  esac
  clients+="  - {name: ${c//_/-}, key: \"\${$variable}\", apps: [classic, stable], allow: $rights, sdk: $sdk}"$'\n'
done
export SDKCHECK_CLASSIC=$classic SDKCHECK_STABLE=$stable

start_sandbox 20s 2s
start_server 2s 12s <<<"$clients"

say "checking for $seconds seconds"
node "$here/gateway/check.mjs" "$base_url" "$sandbox_url" "$seconds" >"$work/npm.json" &
npm_pid=$!
go_pid=
if [ -n "$go_check" ]; then
  "$go_check" "$base_url" "$((seconds - 2))" >"$work/go.json" &
  go_pid=$!
fi

failed=
[ -z "$go_pid" ] || wait "$go_pid" || failed="$failed go-sdks"
wait "$npm_pid" || failed="$failed npm-packages"
report npm go
finish "$failed"
say "passed: not one call failed"
