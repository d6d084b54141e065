#!/usr/bin/env bash
# Makes .venv ready, or finds in a moment that it is.
#
#   scripts/environment.sh run     what the gateway needs
#   scripts/environment.sh dev     that, and what the tests need
#
# PYTHON=... names the Python to use; otherwise the first of python3.12, python3.11 and python3 that
# is a supported version. Exit 2 with the remedy when the machine lacks something.
set -euo pipefail
cd "$(dirname "$0")/.."

KIND=${1:?usage: scripts/environment.sh run|dev}
VENV=.venv
STAMPS=$VENV/.stamps
LOG=$VENV/install.log

say() { echo "environment: $*"; }
die() {
    echo "environment: $*" >&2
    exit 2
}

is_supported() { # is_supported PYTHON: it starts (a version manager's stub may not) and is 3.11 or 3.12
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.12 python3.11 python3}; do
        if is_supported "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    die "no Python 3.11 or 3.12 found (looked for ${PYTHON:-python3.12, python3.11, python3})." \
        "On Debian 12: apt-get install python3 python3-venv; elsewhere name one: make PYTHON=/path/to/python3.12"
}

can_make_venv() { "$1" -c 'import ensurepip, venv; ensurepip.version()' >/dev/null 2>&1; }

ensure_venv_module() { # Debian ships the venv module's other half in a package of its own
    local python=$1 package
    if can_make_venv "$python"; then return; fi
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing the system package $package"
        scripts/apt_install.sh "$package"
    fi
    can_make_venv "$python" ||
        die "$python cannot make virtual environments. Install the missing part and try again:" \
            "sudo apt-get install $package"
}

make_venv() {
    local python
    python=$(find_python)
    ensure_venv_module "$python"
    if [ -e $VENV ]; then
        say "$VENV is not usable here; making it anew"
    fi
    say "making $VENV with $("$python" --version)"
    "$python" -m venv --clear $VENV
}

fingerprint() { # fingerprint FILE...: changes when a file, the Python or the folder does
    $VENV/bin/python - "$@" <<'PY'
import hashlib, os, sys

digest = hashlib.sha256(f"{sys.version} {os.getcwd()}".encode())
for name in sys.argv[1:]:
    with open(name, "rb") as file:
        digest.update(file.read())
print(digest.hexdigest())
PY
}

is_current() { [ -f "$STAMPS/$1" ] && [ "$(cat "$STAMPS/$1")" = "$2" ]; }

pip_install() { # its words go to the log, the names of the packages to the screen
    if ! $VENV/bin/python -m pip install --disable-pip-version-check --no-input --progress-bar off "$@" \
        2>>$LOG </dev/null | tee -a $LOG | sed -n 's/^Collecting \([^ ]*\).*/  \1/p'; then
        tail -n 20 $LOG >&2
        die "the installation failed; the whole log is in $LOG"
    fi
}

install_packages() { # install_packages KIND STAMP
    say "installing the packages of requirements/$1.lock (a minute or two the first time)"
    pip_install --require-hashes -r "requirements/$1.lock"
    mkdir -p $STAMPS
    echo "$2" >"$STAMPS/$1"
}

install_project() { # install_project STAMP
    say "installing callahead itself"
    pip_install --no-deps --no-build-isolation --editable .
    echo "$1" >$STAMPS/project
}

is_usable() { # a stamp shows that pip worked here before
    is_supported $VENV/bin/python &&
        { [ -f $STAMPS/run ] || $VENV/bin/python -m pip --version >/dev/null 2>&1; }
}

if ! is_usable; then make_venv; fi
run=$(fingerprint requirements/run.lock)
dev=$(fingerprint requirements/run.lock requirements/dev.lock)
project=$(fingerprint pyproject.toml)

if [ "$KIND" = dev ] && ! is_current dev "$dev"; then
    install_packages dev "$dev"
    echo "$run" >$STAMPS/run              # the lock for development holds the whole lock for running
fi
if ! is_current run "$run"; then install_packages run "$run"; fi
if ! is_current project "$project" || [ ! -x $VENV/bin/callahead ]; then install_project "$project"; fi
