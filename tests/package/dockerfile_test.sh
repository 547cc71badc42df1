#!/usr/bin/env bash
# The Dockerfile keeps the rules that it is to keep, and what it starts and asks works. (There is no Docker in the tests.)
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
dockerfile=$SOURCE_DIR/cmake/package/Dockerfile
final=$(awk '/^FROM /{text=""} {text=text $0 "\n"} END{printf "%s", text}' "$dockerfile") # its last stage

expect_same "stages" 2 "$(grep -c '^FROM debian:12-slim' "$dockerfile")"
for line in 'USER 65532:65532' 'STOPSIGNAL SIGTERM' 'VOLUME /var/lib/jobstatus' 'EXPOSE 50051' 'HEALTHCHECK ' \
  'ENTRYPOINT ["jobstatus-server"]'; do
  expect_contains $'\n'"$final" $'\n'"$line"
done
[[ $final != *$'\n'ADD\ * && $final != *:latest* && $final != *sudo* ]] || fail "ADD, latest or sudo"

# It needs no other packages to build than ./dev installs.
wanted=$(sed -n '/AS build$/,/^FROM debian:12-slim$/p' "$dockerfile" | sed 's:\\$::' |
  sed -n '/install -y/,/&& rm/{/install -y/d;/&& rm/d;p}' | xargs -n1)
known=$(sed -n '/^packages=(/,/^)/{s/#.*//;p}' "$SOURCE_DIR/dev" | xargs -n1)
[[ -n $wanted ]] || fail "the Dockerfile installs nothing to build with"
unknown=$(grep -vxF -f <(printf '%s\n' "$known") <<<"$wanted" || true)
[[ -z $unknown ]] || fail "./dev does not know these packages of the Dockerfile: $unknown"

# What ENV sets. Without being told that the network is safe, the server does not start, and says what to do.
install_programs
export PATH="$scratch/bin:$PATH"
mapfile -t environment < <(sed -n '/^ENV /,/[^\\]$/p' <<<"$final" | sed 's/^ENV//' | sed 's:\\$::' | xargs -n1)
if env "${environment[@]}" jobstatus-server --check-config >"$scratch/said" 2>&1; then fail "it would start in plain text"; fi
expect_contains "$(cat "$scratch/said")" "--insecure-listen"
env "${environment[@]}" JOBSTATUS_INSECURE_LISTEN=true jobstatus-server --check-config >"$scratch/said" 2>&1 ||
  fail "$(cat "$scratch/said")"
expect_contains "$(cat "$scratch/said")" 'listen = "0.0.0.0:50051"'

# The health check, well and unwell, with and without a token.
mapfile -t check < <(sed -n 's/^ *CMD \(\[.*\]\)$/\1/p' <<<"$final" | python3 -c 'import json; print(*json.loads(input()), sep="\n")')
echo a-token-that-nobody-guesses >"$scratch/tokens"
start server jobstatus-server --listen 127.0.0.1:0 --state-dir none --token-file "$scratch/tokens"
export JOBSTATUS_SERVER
JOBSTATUS_SERVER=$(address server)
HEALTH_OPTIONS="--token-file $scratch/tokens" "${check[@]}" >/dev/null || fail "healthy, and the check says $?"
if "${check[@]}" >/dev/null 2>&1; then fail "without the token the check cannot tell, and says healthy"; fi
kill "${children[0]}"
wait "${children[0]}" || fail "SIGTERM ended it with $?"
children=()
if HEALTH_OPTIONS="--token-file $scratch/tokens" "${check[@]}" >/dev/null 2>&1; then fail "gone, and the check says healthy"; fi
