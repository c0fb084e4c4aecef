#!/usr/bin/env bash
# Installs what Debian has and this machine lacks. Arguments: PROGRAM=PACKAGE ...
# A program that is there already is left alone, so the usual run asks apt nothing.
set -euo pipefail
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

packages=()
for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || packages+=("${pair#*=}")
done
[ ${#packages[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "Missing: ${packages[*]} (Debian's names). There is no apt-get here: install them, then run make again." >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    # sudo may ask for a password only where somebody can type it.
    if ! command -v sudo >/dev/null || { [ ! -t 0 ] && ! sudo -n true 2>/dev/null; }; then
        echo "Missing: ${packages[*]}. As root, run: apt-get install ${packages[*]}  Then run make again." >&2
        exit 1
    fi
    as_root=(sudo)
fi
echo "== apt-get install ${packages[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${as_root[@]}" apt-get update -qq && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    echo "apt-get could not install ${packages[*]}: see above." >&2
    exit 1
fi
