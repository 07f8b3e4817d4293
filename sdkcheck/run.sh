#!/usr/bin/env bash
# The SDK check: a simulated platform and a Hufu server, each run as a user would run it,
# and the unmodified npm package co-wechat-api against them, with an app in classic mode and
# one in stable mode. Lifetimes are short, so that every run sees planned renewals.
#
# usage: sdkcheck/run.sh            (after `make build`; `make sdk` does both)
#        SDKCHECK_SECONDS=90 sdkcheck/run.sh
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
hufu=${HUFU_BIN:-$here/../bin/hufu}
# A token of 20 s in stable mode is renewed at 14 to 20 s: 45 s always hold two renewals.
seconds=${SDKCHECK_SECONDS:-45}

classic=wxc1a551c000000001
stable=wx57ab1e0000000002

say() { printf 'sdkcheck: %s\n' "$*"; }
die() { say "$*" >&2; exit 1; }
random_hex() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

command -v node >/dev/null || die "node is missing: install Node.js 18 or later"
command -v npm >/dev/null || die "npm is missing: install it beside Node.js"
[ -x "$hufu" ] || die "$hufu is missing: run 'make build' first"
if grep -Eq 'https?://|"resolved"' "$here/package-lock.json"; then
  die "package-lock.json names a host: write it again with this folder's .npmrc in force"
fi

say "installing co-wechat-api as locked"
(cd "$here" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)

umask 077
work=$(mktemp -d)
sandbox_pid=
server_pid=

# stop ends one process that this script started and returns its exit status.
stop() {
  local pid=$1 status=0
  kill -TERM "$pid" 2>/dev/null || true
  for _ in $(seq 150); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" || status=$?
  return "$status"
}

cleanup() {
  [ -z "$server_pid" ] || stop "$server_pid" || true
  [ -z "$sandbox_pid" ] || stop "$sandbox_pid" || true
  rm -rf "$work"
}
trap cleanup EXIT

# await FILE PATTERN PID: waits until FILE has a match of PATTERN and prints it.
await() {
  local file=$1 pattern=$2 pid=$3
  for _ in $(seq 150); do
    if grep -Eom1 "$pattern" "$file" 2>/dev/null; then
      return
    fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  return 1
}

logs() {
  for f in sandbox server; do
    if [ -s "$work/$f.err" ]; then
      say "the last lines of the $f's stderr:"
      tail -n 30 "$work/$f.err" | sed "s/$key/***/g; s/$secret/***/g"
    fi
  done >&2
}

secret=$(random_hex 16)
key=$(random_hex 24)

"$hufu" sandbox --listen 127.0.0.1:0 --app "$classic=$secret" --app "$stable=$secret" \
  --lifetime 20s --overlap 6s >"$work/sandbox.out" 2>"$work/sandbox.err" </dev/null &
sandbox_pid=$!
sandbox_url=$(await "$work/sandbox.out" '^http://[^ ]+' "$sandbox_pid") || { logs; die "the sandbox did not start"; }
say "sandbox at $sandbox_url"

cat >"$work/hufu.yaml" <<YAML
listen: 127.0.0.1:0
data_dir: $work/data
keyset_file: $work/data/keyset.json
apps:
  - id: classic
    platform: wechat
    app_id: $classic
    secret: \${SDKCHECK_SECRET}
    mode: classic
    base_url: $sandbox_url
    overlap: 6s
    renew: {every: 10s}
  - id: stable
    platform: wechat
    app_id: $stable
    secret: \${SDKCHECK_SECRET}
    mode: stable
    base_url: $sandbox_url
    overlap: 6s
    renew: {every: 10s}
clients:
  - name: co-wechat-api
    key: \${SDKCHECK_KEY}
    apps: [classic, stable]
    allow: [read]
    sdk: co-wechat-api
YAML

SDKCHECK_SECRET=$secret SDKCHECK_KEY=$key \
  "$hufu" serve --config "$work/hufu.yaml" >"$work/server.out" 2>"$work/server.err" </dev/null &
server_pid=$!
line=$(await "$work/server.err" 'listening on http://[^ "]+' "$server_pid") || { logs; die "the server did not start"; }
base_url=${line#listening on }
say "server at $base_url"

say "checking both modes for $seconds seconds"
node "$here/check.mjs" "$base_url" "$classic" "$key" "$seconds" "$sandbox_url" >"$work/classic.json" &
classic_pid=$!
node "$here/check.mjs" "$base_url" "$stable" "$key" "$seconds" "$sandbox_url" >"$work/stable.json" &
stable_pid=$!

failed=
wait "$classic_pid" || failed="$failed classic-mode"
wait "$stable_pid" || failed="$failed stable-mode"
for mode in classic stable; do
  say "$mode mode:"
  cat "$work/$mode.json"
done

stop "$server_pid" || failed="$failed server-exit-status-$?"
server_pid=
stop "$sandbox_pid" || failed="$failed sandbox-exit-status-$?"
sandbox_pid=

if grep -Fq -e "$secret" -e "$key" "$work/server.out" "$work/server.err"; then
  failed="$failed secret-in-the-log"
fi
if [ -n "$failed" ]; then
  logs
  die "FAILED:$failed"
fi
say "passed: co-wechat-api got live tokens only, over planned renewals, in both modes"
