#!/usr/bin/env bash
# The .debs, installed in a clean Debian 12: they bring what they need, and the server starts, works, and leaves nothing.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/package/clean_debian.sh
source "$(dirname "${BASH_SOURCE[0]}")/clean_debian.sh"

# as_service COMMAND...: with the settings of the service and no more rights than it has under systemd.
as_service() {
  # shellcheck disable=SC2016 # the inner shell expands them
  in_root setpriv --reuid=61184 --regid=61184 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
    env STATE_DIRECTORY=/var/lib/jobstatus sh -c 'set -a; . /etc/default/jobstatus-server; exec "$@"' sh "$@"
}

# shellcheck disable=SC2119 # no further packages
install_debs

version=$(dpkg-deb -f "$scratch"/packages/jobstatus-server_*.deb Version)
expect_same "jobstatus-server --version" "jobstatus-server ${version%-*}" "$(in_root jobstatus-server --version)"
expect_same "jobstatus --version" "jobstatus ${version%-*}" "$(in_root jobstatus --version)"
[[ -L $root/etc/systemd/system/multi-user.target.wants/jobstatus-server.service ]] || fail "the service is not enabled"
for file in share/man/man8/jobstatus-server.8 share/man/man1/jobstatus.1 share/doc/jobstatus-server/copyright \
  share/bash-completion/completions/jobstatus lib/systemd/system/jobstatus-server.service; do
  [[ -f $root/usr/$file ]] || fail "/usr/$file is not there"
done

say "start it"
start comfyui "$FAKE_COMFYUI" --version v0.3.64 --port 0
sed -i "s|^#JOBSTATUS_BACKENDS=.*|JOBSTATUS_BACKENDS=gpu1=$(address comfyui)|" "$root/etc/default/jobstatus-server"
install -d -m 700 -o 61184 -g 61184 "$root/var/lib/jobstatus" # as systemd would
as_service jobstatus-server --check-config >"$scratch/checked" 2>&1 || fail "$(cat "$scratch/checked")"
(
  by=(exec) # so that the process to be killed is the server, and not a shell that waits for it
  as_service jobstatus-server --listen 127.0.0.1:0 --address-file /var/lib/jobstatus/address
) >"$scratch/server.log" 2>&1 &
children+=($!)
ln -s "$root/var/lib/jobstatus/address" "$scratch/server"
await_file server $!
submit from-the-deb
in_root jobstatus --server "$(address server)" wait from-the-deb --timeout 20s >/dev/null || fail "jobstatus wait ended with $?"
expect_contains "$(in_root jobstatus --server "$(address server)" list)" "from-the-deb"
expect_contains "$(in_root jobstatus --server "$(address server)" backends)" "gpu1"
[[ -s $root/var/lib/jobstatus/archive.db ]] || fail "the state is not in /var/lib/jobstatus"
kill "${children[@]}"
wait "${children[1]}" || fail "the server ended with $?: $(cat "$scratch/server.log")"
children=()

say "remove and purge it"
in_root apt-get remove -qq --yes jobstatus-server >"$scratch/log" 2>&1 || fail "$(cat "$scratch/log")"
[[ -f $root/etc/default/jobstatus-server && -d $root/var/lib/jobstatus ]] || fail "settings or state did not survive a removal"
[[ ! -e $root/usr/bin/jobstatus-server ]] || fail "the server is still there"
in_root apt-get purge -qq --yes jobstatus-server >"$scratch/log" 2>&1 || fail "$(cat "$scratch/log")"
left=$(find "$root"/{etc,usr,var/lib} -name '*jobstatus-server*' ! -path '*/apt/*'; find "$root/var/lib/jobstatus" 2>/dev/null || true)
[[ -z $left ]] || fail "it left behind: $left"
say "done"
