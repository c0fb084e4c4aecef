#!/usr/bin/env bash
# Pins requirements/*.in into requirements/*.txt, with hashes and without addresses. Arguments: PYTHON [LOCK ...]
#   LOCK is runtime, dev, bench or peers; without one, all of them in this order, since each stands on those before it.
# Resolved on the oldest Python supported; markers and the hashes of every wheel make the result good for newer ones.
set -euo pipefail
cd "$(dirname "$0")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# Only the index's own files count: a local folder of wheels would add hashes that nobody else can find.
export PIP_CONFIG_FILE=/dev/null CUSTOM_COMPILE_COMMAND="make lock"
unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL

python=$1
shift
if [ "$("$python" -c 'import sys; print(*sys.version_info[:2], sep=".")')" != 3.11 ]; then
    echo "The lock is made on Python 3.11: make lock PYTHON=/path/to/python3.11" >&2
    exit 1
fi
if [ ! -x .venv-lock/bin/pip-compile ]; then
    "$python" -m venv .venv-lock
    .venv-lock/bin/python -m pip install --quiet 'pip-tools>=7.5,<8'
fi
[ $# -gt 0 ] || set -- runtime dev bench peers
for name in "$@"; do
    echo "== requirements/$name.txt"
    .venv-lock/bin/pip-compile --quiet --upgrade --generate-hashes --no-emit-options --strip-extras --allow-unsafe \
        --output-file "requirements/$name.txt" "requirements/$name.in"
done
if grep -nE '://|^--|@ ' requirements/*.txt; then
    echo "A lock file holds an address (above)." >&2
    exit 1
fi
