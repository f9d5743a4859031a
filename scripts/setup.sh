#!/bin/sh
# Makes .venv hold what the project needs: `setup.sh run` to run it, `setup.sh test` to test it as well.
# A second call finds the stamp of the first and is instant. Needs Python 3.11 or newer; Debian packages that are
# missing (python3-venv; chromium and pgbouncer for the tests) are installed with apt-get, through sudo when not root.
set -eu
cd "$(dirname "$0")/.."
purpose=${1:-run}
case $purpose in run | test) ;; *) echo "usage: scripts/setup.sh run|test" >&2; exit 2 ;; esac

fail() { echo "keygrove setup: $1" >&2; exit 1; }

install_packages() {
    command -v apt-get >/dev/null 2>&1 || fail "install $* with your package manager, then run this again."
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || fail "install $* as root: apt-get install $*"
        as_root=sudo
    fi
    echo "keygrove setup: installing $*"
    $as_root apt-get update -qq || fail "apt-get update failed."
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
        fail "apt-get could not install $*."
}

find_python() {
    for name in python3 python3.11 python3.12 python3.13 python3.14; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    fail "Python 3.11 or newer is needed and was not found."
}

# The stamp changes with the locks, the project's metadata and the place of the checkout: whatever .venv was made from.
fingerprint() { { pwd; cat requirements/"$1".lock pyproject.toml; } | cksum; }
stamped() { [ -x .venv/bin/python ] && [ -f ".venv/keygrove-$1.stamp" ] && [ "$(cat ".venv/keygrove-$1.stamp")" = "$(fingerprint "$1")" ]; }

if ! stamped "$purpose" && ! { [ "$purpose" = run ] && stamped test; }; then
    python=$(find_python)
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        "$python" -c 'import ensurepip' >/dev/null 2>&1 ||
            install_packages "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
        "$python" -m venv --clear .venv || fail "python -m venv failed."
    fi
    echo "keygrove setup: installing requirements/$purpose.lock into .venv (about half a minute)"
    rm -f .venv/keygrove-*.stamp
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "requirements/$purpose.lock"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
    fingerprint "$purpose" >".venv/keygrove-$purpose.stamp"
fi

if [ "$purpose" = test ] && ! command -v chromium >/dev/null 2>&1; then
    install_packages chromium fonts-dejavu-core
fi
if [ "$purpose" = test ] && ! PATH="$PATH:/usr/sbin" command -v pgbouncer >/dev/null 2>&1; then
    install_packages pgbouncer
fi
