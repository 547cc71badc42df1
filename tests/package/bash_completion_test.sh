#!/usr/bin/env bash
# What bash proposes is what --help tells.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install_programs

complete_line() {
  local COMP_WORDS COMP_CWORD COMPREPLY function
  read -ra COMP_WORDS <<<"$1"
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  # shellcheck source=/dev/null
  source "$scratch/share/bash-completion/completions/${COMP_WORDS[0]}"
  function=$(complete -p "${COMP_WORDS[0]}" | sed 's/.*-F \([^ ]*\) .*/\1/')
  "$function"
  printf '%s\n' "${COMPREPLY[@]}" | grep -vxE -- '-[a-z]' | sort
}

check_completion
expect_same "jobstatus --backend list wa" $'wait\nwatch' "$(complete_line "jobstatus --backend list wa")"
# As bash takes it apart.
expect_same "jobstatus --key=a-" a-key.pem "$(complete_line "jobstatus --key = a-")"
