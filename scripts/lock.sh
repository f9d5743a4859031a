#!/bin/sh
# Rewrites the hashed locks in requirements/ from pyproject.toml; releases younger than a week wait. Needs `uv`.
set -eu
cd "$(dirname "$0")/.."
compile() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --exclude-newer "$(date -u -d "7 days ago" +%F)" "$@"; }
compile pyproject.toml --extra demo --group build --output-file requirements/run.lock
compile pyproject.toml --extra demo --group build --group dev --output-file requirements/test.lock
