#!/usr/bin/env bash
# Installs both locks in a fresh environment under each Python named, as a user's machine would.
#
#   scripts/lock_check.sh python3.11 python3.12
set -euo pipefail
cd "$(dirname "$0")/.."

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
for python in "$@"; do
    if ! "$python" -c '' >/dev/null 2>&1; then
        echo "lock: $python is not on this machine, not checked"
        continue
    fi
    for kind in run dev; do
        echo "lock: installing requirements/$kind.lock under $("$python" --version)"
        "$python" -m venv --clear "$place/venv"
        "$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --require-hashes -r "requirements/$kind.lock" </dev/null
        "$place/venv/bin/python" -m pip check >/dev/null
    done
done
