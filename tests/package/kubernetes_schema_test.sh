#!/usr/bin/env bash
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v kubernetes-validate >/dev/null || skip "there is no kubernetes-validate (pip install kubernetes-validate)"
kubernetes-validate --strict "$SOURCE_DIR/cmake/package/examples/kubernetes.yaml"
