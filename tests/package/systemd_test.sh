#!/usr/bin/env bash
# The package in a Debian that is booted: systemd starts the service in all its confinement, with a token as a credential.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v systemd-nspawn >/dev/null || skip "there is no systemd-nspawn (Debian package systemd-container)"
# shellcheck source=tests/package/clean_debian.sh
source "$(dirname "${BASH_SOURCE[0]}")/clean_debian.sh"

install_debs systemd systemd-sysv dbus
echo '127.0.0.1 localhost' >"$root/etc/hosts"

# What is looked at in there; it ends with "good" if all is.
cat >"$root/look" <<'END'
#!/bin/bash
exec >/looked 2>&1
set -x
trap 'systemctl poweroff --force' EXIT
fail() { echo "FAILED: $*"; journalctl -u jobstatus-server --no-pager | tail -20; exit 1; }
answers() { for _ in {1..50}; do jobstatus backends && return; sleep 0.1; done; return 1; }

[[ $(systemctl is-enabled jobstatus-server) == enabled ]] || fail "it is not enabled"
answers || fail "it does not answer"
pid=$(systemctl show -p MainPID --value jobstatus-server)
[[ $(stat -c %u "/proc/$pid") -ge 61184 ]] || fail "it runs as a user that is not of its own"
grep -q '^CapBnd:.0*$' "/proc/$pid/status" || fail "it could get capabilities"
grep -q '^NoNewPrivs:.1$' "/proc/$pid/status" || fail "it could get privileges"
grep -q '^Seccomp:.2$' "/proc/$pid/status" || fail "it may call what it likes"
[[ -s /var/lib/private/jobstatus/archive.db ]] || fail "its state is not in its state directory"

# As jobstatus-server(8) says it.
mkdir -p /etc/jobstatus "/etc/systemd/system/jobstatus-server.service.d"
(umask 077 && echo a-token-that-nobody-guesses >/etc/jobstatus/tokens)
zcat -f /usr/share/man/man8/jobstatus-server.8* | sed -n '/^\[Service\]$/,/^\.fi$/{/^\.fi$/!p}' | sed 's/\\-/-/g' \
  >/etc/systemd/system/jobstatus-server.service.d/token.conf
grep -q LoadCredential /etc/systemd/system/jobstatus-server.service.d/token.conf || fail "the page tells nothing of credentials"
systemctl daemon-reload
systemctl restart jobstatus-server || fail "it does not start with a credential"
JOBSTATUS_TOKEN=a-token-that-nobody-guesses answers || fail "it does not answer to who has the token"
jobstatus backends && fail "it answers to who has no token"

systemctl reload jobstatus-server || fail "it cannot be reloaded"
sleep 0.5
journalctl -u jobstatus-server --no-pager | grep 'SIGHUP: 1 tokens' || fail "SIGHUP did not reach it"

# Killed, it comes back; ended, it ends well; with settings that are wrong it does not try for ever.
kill -9 "$(systemctl show -p MainPID --value jobstatus-server)"
sleep 1.5
JOBSTATUS_TOKEN=a-token-that-nobody-guesses answers || fail "it does not come back"
systemctl stop jobstatus-server
[[ $(systemctl show -p Result --value jobstatus-server) == success ]] || fail "it does not end well"
echo JOBSTATUS_LISTEN=0.0.0.0:50051 >>/etc/default/jobstatus-server
systemctl start jobstatus-server
sleep 2
[[ $(systemctl is-active jobstatus-server) == failed ]] || fail "it is tried again with settings that are wrong"
journalctl -u jobstatus-server --no-pager | grep -e '--insecure-listen' || fail "nothing tells what is wrong"
echo good
END
chmod +x "$root/look"
cat >"$root/etc/systemd/system/look.service" <<'END'
[Unit]
After=jobstatus-server.service
[Service]
ExecStart=/look
END
ln -s ../look.service "$root/etc/systemd/system/multi-user.target.wants/"

say "boot"
timeout 45 systemd-nspawn --quiet --directory="$root" --register=no --keep-unit --private-network --boot \
  </dev/null >"$scratch/boot.log" 2>&1 || true
[[ -f $root/looked ]] || skip "systemd cannot be booted here: $(last_words "$scratch/boot.log")"
grep -qx good "$root/looked" || {
  tail -40 "$root/looked" >&2
  fail "see above"
}
say "done"
