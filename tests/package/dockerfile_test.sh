#!/usr/bin/env bash
# The Dockerfile keeps hadolint's rules, and builds with the packages that ./dev builds with. image_test.sh runs its image.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
dockerfile=$SOURCE_DIR/cmake/package/Dockerfile

# From "install" to "&&" in its first stage; and the first two lists of ./dev.
wanted=$(sed -n '/install -y/,/&& rm/{/install -y/d;/&& rm/q;s:\\$::;p}' "$dockerfile" | xargs -n1)
known=$(sed -n '/^packages=(/,/^)/p;/^package_packages=(/p' "$SOURCE_DIR/dev" | sed 's/#.*//;s/^[a-z_]*=(//;s/)$//' | xargs -n1)
[[ -n $wanted ]] || fail "the Dockerfile installs nothing to build with"
unknown=$(grep -vxF -f <(printf '%s\n' "$known") <<<"$wanted" || true)
[[ -z $unknown ]] || fail "./dev does not know these packages of the Dockerfile: $unknown"

libraries=$(sed -n '/what the programs are built with/{n;p}' "$SOURCE_DIR/dev" | xargs -n1)
missing=$(grep -vxF -f <(printf '%s\n' "$wanted") <<<"$libraries" || true)
[[ -n $libraries && -z $missing ]] || fail "the Dockerfile does not install what the programs are built with: $missing"

command -v hadolint >/dev/null || skip "there is no hadolint (of tests/package/tools.txt)"
hadolint "$dockerfile"
