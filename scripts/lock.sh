#!/bin/sh
# Rewrites the hashed locks in requirements/ from pyproject.toml; releases younger than a week wait. Needs `uv`.
# run.lock is what it takes to run the project, test.lock what the tests need beside that.
set -eu
cd "$(dirname "$0")/.."
compile() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --exclude-newer "$(date -u -d "7 days ago" +%F)" "$@"; }
compile pyproject.toml --extra demo --group build --output-file requirements/run.lock
# shellcheck disable=SC2046 # One option for each package.
compile pyproject.toml --extra demo --group build --group dev --constraint requirements/run.lock \
    $(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p' requirements/run.lock) --output-file requirements/test.lock
