#!/usr/bin/env bash
# What fish proposes is what --help tells.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v fish >/dev/null || skip "there is no fish"
install_programs

complete_line() {
  HOME=$scratch fish --no-config -c "set fish_complete_path $scratch/share/fish/vendor_completions.d; complete -C '$1'" |
    cut -f 1 | grep -vxE -- '-[a-z]' | sort
}

check_completion
