#!/usr/bin/env bash
# The check of redis sinks: an unmodified SDK finds each app's token in its own cache in
# Redis, where Hufu has put it, before and after it was replaced. Run by run.sh.
#
# usage: redis.sh GO_CHECK   GO_CHECK is the program made of go/
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=redis
go_check=$1
# shellcheck source=stack.sh
. "$here/stack.sh"

key=$(random_hex 24)
password=$(random_hex 24)
hidden+=("$key" "$password")
export SDKCHECK_KEY=$key SDKCHECK_REDIS=$password

# start_redis sets $redis, HOST:PORT. Port 0 is none to Redis, so that ports are tried.
start_redis() {
  local port
  for _ in $(seq 20); do
    port=$((20000 + RANDOM % 12000))
    printf 'bind 127.0.0.1\nport %s\nsave ""\ndir %s\nrequirepass %s\n' "$port" "$work" "$password" |
      redis-server - >"$work/redis.out" 2>&1 &
    redis_pid=$!
    if await "$work/redis.out" 'Ready to accept connections' "$redis_pid" >/dev/null; then
      redis=127.0.0.1:$port
      say "Redis at $redis"
      return
    fi
  done
  die "redis-server did not start"
}

token_of() {
  curl -sf -H "Authorization: Bearer $key" "$base_url/v1/apps/$1/tokens/access_token" |
    grep -Eo '"token": *"[^"]+"' | sed 's/.*"\([^"]*\)"$/\1/'
}

# same WHAT: waits until the SDK has what the API gives.
same() {
  local want got=
  for _ in $(seq 100); do
    want=$(token_of classic; token_of stable)
    got=$("$go_check" cached "$redis" "$password" "$classic" "$stable" 2>"$work/cached.err") || got=
    [ -n "$got" ] && [ "$got" = "$want" ] && { say "$1: the SDK has both tokens"; return; }
    sleep 0.1
  done
  blot <"$work/cached.err" >&2
  failed="$failed $1"
}

failed=
redis_pid=
start_redis
classic_sinks="{type: redis, url: \"redis://:\${SDKCHECK_REDIS}@$redis\", format: silenceper}"
stable_sinks="{type: redis, url: \"redis://:\${SDKCHECK_REDIS}@$redis\", format: silenceper-mini}"
start_sandbox 2h 5m
start_server 5m 1h <<<"  - {name: reader, key: \"\${SDKCHECK_KEY}\", apps: [classic, stable], allow: [admin, read]}"

same at-first
before=$(token_of classic)
curl -sf -o "$work/renewed" -H "Authorization: Bearer $key" -d '{"leaked":true}' \
  "$base_url/v1/apps/classic/tokens/access_token/renew" || failed="$failed renew"
[ "$before" != "$(token_of classic)" ] || failed="$failed token-not-replaced"
same after-a-renewal
hidden+=("$(token_of classic)" "$(token_of stable)")

kill -TERM "$redis_pid"
wait "$redis_pid" || true
finish "$failed"
say "passed"
