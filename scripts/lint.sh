#!/usr/bin/env bash
# Reads the code and the docs without running them. Needs .venv with the dev lock (make venv).
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"

step() {
    echo "== $*"
    "$@"
}
step ruff check --quiet
step ruff format --check --quiet
step mypy --no-error-summary
step lint-imports --no-logo
step mkdocs build --quiet --strict --site-dir build/docs
