#!/usr/bin/env bash
# The check of platforms other than WeChat: unmodified SDKs of WeCom, Feishu, Lark and DingTalk
# get their tokens and make their calls at the root of one Hufu server, and the platforms end
# the tokens meanwhile. Run by run.sh.
#
# usage: platforms.sh [GO_CHECK]   GO_CHECK is the program made of go/, which takes part if given
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=platforms
go_check=${1:-}
# shellcheck source=stack.sh
. "$here/stack.sh"

export SDKCHECK_WECOM=ww5dc0000000000001 SDKCHECK_FEISHU=cli_5dc0000000000002 \
  SDKCHECK_LARK=cli_5dc0000000000003 SDKCHECK_DINGTALK=ding5dc0000000000004
# The SDK of Go is for two agents of one corp, each of which is an app here with a secret of its own.
export SDKCHECK_CORP=ww5dc0000000000005 SDKCHECK_AGENTS='hr=1000002 it=1000003'
for k in KEY_REAL KEY_VIRTUAL KEY_GO_REAL KEY_GO_VIRTUAL; do
  key=$(random_hex 24)
  hidden+=("$key")
  export "SDKCHECK_$k=$key"
done

start_sandbox 2h 5m "wecom:$SDKCHECK_WECOM:1000002" "wecom:$SDKCHECK_CORP:1000002" "wecom:$SDKCHECK_CORP:1000003=$secret-it" \
  "feishu:$SDKCHECK_FEISHU" "lark:$SDKCHECK_LARK" "dingtalk:$SDKCHECK_DINGTALK"

app() { # ID PLATFORM APP_ID [MORE [END_OF_THE_SECRET]]
  printf '  - {id: %s, platform: %s, app_id: %s, secret: "${SDKCHECK_SECRET}%s", base_url: "%s/%s"%s}\n' "$1" "$2" "$3" "${5:-}" "$sandbox_url" "$2" "${4:-}"
}
serve <<YAML
apps:
$(app corp wecom "$SDKCHECK_WECOM" ', params: {agent_id: "1000002"}')
$(app hr wecom "$SDKCHECK_CORP" ', params: {agent_id: "1000002"}')
$(app it wecom "$SDKCHECK_CORP" ', params: {agent_id: "1000003"}' -it)
$(app bot feishu "$SDKCHECK_FEISHU")
$(app abroad lark "$SDKCHECK_LARK")
$(app oa dingtalk "$SDKCHECK_DINGTALK" ', params: {corp_id: ding0123456789abcdef}')
clients:
  - {name: real, key: "\${SDKCHECK_KEY_REAL}", apps: ["*"], allow: [read, call]}
  - {name: virtual, key: "\${SDKCHECK_KEY_VIRTUAL}", apps: ["*"], allow: [call], handout: virtual}
  - {name: go-real, key: "\${SDKCHECK_KEY_GO_REAL}", apps: [hr, it], allow: [read, call], sdk: silenceper}
  - {name: go-virtual, key: "\${SDKCHECK_KEY_GO_VIRTUAL}", apps: [hr, it], allow: [call], handout: virtual}
YAML

node "$here/platforms/check.mjs" "$base_url" "$sandbox_url" >"$work/npm.json" &
npm_pid=$!
go_pid=
if [ -n "$go_check" ]; then
  "$go_check" platforms "$base_url" "$sandbox_url" >"$work/go.json" &
  go_pid=$!
fi

failed=
[ -z "$go_pid" ] || wait "$go_pid" || failed="$failed go-sdks"
wait "$npm_pid" || failed="$failed npm-packages"
report npm go
finish "$failed"
say "passed: not one call failed, and no SDK asked for a second token"
