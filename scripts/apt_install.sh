#!/usr/bin/env bash
# Installs Debian packages without asking anything. Needs root.
#
#   scripts/apt_install.sh PACKAGE...
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt-get update && apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    echo "apt-get could not install: $*" >&2
    exit 2
fi
