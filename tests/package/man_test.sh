#!/usr/bin/env bash
# In the man pages stands every option of --help with its environment variable, and no other; and man can show them.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

install_programs
server_page=$scratch/share/man/man8/jobstatus-server.8
command_page=$scratch/share/man/man1/jobstatus.1

# The options that have an entry in a page.
entries() { sed -nE '/^\.TP$/{n;s/^.*\\fB(\\-\\-[a-z\\-]+)\\fR.*$/\1/p}' "$1" | sed 's/\\-/-/g' | sort -u; }

# All options of `jobstatus` and its subcommands.
command_options() {
  local subcommand
  options_of "$scratch/bin/jobstatus"
  for subcommand in $(subcommands_of "$scratch/bin/jobstatus"); do options_of "$scratch/bin/jobstatus" "$subcommand"; done
}

expect_same "jobstatus-server(8)" "$(options_of "$scratch/bin/jobstatus-server")" "$(entries "$server_page")"
expect_same "jobstatus(1)" "$(command_options | sort -u)" "$(entries "$command_page")"

variables() { grep -oE 'JOBSTATUS_[A-Z_]*[A-Z]' | sort -u; }
expect_same "variables in jobstatus-server(8)" "$("$scratch/bin/jobstatus-server" --help | variables)" \
  "$(variables <"$server_page")"
expect_same "variables in jobstatus(1)" "$("$scratch/bin/jobstatus" --help | variables)" "$(variables <"$command_page")"
for subcommand in $(subcommands_of "$scratch/bin/jobstatus"); do
  grep -q "^\.SS $subcommand " "$command_page" || fail "jobstatus(1) has nothing of $subcommand"
done
if grep -nE '/(work|home|root|tmp)/' "$server_page" "$command_page"; then fail "a page names where it was made, above"; fi

command -v man >/dev/null || skip "that man can show the pages, as there is no man (man-db); what stands in them is right"
for page in "$server_page" "$command_page"; do
  said=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=100 man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)
  [[ -z $said ]] || fail "$page: $said"
done
