#!/usr/bin/env bash
# The SDK checks: unmodified SDKs against a running Hufu server and a simulated platform.
# renewals.sh holds the tokens they get to their promise, gateway.sh has them make all their
# calls through Hufu while tokens are killed and stolen, platforms.sh does it for platforms
# other than WeChat, and redis.sh has them read tokens out of a Redis. They run side by side.
#
# usage: sdkcheck/run.sh            (after `make build`; `make sdk` does both)
#        SDKCHECK_SECONDS=90 SDKCHECK_GATEWAY_SECONDS=90 sdkcheck/run.sh
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
say() { printf 'sdkcheck: %s\n' "$*"; }
die() { say "$*" >&2; exit 1; }

command -v node >/dev/null || die "node is missing: install Node.js 18 or later"
command -v npm >/dev/null || die "npm is missing: install it beside Node.js"
# The addresses of people who want funding are none of packages.
if grep -Ev '^ *"url": "https://github.com/sponsors/' "$here/package-lock.json" | grep -Eq 'https?://|"resolved"'; then
  die "package-lock.json names a host: write it again with this folder's .npmrc in force"
fi

say "installing the npm packages as locked"
(cd "$here" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)

out=$(mktemp -d)
go_check=
if command -v go >/dev/null; then
  say "building the check of Go SDKs"
  (cd "$here/go" && CGO_ENABLED=0 GOWORK=off go build -o "$out/go-check" .)
  go_check=$out/go-check
else
  say "WARNING: Go is missing, and its SDKs are NOT CHECKED"
fi
pids=()
cleanup() {
  [ "${#pids[@]}" -eq 0 ] || kill -TERM "${pids[@]}" 2>/dev/null || true
  wait
  rm -rf "$out"
}
trap cleanup EXIT

checks=(renewals gateway platforms)
if [ -n "$go_check" ] && command -v redis-server >/dev/null; then
  checks+=(redis)
elif [ "${CI:-}" = true ]; then
  die "Go or redis-server is missing, and in CI every check has to run"
else
  say "WARNING: Go or redis-server is missing, and SDKs that read a Redis are NOT CHECKED"
fi
say "running: ${checks[*]}"
for c in "${checks[@]}"; do
  bash "$here/$c.sh" $go_check >"$out/$c" 2>&1 </dev/null &
  pids+=($!)
done
failed=
for i in "${!checks[@]}"; do
  wait "${pids[$i]}" || failed="$failed ${checks[$i]}"
  cat "$out/${checks[$i]}"
done
pids=()
[ -z "$failed" ] || die "FAILED:$failed"
say "passed: ${checks[*]}"
