# shellcheck shell=bash
# The .debs in $scratch/packages; a bare Debian 12 in $bare, made by debootstrap once and kept in build/test-cache with what
# was downloaded; and one in $root with the .debs installed.

: "${scratch:?} ${no_proxy:?}" # of lib.sh

cache=${SOURCE_DIR:?}/build/test-cache
bare=$cache/bookworm.tar
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

make_packages() {
  say "cpack"
  cpack --config "$BUILD_DIR/CPackConfig.cmake" -B "$scratch/packages" >"$scratch/log" 2>&1 || fail "$(cat "$scratch/log")"
}

make_bare_debian() {
  local made=$scratch/bare
  mkdir -p "$cache/archives"
  exec 9>"$cache/lock"
  flock 9
  if [[ ! -s $bare ]]; then
    say "debootstrap, once"
    timeout 120 debootstrap --variant=minbase bookworm "$made" "$mirror" >"$scratch/debootstrap.log" 2>&1 ||
      skip "debootstrap cannot make a Debian here: $(last_words "$scratch/debootstrap.log")"
    tar -C "$made" -cf "$bare.new" .
    mv "$bare.new" "$bare"
    rm -rf --one-file-system "$made"
  fi
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

# install_debs PACKAGE...: our .debs with all they need, and further packages, in a clean Debian.
install_debs() {
  local install
  make_packages
  make_bare_debian
  mkdir "$root"
  tar -C "$root" -xf "$bare"
  cp "$scratch"/packages/jobstatus*.deb "$root/root/"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  echo "deb $mirror bookworm main" >"$root/etc/apt/sources.list"
  cp "$cache"/archives/*.deb "$root/var/cache/apt/archives/" 2>/dev/null || true

  say "apt-get install"
  # shellcheck disable=SC2016 # the inner shell expands them
  install=(sh -c 'apt-get install -qq --yes --no-install-recommends -o APT::Sandbox::User=root "$@" /root/*.deb' sh "$@")
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
}
