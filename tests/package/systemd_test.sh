#!/usr/bin/env bash
# The package in a Debian that is booted: systemd starts the service in all its confinement, with its secrets as
# credentials; hears when it is ready, and that it is alive.
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
await() { for _ in {1..100}; do eval "$1" && return; sleep 0.1; done; return 1; }
of_unit() { systemctl show -p "$1" --value jobstatus-server; }
logged() { journalctl -u jobstatus-server --no-pager | grep -e "$1"; }

# It is ready when it says so: systemd starts this after it, and nothing is awaited.
[[ $(systemctl is-enabled jobstatus-server) == enabled ]] || fail "it is not enabled"
jobstatus health || fail "it is told as started before it serves"
[[ $(of_unit StatusText) == *backends* ]] || fail "it does not say how it is"
[[ $(of_unit WatchdogUSec) == 20s ]] || fail "nobody would notice that it hangs"
pid=$(of_unit MainPID)
[[ $(stat -c %u "/proc/$pid") -ge 61184 ]] || fail "it runs as a user that is not of its own"
grep -q '^CapBnd:.0*$' "/proc/$pid/status" || fail "it could get capabilities"
grep -q '^NoNewPrivs:.1$' "/proc/$pid/status" || fail "it could get privileges"
grep -q '^Seccomp:.2$' "/proc/$pid/status" || fail "it may call what it likes"
[[ -s /var/lib/private/jobstatus/archive.db ]] || fail "its state is not in its state directory"

# For others to call, as jobstatus-server(8) and README say it.
zcat -f /usr/share/man/man8/jobstatus-server.8* | # shellcheck disable=SC2016 # these are backticks of Markdown
sed -n '/^\[Service\]$/,/^\.fi$/{/^\.fi$/!p}' | sed 's/\\-/-/g' >/in-page
diff /in-page /in-readme || fail "README and the page tell different things, above"
mkdir -p /etc/systemd/system/jobstatus-server.service.d
cp /in-page /etc/systemd/system/jobstatus-server.service.d/override.conf
systemctl daemon-reload
systemctl restart jobstatus-server || fail "it does not start with credentials"
[[ $(stat -c %a:%U /etc/jobstatus/key.pem) == 600:root ]] || fail "the key is not of root alone"
jobstatus --tls --ca /etc/jobstatus/cert.pem --token-file /etc/jobstatus/tokens backends || fail "it does not answer to who has a token"
jobstatus --tls --ca /etc/jobstatus/cert.pem backends && fail "it answers to who has no token"
health() { jobstatus --tls --ca /etc/jobstatus/cert.pem health; }

systemctl reload jobstatus-server || fail "it cannot be reloaded"
await 'logged "1 tokens read from"' || fail "SIGHUP did not reach it"

# Killed, it comes back; so it does when it hangs; ended, it ends well; with wrong settings it is not tried again.
kill -9 "$(of_unit MainPID)"
await '(($(of_unit NRestarts) == 1)) && health' || fail "it does not come back"
mkdir -p /run/systemd/system/jobstatus-server.service.d
printf '[Service]\nWatchdogSec=1s\n' >/run/systemd/system/jobstatus-server.service.d/impatient.conf
systemctl daemon-reload
systemctl reset-failed jobstatus-server # so many starts would be too many for systemd
systemctl restart jobstatus-server
kill -STOP "$(of_unit MainPID)"
await 'logged "Watchdog timeout"' || fail "nobody notices that it hangs"
await '(($(of_unit NRestarts) == 1)) && health' || fail "it does not come back after it hung"
systemctl stop jobstatus-server
[[ $(of_unit Result) == success ]] || fail "it does not end well"
rm /etc/systemd/system/jobstatus-server.service.d/override.conf /run/systemd/system/jobstatus-server.service.d/impatient.conf
echo JOBSTATUS_LISTEN=0.0.0.0:50051 >>/etc/default/jobstatus-server
systemctl daemon-reload
systemctl reset-failed jobstatus-server
systemctl start jobstatus-server && fail "it is told as started with settings that are wrong"
[[ $(systemctl is-active jobstatus-server) == failed ]] || fail "it is tried again with settings that are wrong"
logged --insecure-listen || fail "nothing tells what is wrong"
echo good
END
chmod +x "$root/look"
# shellcheck disable=SC2016 # these are backticks of Markdown
sed -n '/^\[Service\]$/,/^```$/{/^```$/!p}' "$SOURCE_DIR/README.md" >"$root/in-readme"
mkdir -m 700 "$root/etc/jobstatus"
(
  umask 077
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$root/etc/jobstatus/key.pem" -out "$root/etc/jobstatus/cert.pem" 2>"$scratch/log" ||
    fail "$(cat "$scratch/log")"
  openssl rand -hex 32 >"$root/etc/jobstatus/tokens"
)
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
