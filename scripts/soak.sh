#!/usr/bin/env bash
# What only shows in large numbers or over minutes: over an hour, of which the bounds take a quarter, the fuzz five minutes,
# the race of all clients the rest (of ours alone: two minutes). Needs .venv with the bench lock (make bench's).
# Arguments go to scripts/soak.py, for instance: --parts memory --scale 0.1
set -euo pipefail
cd "$(dirname "$0")/.."
echo "== bounds"
.venv/bin/python scripts/soak.py "$@"
echo "== the fuzz of the response path"
FUZZ_EXAMPLES=100000 .venv/bin/python -m pytest -q tests/property/test_fuzz.py
echo "== the race"
.venv/bin/python -m bench.chaos
