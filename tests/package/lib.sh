# shellcheck shell=bash
# What the tests of the packages share. Each is given the places of things by its CMakeLists.txt, in the environment.
set -euo pipefail
# What ./dev test installed from PyPI.
export PATH="${SOURCE_DIR:?}/build/test-tools/bin:$PATH"
export no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"

scratch=$(mktemp -d)
children=()

clean_up() {
  trap - EXIT
  ((${#children[@]} == 0)) || kill "${children[@]}" 2>/dev/null || true
  wait
  if declare -F clean_up_more >/dev/null; then clean_up_more; fi
  rm -rf --one-file-system "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '%s\n' "== $*"; }
fail() {
  printf '%s\n' "FAILED: $*" >&2
  exit 1
}
skip() { # ctest knows 77 as "not run"
  printf '%s\n' "SKIPPED: $*" >&2
  exit 77
}

# expect_contains TEXT WORDS: that WORDS stand in TEXT.
expect_contains() { [[ $1 == *"$2"* ]] || fail "\"$2\" does not stand in: $1"; }

# start NAME PROGRAM...: starts a server that writes its address to $scratch/NAME, and waits for that.
start() {
  local name=$1 tries
  shift
  "$@" --address-file "$scratch/$name" </dev/null >"$scratch/$name.log" 2>&1 &
  children+=($!)
  await_file "$name" $!
}

await_file() {
  local name=$1 pid=$2 tries
  for ((tries = 0; tries < 400; ++tries)); do
    [[ -s $scratch/$name ]] && return
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
  cat "$scratch/$name.log" >&2
  fail "$name does not start"
}

address() { cat "$scratch/$1"; }

# start_envoy ORIGIN SERVER: Envoy after its example, but for the ports, before what was started as SERVER and for pages of
# ORIGIN; its address is in $envoy_listener.
start_envoy() {
  local origin=$1 server=$2 name=envoy_of_$2 example=$SOURCE_DIR/cmake/package/examples/envoy.yaml protoc tries
  # The descriptors, by the command that the example's head tells.
  [[ -e $scratch/proto ]] || ln -s "$SOURCE_DIR/proto" "$scratch/proto"
  protoc=$(sed -n '/^#   protoc /,/[^\\]$/{s/^#   *//;p}' "$example")
  [[ $protoc == protoc\ *job_status.pb* ]] || fail "the example does not tell how to make job_status.pb"
  (cd "$scratch" && bash -c "$protoc") || fail "its protoc command ended with $?"
  say "envoy --mode validate"
  (cd "$scratch" && envoy --mode validate --log-level error -c "$example") >"$scratch/log" 2>&1 ||
    fail "envoy does not take it: $(cat "$scratch/log")"
  sed "s/port_value: 8080/port_value: 0/; s/port_value: 50051/port_value: $(address "$server" | sed 's/.*://')/
    s|exact: http://localhost:3000|exact: $origin|" "$example" >"$scratch/$name.yaml"
  echo 'admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}' >>"$scratch/$name.yaml"
  (cd "$scratch" && exec envoy --use-dynamic-base-id --concurrency 1 --log-level error \
    --admin-address-path "$scratch/$name" -c "$scratch/$name.yaml") >"$scratch/$name.log" 2>&1 &
  children+=($!)
  await_file "$name" $!
  for ((tries = 0; tries < 100; ++tries)); do
    [[ $(curl -sS --max-time 5 "http://$(address "$name")/ready") == LIVE ]] && break
    sleep 0.05
  done
  envoy_listener=$(curl -sS --max-time 5 "http://$(address "$name")/listeners" | sed -n 's/^web:://p')
  [[ -n $envoy_listener ]] || fail "envoy does not listen: $(cat "$scratch/$name.log")"
}

# submit ID: a job of two nodes, which runs for some tenths of a second.
submit() {
  curl -sSf --max-time 10 -o /dev/null -H 'Content-Type: application/json' --data @- "$(address comfyui)/prompt" <<END
{"prompt_id": "$1", "prompt": {
  "1": {"class_type": "EmptyLatentImage", "inputs": {"width": 8, "height": 8, "batch_size": 1}},
  "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "$1"}}}}
END
}

# The long options in the --help of a program, or of its subcommand; each on a line, sorted.
options_of() { "$@" --help | sed -nE 's/^ +(-[a-z],)?(--[a-z-]+).*/\2/p' | sort; }

subcommands_of() { "$@" --help | sed -nE '/^Subcommands:/,/^$/s/^  ([a-z]+) .*/\1/p' | sort; }

# expect_same WHAT EXPECTED ACTUAL
expect_same() {
  diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") >&2 || fail "$1: < should be there, > should not"
}

# check_completion: by `complete_line LINE`, which tells what a shell proposes at the end of LINE, one a line, sorted.
check_completion() {
  local subcommand global
  export PATH="$scratch/bin:$PATH"
  expect_same "jobstatus-server --" "$(options_of jobstatus-server)" "$(complete_line "jobstatus-server --")"
  expect_same "jobstatus-server --log-level d" debug "$(complete_line "jobstatus-server --log-level d")"
  expect_same "jobstatus --" "$(options_of jobstatus)" "$(complete_line "jobstatus --")"
  expect_same "jobstatus wa" $'wait\nwatch' "$(complete_line "jobstatus wa")"
  global=$(options_of jobstatus)
  for subcommand in $(subcommands_of jobstatus); do
    expect_same "jobstatus $subcommand --" "$(printf '%s\n' "$global" "$(options_of jobstatus "$subcommand")" | sort -u)" \
      "$(complete_line "jobstatus $subcommand --")"
  done
  touch "$scratch/a-key.pem"
  cd "$scratch"
  expect_same "jobstatus --key a-" a-key.pem "$(complete_line "jobstatus --key a-")"
}

# Installs the programs and what belongs to them into $scratch.
install_programs() {
  cmake --install "$BUILD_DIR" --prefix "$scratch" --component server >/dev/null
  cmake --install "$BUILD_DIR" --prefix "$scratch" --component cli >/dev/null
}
