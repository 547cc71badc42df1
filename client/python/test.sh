#!/usr/bin/env bash
# Tests the Python client; tests/conformance/README.md says what each of its commands does.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$repo"
build=$repo/build/python
venv=$build/venv
mkdir -p "$build"
export PIP_CACHE_DIR=$build/pip PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

needs() {
  if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "python3 of at least 3.11"
    return 1
  elif ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    echo "python3's venv (on Debian: python3-venv)"
    return 1
  fi
}

fetch() {
  [[ -x $venv/bin/pip ]] || python3 -m venv --clear "$venv"
  "$venv/bin/pip" install -q grpcio-tools
  "$venv/bin/pip" install -q './client/python[test]'
}

quietly() {
  local log=$build/$1.log
  shift
  "$@" >"$log" 2>&1 || {
    cat "$log" >&2
    return 1
  }
}

run() {
  # Anew, even if its version is the one that is installed.
  quietly install "$venv/bin/pip" install -q --no-deps --force-reinstall ./client/python
  quietly mypy "$venv/bin/mypy" --config-file client/python/pyproject.toml --cache-dir "$build/mypy"
  quietly pytest "$venv/bin/pytest" -q client/python
  echo "python: $(tail -n 1 "$build/pytest.log"), $(tail -n 1 "$build/mypy.log")"
}

runner() { echo "$venv/bin/python $repo/tests/conformance/python/runner_${1:-sync}.py"; }

"$@"
