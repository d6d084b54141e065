#!/usr/bin/env bash
# What the tests need beyond Python: a browser and its driver for the pages, two telephones for the
# calls. Installed when this runs as root on Debian; otherwise exit 2 with the command to run.
set -euo pipefail
cd "$(dirname "$0")/.."

# program=package, in the order in which they are asked for
NEEDED=(chromium=chromium chromedriver=chromium-driver sipp=sip-tester baresip=baresip-core)
BESIDE=(fonts-dejavu-core)  # the pages' letters

missing() {
    for pair in "${NEEDED[@]}"; do
        command -v "${pair%%=*}" >/dev/null || echo "${pair##*=}"
    done
}

mapfile -t packages < <(missing)
if [ "${#packages[@]}" = 0 ]; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "system packages: installing ${packages[*]} for the browser and telephone tests (a few minutes)"
    scripts/apt_install.sh "${packages[@]}" "${BESIDE[@]}"
    mapfile -t packages < <(missing)
fi
if [ "${#packages[@]}" != 0 ]; then
    echo "system packages: the tests need chromium, chromedriver, sipp and baresip on the PATH. Install them:" >&2
    echo "    sudo apt-get install ${packages[*]} ${BESIDE[*]}" >&2
    exit 2
fi
