#!/usr/bin/env bash
# What the tests need beyond Python: a browser and its driver. Installed when this runs as root on
# Debian; otherwise exit 2 with the command to run.
set -euo pipefail
cd "$(dirname "$0")/.."

PACKAGES=(chromium chromium-driver fonts-dejavu-core)

is_complete() { command -v chromium >/dev/null && command -v chromedriver >/dev/null; }

if is_complete; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "system packages: installing ${PACKAGES[*]} for the browser tests (a few minutes)"
    scripts/apt_install.sh "${PACKAGES[@]}"
fi
if ! is_complete; then
    echo "system packages: the browser tests need chromium and chromedriver on the PATH. Install them:" >&2
    echo "    sudo apt-get install ${PACKAGES[*]}" >&2
    exit 2
fi
