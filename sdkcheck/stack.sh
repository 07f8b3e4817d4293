# Sourced by the checks: a simulated platform and a Hufu server, each run as a user would
# run it, in a folder of their own that goes when the check ends.
#
# It wants $here, this folder, and $name, the check's. It sets $work, and start_* set
# $sandbox_url and $base_url. Whatever may not show up in a log is put into $hidden.

hufu=${HUFU_BIN:-$here/../bin/hufu}
classic=wxc1a551c000000001
stable=wx57ab1e0000000002
hidden=()

say() { printf 'sdkcheck %s: %s\n' "$name" "$*"; }
die() { say "$*" >&2; exit 1; }
random_hex() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

[ -x "$hufu" ] || die "$hufu is missing: run 'make build' first"

umask 077
work=$(mktemp -d)
sandbox_pid=
server_pid=
secret=$(random_hex 16)
hidden+=("$secret")

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
  local pid
  # First those that call the servers.
  for pid in $(jobs -pr); do
    [ "$pid" = "$server_pid" ] || [ "$pid" = "$sandbox_pid" ] || kill -TERM "$pid" 2>/dev/null || true
  done
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

blot() {
  local h script=
  for h in "${hidden[@]}"; do
    script+="s/$h/***/g;"
  done
  sed "$script"
}

logs() {
  for f in sandbox server; do
    if [ -s "$work/$f.err" ]; then
      say "the last lines of the $f's stderr:"
      tail -n 30 "$work/$f.err" | blot
    fi
  done >&2
}

# start_sandbox LIFETIME OVERLAP [APP[=SECRET]…]: with these apps, or those of WeChat. Their
# secret is $secret, unless they have one of their own.
start_sandbox() {
  local lifetime=$1 overlap=$2 app apps=()
  shift 2
  [ "$#" -gt 0 ] || set -- "$classic" "$stable"
  for app; do
    case $app in
      *=*) apps+=(--app "$app") ;;
      *) apps+=(--app "$app=$secret") ;;
    esac
  done
  "$hufu" sandbox --listen 127.0.0.1:0 "${apps[@]}" \
    --lifetime "$lifetime" --overlap "$overlap" >"$work/sandbox.out" 2>"$work/sandbox.err" </dev/null &
  sandbox_pid=$!
  sandbox_url=$(await "$work/sandbox.out" '^http://[^ ]+' "$sandbox_pid") || { logs; die "the sandbox did not start"; }
  say "sandbox at $sandbox_url"
}

# start_server OVERLAP EVERY: with an app of WeChat in each mode, and the clients of stdin.
# Their sinks are in $classic_sinks and $stable_sinks.
start_server() {
  serve <<YAML
apps:
  - id: classic
    platform: wechat
    app_id: $classic
    secret: \${SDKCHECK_SECRET}
    mode: classic
    base_url: $sandbox_url
    overlap: $1
    renew: {every: $2}
    sinks: [${classic_sinks:-}]
  - id: stable
    platform: wechat
    app_id: $stable
    secret: \${SDKCHECK_SECRET}
    mode: stable
    base_url: $sandbox_url
    overlap: $1
    renew: {every: $2}
    sinks: [${stable_sinks:-}]
clients:
$(cat)
YAML
}

# serve starts a server with the apps and clients of stdin, whose secret is SDKCHECK_SECRET.
serve() {
  {
    printf 'listen: 127.0.0.1:0\ndata_dir: %s/data\nkeyset_file: %s/data/keyset.json\n' "$work" "$work"
    cat
  } >"$work/hufu.yaml"
  SDKCHECK_SECRET=$secret "$hufu" serve --config "$work/hufu.yaml" >"$work/server.out" 2>"$work/server.err" </dev/null &
  server_pid=$!
  local line
  line=$(await "$work/server.err" 'listening on http://[^ "]+' "$server_pid") || { logs; die "the server did not start"; }
  base_url=${line#listening on }
  say "server at $base_url"
}

# report NAME…: prints the summaries of those that took part.
report() {
  local f
  for f; do
    if [ -s "$work/$f.json" ]; then
      say "$f:"
      cat "$work/$f.json"
    fi
  done
}

# finish FAILED: stops both, looks through the log, and ends the check.
finish() {
  local failed=$1 h
  stop "$server_pid" || failed="$failed server-exit-status-$?"
  server_pid=
  stop "$sandbox_pid" || failed="$failed sandbox-exit-status-$?"
  sandbox_pid=
  for h in "${hidden[@]}"; do
    if grep -Fq -e "$h" "$work/server.out" "$work/server.err"; then
      failed="$failed secret-in-the-log"
    fi
  done
  if [ -n "$failed" ]; then
    logs
    die "FAILED:$failed"
  fi
}
