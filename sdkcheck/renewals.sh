#!/usr/bin/env bash
# The check of renewals: the unmodified npm package co-wechat-api takes its tokens here, over
# several planned renewals, with an app in classic mode and one in stable mode. Lifetimes are
# short, so that every run sees renewals. Run by run.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=renewals
# A token of 20 s in stable mode is renewed at 14 to 20 s: 45 s always hold two renewals.
seconds=${SDKCHECK_SECONDS:-45}
# shellcheck source=stack.sh
. "$here/stack.sh"

export SDKCHECK_KEY
SDKCHECK_KEY=$(random_hex 24)
hidden+=("$SDKCHECK_KEY")

start_sandbox 20s 6s
start_server 6s 10s <<'YAML'
  - name: co-wechat-api
    key: ${SDKCHECK_KEY}
    apps: [classic, stable]
    allow: [read]
    sdk: co-wechat-api
YAML

say "checking both modes for $seconds seconds"
node "$here/renewals.mjs" "$base_url" "$classic" "$SDKCHECK_KEY" "$seconds" "$sandbox_url" >"$work/classic.json" &
classic_pid=$!
node "$here/renewals.mjs" "$base_url" "$stable" "$SDKCHECK_KEY" "$seconds" "$sandbox_url" >"$work/stable.json" &
stable_pid=$!

failed=
wait "$classic_pid" || failed="$failed classic-mode"
wait "$stable_pid" || failed="$failed stable-mode"
for mode in classic stable; do
  say "$mode mode:"
  cat "$work/$mode.json"
done
finish "$failed"
say "passed: co-wechat-api got live tokens only, over planned renewals, in both modes"
