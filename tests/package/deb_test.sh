#!/usr/bin/env bash
# The .debs, installed in a clean Debian 12: they bring what they need, and the server starts, works, and leaves nothing.
# The bare Debian is made by debootstrap once, and kept in ~/.cache/jobstatus-tests; removing that is safe.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/jobstatus-tests
root=$scratch/root
last_words() { tail -3 "$1" | paste -sd ' '; }

((EUID == 0)) || skip "debootstrap and chroot need root"
for tool in debootstrap dpkg-shlibdeps file; do
  command -v "$tool" >/dev/null || skip "there is no $tool (Debian packages debootstrap, dpkg-dev, file)"
done
unshare --mount true 2>/dev/null || skip "this machine does not let root mount anything"

# The mirror that this machine uses.
# shellcheck disable=SC2016 # apt expands it
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 2>/dev/null | head -1)
mirror=${mirror:-http://deb.debian.org/debian}

make_bare_debian() {
  local tar=$cache/bookworm.tar made=$scratch/bare
  mkdir -p "$cache/archives"
  exec 9>"$cache/lock"
  flock 9
  if [[ ! -s $tar ]]; then
    say "debootstrap, once"
    timeout 120 debootstrap --variant=minbase bookworm "$made" "$mirror" >"$scratch/debootstrap.log" 2>&1 ||
      skip "debootstrap cannot make a Debian here: $(last_words "$scratch/debootstrap.log")"
    tar -C "$made" -cf "$tar.new" .
    mv "$tar.new" "$tar"
    rm -rf --one-file-system "$made"
  fi
  mkdir "$root"
  tar -C "$root" -xf "$tar"
  flock -u 9
}

# in_root COMMAND...: in the clean Debian, and with mounts that end with the command. All along the way it is one process.
by=()
in_root() {
  # shellcheck disable=SC2016 # the inner shell expands them
  "${by[@]}" unshare --mount -- sh -c 'mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && exec chroot "$0" "$@"' \
    "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive no_proxy="$no_proxy" \
    ${http_proxy:+http_proxy="$http_proxy"} "$@"
}

# as_service COMMAND...: with the settings of the service and no more rights than it has under systemd.
as_service() {
  # shellcheck disable=SC2016 # the inner shell expands them
  in_root setpriv --reuid=61184 --regid=61184 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
    env STATE_DIRECTORY=/var/lib/jobstatus sh -c 'set -a; . /etc/default/jobstatus-server; exec "$@"' sh "$@"
}

say "cpack"
cpack --config "$BUILD_DIR/CPackConfig.cmake" -B "$scratch/packages" >"$scratch/log" 2>&1 || fail "$(cat "$scratch/log")"
make_bare_debian
cp "$scratch"/packages/jobstatus*.deb "$root/root/"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
echo "deb $mirror bookworm main" >"$root/etc/apt/sources.list"
cp "$cache"/archives/*.deb "$root/var/cache/apt/archives/" 2>/dev/null || true

say "apt-get install"
# shellcheck disable=SC2016 # the inner shell expands them
install=(sh -c 'apt-get "$@" install -qq --yes --no-install-recommends -o APT::Sandbox::User=root /root/*.deb' sh)
in_root apt-get update -qq -o APT::Sandbox::User=root >"$scratch/log" 2>&1 ||
  skip "the packages' dependencies cannot be fetched: $(last_words "$scratch/log")"
if ! in_root "${install[@]}" --download-only >"$scratch/log" 2>&1; then
  if grep -q 'Failed to fetch' "$scratch/log"; then
    skip "the packages' dependencies cannot be fetched: $(last_words "$scratch/log")"
  fi
  fail "$(cat "$scratch/log")"
fi
cp "$root"/var/cache/apt/archives/*.deb "$cache/archives/"
in_root "${install[@]}" >"$scratch/log" 2>&1 || fail "$(cat "$scratch/log")"
if grep -iE 'warning|error' "$scratch/log" | grep -v debconf; then fail "the installation complains, above"; fi

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
