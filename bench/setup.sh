#!/bin/sh
# Installs what the benchmark needs beside .venv: wrk and Node.js from Debian's packages when they are missing (through
# sudo when not root), and node-oidc-provider from its lock.
set -eu
cd "$(dirname "$0")"

fail() { echo "keygrove bench: $1" >&2; exit 1; }

missing=
command -v wrk >/dev/null 2>&1 || missing="wrk"
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
if [ -n "$missing" ]; then
    command -v apt-get >/dev/null 2>&1 || fail "install $missing with your package manager, then run this again."
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || fail "install $missing as root: apt-get install $missing"
        as_root=sudo
    fi
    echo "keygrove bench: installing $missing"
    $as_root apt-get update -qq || fail "apt-get update failed."
    # shellcheck disable=SC2086 # one word per package
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
        fail "apt-get could not install $missing."
fi

cd peers/node-oidc-provider
installed=node_modules/.package-lock.json
if [ ! -f "$installed" ] || [ package-lock.json -nt "$installed" ]; then
    npm ci --omit=dev --no-audit --no-fund --loglevel=error || fail "npm could not install node-oidc-provider."
fi
