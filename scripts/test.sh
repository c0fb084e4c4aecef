#!/usr/bin/env bash
# Runs every test twice, side by side: on the tree with coverage, and on the built wheel under CPython 3.13 (under
# PYTHON where there is no 3.13). Argument: PYTHON. Needs .venv with the dev lock and the servers of tests/live (make
# venv, scripts/apt.sh). pytest takes options from PYTEST_ADDOPTS. The wheel's output is shown when the tree's has
# ended, so that all of it ends with pytest's closing line.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

# Prints the path of a CPython of that version, with venv and with its lock (GIL): from PATH, else from pyenv.
find_python() {
    local candidate
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/"python$1"; do
        "$candidate" - "$1" 2>/dev/null <<'PY' && return
import ensurepip, sys, sysconfig
version = "%d.%d" % sys.version_info[:2]
fits = version == sys.argv[1] and sys.implementation.name == "cpython"
print(sys.executable) if fits and not sysconfig.get_config_var("Py_GIL_DISABLED") else sys.exit(1)
PY
    done
    return 1
}

test_tree() {
    echo "== the tree: $(.venv/bin/python -V), with coverage"
    rm -f .coverage .coverage.*
    .venv/bin/python -m coverage run -m pytest
    .venv/bin/python -m coverage combine --quiet
    .venv/bin/python -m coverage report
    # Rooms of pure questions and values have no line that a test cannot reach.
    .venv/bin/python -m coverage report --include='*/_policy/*,*/_message/*' --fail-under=100
}

build_wheel() {
    echo "== the wheel"
    rm -rf build/dist
    # The wheel is built from the source distribution, so both are known to be whole.
    .venv/bin/python -m build --no-isolation --outdir build/dist . >build/build.log 2>&1 || {
        cat build/build.log
        return 1
    }
}

# Arguments: PYTHON DIRECTORY
test_wheel() {
    scripts/venv.sh "$1" "$2" dev
    "$2/bin/python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --no-deps --no-index --force-reinstall build/dist/*.whl
    "$2/bin/python" - <<'PY'
import sys
import async_keepalive_httpc
place = async_keepalive_httpc.__file__
if "site-packages" not in place:
    sys.exit(f"The tests of the wheel would test {place}, which is not the installed wheel.")
PY
    echo "== the wheel: $("$2/bin/python" -V)"
    "$2/bin/python" -m pytest
}

mkdir -p build
build_wheel
if python313=$(find_python 3.13); then
    second=$python313
else
    echo "!!! NOT TESTED ON CPYTHON 3.13: there is no python3.13 on PATH or under pyenv's versions. !!!"
    second=$1
fi
# Without pytest's cache, which the other run has.
PYTEST_ADDOPTS="${PYTEST_ADDOPTS:-} -p no:cacheprovider" test_wheel "$second" .venv-wheel >build/wheel.log 2>&1 &
wheel=$!
trap 'kill "$wheel" 2>/dev/null || true' EXIT
# In the background as well: behind `||` bash would go on after a command of it that failed.
test_tree &
status=0
wait $! || status=$?
wait "$wheel" || status=$?
cat build/wheel.log
exit "$status"
