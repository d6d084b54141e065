#!/usr/bin/env bash
# Writes requirements/run.lock and requirements/dev.lock: every package that Callahead needs, pinned,
# with the hashes of all its files, so that one lock serves every platform.
#
#   scripts/lock.sh PYTHON [pip-compile options, for example --upgrade or --upgrade-package redis]
#
# The locks name no index: pip takes the packages from wherever it is configured to. `make
# lock-check` installs the result under every supported Python that the machine has.
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON=${1:?usage: scripts/lock.sh PYTHON [pip-compile options]}
shift
PIP_TOOLS_VERSION=7.6.2

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
echo "lock: preparing pip-tools ${PIP_TOOLS_VERSION} in a temporary environment"
"$PYTHON" -m venv "$tools/venv"
"$tools/venv/bin/python" -m pip install --quiet --disable-pip-version-check "pip-tools==${PIP_TOOLS_VERSION}"

wanted() { # wanted [GROUP...]: what runs and builds the project, and the dependency groups named
    "$PYTHON" - "$@" <<'PY'
import sys, tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)
lines = project["project"]["dependencies"] + project["build-system"]["requires"]
# redis asks for it below Python 3.11.3 only (Debian 12 has 3.11.2): a newer Python would not lock it.
lines.append("async-timeout>=4.0.3")
for group in sys.argv[1:]:
    lines += project["dependency-groups"][group]
print("\n".join(lines))
PY
}

compile() { # compile OUT OPTIONS... < requirements
    local out=$1
    shift
    echo "lock: resolving $out"
    "$tools/venv/bin/pip-compile" --quiet --generate-hashes --allow-unsafe --strip-extras \
        --no-header --no-annotate --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
        --no-emit-options --output-file "$out" "$@" -
    # pip-compile adds remarks; a lock holds pins and hashes only.
    sed -i.bak -e '/^#/d' -e '/^$/d' "$out" && rm "$out.bak"
    if grep -nE '://|^-|file:' "$out"; then
        echo "lock: $out names a place; it may hold only pins and hashes" >&2
        exit 1
    fi
}

wanted | compile requirements/run.lock "$@"
wanted dev | compile requirements/dev.lock --constraint requirements/run.lock "$@"
echo "lock: done; look at the difference, then run make test"
