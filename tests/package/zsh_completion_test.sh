#!/usr/bin/env bash
# What zsh proposes is what --help tells.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v zsh >/dev/null || skip "there is no zsh"
install_programs

# zsh tells only its line editor, so it gets a terminal; there compadd writes what it is about to propose into a file.
cat >"$scratch/zshrc" <<'END'
fpath=($SITE $fpath)
autoload -Uz compinit && compinit -u -D
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
  typeset -a hits
  builtin compadd -O hits "$@"
  (( $#hits )) && print -rl -- $hits >>$PROPOSED
  builtin compadd "$@"
}
zstyle ':completion:*' completer _complete
LISTMAX=0
tell() { zle complete-word; print done >>$PROPOSED }
zle -N tell
bindkey '^I' tell
print ready >>$PROPOSED
END
cat >"$scratch/ask.zsh" <<'END'
zmodload zsh/zpty
zpty shell "SITE=$SITE PROPOSED=$PROPOSED ZDOTDIR=$ZDOTDIR TERM=dumb zsh -i"
for i in {1..100}; do grep -qsx ready $PROPOSED && break; sleep 0.05; done
zpty -w -n shell "$1"$'\t'
for i in {1..100}; do grep -qsx done $PROPOSED && break; sleep 0.05; done
zpty -d shell
END
mkdir "$scratch/zdotdir"
mv "$scratch/zshrc" "$scratch/zdotdir/.zshrc"

complete_line() {
  rm -f "$scratch/proposed"
  SITE=$scratch/share/zsh/vendor-completions PROPOSED=$scratch/proposed ZDOTDIR=$scratch/zdotdir \
    zsh -f "$scratch/ask.zsh" "$1" >/dev/null
  grep -qx "done" "$scratch/proposed" || fail "zsh says nothing to: $1"
  grep -vxE -- 'ready|done|-[a-z]' "$scratch/proposed" | sed 's/=$//' | sort -u
}

check_completion
