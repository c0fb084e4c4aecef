#!/usr/bin/env bash
# Makes a virtual environment hold one pinned lock. Arguments: PYTHON DIRECTORY LOCK
#   LOCK is runtime, dev or bench: requirements/LOCK.txt.
# The directory .venv also gets the package itself, editable; any other is left for a built wheel.
# Nothing is resolved and nothing is built from an unpinned source: every file is checked against its hash.
# A second call finds its stamp and returns at once.
set -euo pipefail
cd "$(dirname "$0")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_QUIET=2

python=$1 directory=$2 lock=requirements/$3.txt
stamp=$directory/installed-$3

# Prints which Python this is, or fails if it is too old.
identify() {
    "$1" -c 'import sys; sys.exit(1) if sys.version_info < (3, 11) else print(sys.base_prefix, sys.version)' 2>/dev/null
}

if ! identity=$(identify "$python"); then
    echo "$python is not a Python >= 3.11. Name one: make PYTHON=/path/to/python3 ..." >&2
    exit 1
fi
wanted=$(cat "$0" "$lock" pyproject.toml - <<<"$identity" | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

if [ "$(identify "$directory/bin/python")" != "$identity" ]; then
    # Debian keeps venv's pip in a package of its own.
    "$python" -c 'import ensurepip' 2>/dev/null || scripts/apt.sh ensurepip=python3-venv
    rm -rf "$directory"
    "$python" -m venv "$directory"
fi
echo "== $directory: $("$directory/bin/python" -V), $lock"
"$directory/bin/python" -m pip install --require-hashes --only-binary :all: -r "$lock"
if [ "$directory" = .venv ]; then
    "$directory/bin/python" -m pip install --no-deps --no-build-isolation -e .
fi
echo "$wanted" >"$stamp"
