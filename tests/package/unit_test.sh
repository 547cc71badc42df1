#!/usr/bin/env bash
# The systemd unit is one that systemd understands, and is confined as tightly as it claims.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

max_exposure=1.5 # of 10; systemd-analyze says which of its points cost how much

cmake --install "$BUILD_DIR" --prefix "$scratch" --component server >/dev/null
unit=$scratch/lib/systemd/system/jobstatus-server.service
[[ -f $unit ]] || fail "no unit was installed"
[[ -f $scratch/etc/default/jobstatus-server ]] || fail "no settings were installed"

# Whatever the settings name exists.
help=$("$scratch/bin/jobstatus-server" --help)
mapfile -t names < <(sed -n 's/^#\?\(JOBSTATUS_[A-Z_]*\)=.*/\1/p' "$scratch/etc/default/jobstatus-server")
((${#names[@]} > 0)) || fail "no settings in /etc/default/jobstatus-server"
for name in "${names[@]}"; do expect_contains "$help" "(Env:$name)"; done

# It is given the time it asks for.
drain_grace=$(sed -n 's/^ *--drain-grace DURATION=\([0-9]*\)s .*/\1/p' <<<"$help")
stop_limit=$(sed -n 's/^TimeoutStopSec=\([0-9]*\)s$/\1/p' "$unit")
((stop_limit > drain_grace)) || fail "TimeoutStopSec=$stop_limit is no longer than --drain-grace $drain_grace"

command -v systemd-analyze >/dev/null || skip "there is no systemd-analyze (Debian package systemd)"

say "systemd-analyze verify"
said=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$unit" 2>&1) || fail "$said"
if grep -F jobstatus <<<"$said"; then fail "it complains, above"; fi

say "systemd-analyze security, offline"
[[ $(systemd-analyze --help) == *--offline* ]] || skip "this systemd-analyze cannot look at a unit offline"
threshold=$(awk -v max="$max_exposure" 'BEGIN { print int(max * 10) }')
systemd-analyze security --offline=yes --no-pager --threshold="$threshold" "$unit" >"$scratch/exposure" ||
  { grep -E '✗|exposure' "$scratch/exposure" >&2; fail "more exposed than $max_exposure"; }
tail -1 "$scratch/exposure"
