#!/bin/sh
# Makes .venv hold what the project needs: `setup.sh run` to run it, `setup.sh test` to test it as well, `setup.sh clients`
# to test it with every client too. A second call finds the stamp of the first and is instant. Needs Python 3.11 or newer;
# Debian packages that are missing (python3-venv; chromium-headless-shell, pgbouncer, nodejs and npm for the tests;
# mod_auth_openidc for the clients) are installed with apt-get, through sudo when not root.
set -eu
cd "$(dirname "$0")/.."
purpose=${1:-run}
clients=
case $purpose in
run | test) ;;
clients) purpose=test clients=all ;;
*) echo "usage: scripts/setup.sh run|test|clients" >&2; exit 2 ;;
esac

fail() { echo "keygrove setup: $1" >&2; exit 1; }

# What fetches from elsewhere gets a second try: a download that breaks off is the network's fault, and passes.
fetch() { "$@" || { echo "keygrove setup: trying that again" >&2; sleep 3; "$@"; }; }

install_packages() {
    command -v apt-get >/dev/null 2>&1 || fail "install $* with your package manager, then run this again."
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || fail "install $* as root: apt-get install $*"
        as_root=sudo
    fi
    echo "keygrove setup: installing $*"
    fetch $as_root apt-get update -qq || fail "apt-get update failed."
    fetch $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
        fail "apt-get could not install $*."
}

# Several words, so it stands without quotes.
pip_install=".venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps"

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
fingerprint() { { pwd; cat requirements/run.lock pyproject.toml; [ "$1" = run ] || cat requirements/test.lock; } | cksum; }
stamped() { [ -x .venv/bin/python ] && [ -f ".venv/keygrove-$1.stamp" ] && [ "$(cat ".venv/keygrove-$1.stamp")" = "$(fingerprint "$1")" ]; }

if ! stamped "$purpose" && ! { [ "$purpose" = run ] && stamped test; }; then
    python=$(find_python)
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        "$python" -c 'import ensurepip' >/dev/null 2>&1 ||
            install_packages "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
        "$python" -m venv --clear .venv || fail "python -m venv failed."
    fi
    echo "keygrove setup: installing what it takes to $purpose into .venv (about half a minute)"
    rm -f .venv/keygrove-*.stamp
    if [ "$purpose" = run ]; then
        fetch $pip_install --require-hashes -r requirements/run.lock
    else
        # The two locks have nothing in common, so each has a pip of its own. Ctrl-C does not reach one in the background,
        # which is therefore no function: it would be a shell around pip, and killed alone.
        $pip_install --require-hashes -r requirements/run.lock &
        of_run=$!
        trap 'kill "$of_run" 2>/dev/null || :' EXIT
        trap 'exit 130' INT TERM
        fetch $pip_install --require-hashes -r requirements/test.lock
        wait "$of_run" || fetch $pip_install --require-hashes -r requirements/run.lock
        trap - EXIT INT TERM
    fi
    fetch $pip_install --no-build-isolation -e .
    .venv/bin/python -m pip check >/dev/null || fail "what is in .venv does not fit together (.venv/bin/python -m pip check): remove .venv, then run this again."
    fingerprint "$purpose" >".venv/keygrove-$purpose.stamp"
fi

# The shell of Chromium for tests alone takes half the processor time of the whole browser, which does as well.
if [ "$purpose" = test ] && ! command -v chromium-headless-shell >/dev/null 2>&1; then
    (install_packages chromium-headless-shell fonts-dejavu-core) || command -v chromium >/dev/null 2>&1 ||
        install_packages chromium fonts-dejavu-core
fi
if [ "$purpose" = test ] && ! PATH="$PATH:/usr/sbin" command -v pgbouncer >/dev/null 2>&1; then
    install_packages pgbouncer
fi

# OAuth clients for Node, which judge Keygrove in tests/clients.
if [ "$purpose" = test ]; then
    command -v npm >/dev/null 2>&1 || install_packages nodejs npm
    node=tests/clients/node
    lock=$(cksum <"$node/package-lock.json")
    if ! [ -f "$node/node_modules/keygrove.stamp" ] || [ "$(cat "$node/node_modules/keygrove.stamp")" != "$lock" ]; then
        echo "keygrove setup: installing OAuth clients for Node into $node/node_modules"
        fetch npm ci --prefix "$node" --ignore-scripts --no-audit --no-fund --silent || fail "npm ci failed in $node."
        echo "$lock" >"$node/node_modules/keygrove.stamp"
    fi
fi

# Without Debian's packages the tests of Apache are left out, as those of a language that is not there.
if [ -n "$clients" ] && command -v apt-get >/dev/null 2>&1 &&
    ! { PATH="$PATH:/usr/sbin" command -v apache2 && [ -f /usr/lib/apache2/modules/mod_auth_openidc.so ]; } >/dev/null 2>&1; then
    install_packages apache2-bin libapache2-mod-auth-openidc
fi
