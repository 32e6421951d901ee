#!/usr/bin/env bash
# `make demo`: the stream processor on the embedded log, a generated day of a company, and, where it is there, a recording
# of Windows security events.
#
#   OLOCUS=PATH   the engine            DATA=FILE   the recording, a zip or NDJSON of Windows events
set -euo pipefail
cd "$(dirname "$0")/.."
# What the commands below are told is not to be mixed with what holds for other engines.
unset OLOCUS_BROKERS OLOCUS_SERVER OLOCUS_TOKEN OLOCUS_KEYS

olocus=${OLOCUS:?names the engine: run make demo}
recording=${DATA:-../shared/data/security-datasets/purplesharp_ad_playbook_I.zip}
folder=$(mktemp -d)
children=()

finish() {
  for child in "${children[@]}"; do kill "$child" 2>/dev/null && wait "$child" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '\033[2m$ %s\033[0m\n' "$*"; }

free_ports() {
  python3 -c 'import socket
held = [socket.socket() for _ in range(2)]
for one in held: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held))' 2>/dev/null || echo "$((20000 + RANDOM % 10000)) $((30000 + RANDOM % 2000))"
}

# ready PORT: whether the engine says that it is.
ready() {
  local status
  exec 3<> "/dev/tcp/127.0.0.1/$1" || return 1
  printf 'GET /ready HTTP/1.0\r\n\r\n' >&3
  read -r status <&3
  exec 3>&-
  [[ $status == *" 200 "* ]]
}

# start NAME RULES SOURCES: an engine of its own, with its data under $folder/NAME.
start() {
  local name=$1 rules=$2 sources=$3 http metrics
  read -r http metrics < <(free_ports)
  mkdir -p "$folder/$name"
  cat > "$folder/$name/olocus.yaml" <<YAML
orchestration:
  application_id: $name
  events:
    transport: { type: embedded, directory: $folder/$name/data }
  rules: [$(for rule in $rules; do printf '%s, ' "$PWD/$rule"; done)]
  sources:
$sources
  http: { listen: "127.0.0.1:$http", metrics_listen: "127.0.0.1:$metrics" }
YAML
  show "olocus run --config olocus.yaml      # rules: $rules"
  "$olocus" run --config "$folder/$name/olocus.yaml" 2> "$folder/$name/log" &
  children+=($!)
  server=http://127.0.0.1:$http
  for _ in $(seq 100); do
    if ready "$http" 2>/dev/null; then return; fi
    if ! kill -0 "${children[-1]}" 2>/dev/null; then break; fi
    sleep 0.1
  done
  echo "the engine did not start:" >&2
  cat "$folder/$name/log" >&2
  exit 1
}

# follow TOPIC SILENCE: shows the first matches of a topic as they come, and how many there were once none came for
# that long.
follow() {
  "$olocus" tail --server "$server" "$1" --from beginning --timeout "$2" 2>/dev/null |
    sed -unE 's/.*"rule":"([^"]*)".*"severity":"([^"]*)","key":("[^"]*"|\[[^]]*\]|null),"start":"[^"]*","end":"([^"]*)".*/\2\t\1\t\3\t\4/p' |
    {
      count=0
      while IFS=$'\t' read -r severity rule key end; do
        count=$((count + 1))
        if [ "$count" -le 15 ]; then printf '  %-9s %-34s %-40s %s\n' "$severity" "$rule" "$key" "$end"; fi
      done
      echo "  ($count matches on $1)"
    }
}

say "A generated day of a company: logins, data accesses, exports and pipeline stages, with a few insiders among them"
"$olocus" generate enterprise --events 100000 --seed 7 > "$folder/day.ndjson"
start company "rules/security.yaml rules/operations.yaml" '    - { topic: auth.login, idle_after: 1s, out_of_order: 1s }
    - { topic: data.access, idle_after: 1s, out_of_order: 1s }
    - { topic: data.export, idle_after: 1s, out_of_order: 1s }
    - { topic: pipeline.stage.completed, idle_after: 1s, out_of_order: 1s }'
show "olocus tail security.alerts             # severity, rule, key, time of the last event"
follow security.alerts 6s & shown=$!
follow ops.alerts 6s & more=$!
show "olocus publish events day.ndjson --topic-expr type --type-expr type --time-field time --key user_id"
"$olocus" publish --server "$server" events "$folder/day.ndjson" --topic-expr type --type-expr type --time-field time --key user_id
wait "$shown" "$more"
kill "${children[-1]}" && wait "${children[-1]}" || true

if [ -f "$recording" ]; then
  say "Windows security events: $(basename "$recording"), with the rules of rules/windows"
  start windows rules/windows "    - { topic: windows, time: '\"@timestamp\"', type: \"'win.' || EventID\", idle_after: 1s, out_of_order: 1s }"
  show "olocus tail security.alerts; olocus tail windows.matches"
  follow security.alerts 6s & shown=$!
  follow windows.matches 6s & more=$!
  show "olocus publish windows $(basename "$recording")"
  "$olocus" publish --server "$server" windows "$recording"
  wait "$shown" "$more"
else
  say "No Windows recording here: give one with make demo DATA=FILE (NDJSON, gz, zst or a zip of them)"
fi

cat <<'TEXT'

What to try next
  olocus rules check FILE      every mistake of a rule file with its place; rules/README.md is the language
  olocus rules test FILE       the tests that a rule file carries
  olocus replay --rules FILE --input EVENTS --time-field F      rules over a file, without any server
  olocus run --rules FILE --brokers HOST:PORT                   the same rules on Apache Kafka
  olocus bench                 events per second on this machine
TEXT
