#!/usr/bin/env bash
# The check of platforms other than WeChat: unmodified SDKs of WeCom, Feishu, Lark and DingTalk
# get their tokens and make their calls at the root of one Hufu server, and the platforms end
# the tokens meanwhile. Run by run.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=platforms
# shellcheck source=stack.sh
. "$here/stack.sh"

export SDKCHECK_WECOM=ww5dc0000000000001 SDKCHECK_FEISHU=cli_5dc0000000000002 \
  SDKCHECK_LARK=cli_5dc0000000000003 SDKCHECK_DINGTALK=ding5dc0000000000004
export SDKCHECK_KEY_REAL SDKCHECK_KEY_VIRTUAL
SDKCHECK_KEY_REAL=$(random_hex 24)
SDKCHECK_KEY_VIRTUAL=$(random_hex 24)
hidden+=("$SDKCHECK_KEY_REAL" "$SDKCHECK_KEY_VIRTUAL")

start_sandbox 2h 5m "wecom:$SDKCHECK_WECOM:1000002" "feishu:$SDKCHECK_FEISHU" "lark:$SDKCHECK_LARK" "dingtalk:$SDKCHECK_DINGTALK"

app() { # ID PLATFORM APP_ID [MORE]
  printf '  - {id: %s, platform: %s, app_id: %s, secret: "${SDKCHECK_SECRET}", base_url: "%s/%s"%s}\n' "$1" "$2" "$3" "$sandbox_url" "$2" "${4:-}"
}
serve <<YAML
apps:
$(app corp wecom "$SDKCHECK_WECOM" ', params: {agent_id: "1000002"}')
$(app bot feishu "$SDKCHECK_FEISHU")
$(app abroad lark "$SDKCHECK_LARK")
$(app oa dingtalk "$SDKCHECK_DINGTALK" ', params: {corp_id: ding0123456789abcdef}')
clients:
  - {name: real, key: "\${SDKCHECK_KEY_REAL}", apps: ["*"], allow: [read, call]}
  - {name: virtual, key: "\${SDKCHECK_KEY_VIRTUAL}", apps: ["*"], allow: [call], handout: virtual}
YAML

failed=
node "$here/platforms/check.mjs" "$base_url" "$sandbox_url" >"$work/check.json" || failed=" sdks"
cat "$work/check.json"
finish "$failed"
say "passed: not one call failed, and no SDK asked for a second token"
