#!/usr/bin/env bash
# Installs what scripts/npm/package.json pins into build/node: dynalite and fauxqs, emulators of AWS that tests/live
# and `bench aws` start. Where that cannot be done one line says so, and their tests are skipped.
# A second call finds its stamp and returns at once.
set -euo pipefail
cd "$(dirname "$0")/.."
# Both want this Node at least.
oldest=20
folder=build/node

give_up() {
    echo "!!! NOT TESTED AGAINST DYNALITE AND FAUXQS: $* !!!"
    exit 0
}

command -v node >/dev/null && command -v npm >/dev/null || give_up "there is no node or no npm here (Debian: nodejs npm)"
node -e "process.exit(parseInt(process.versions.node) < $oldest ? 1 : 0)" || give_up "node $(node --version) is older than $oldest"
wanted=$(cat "$0" scripts/npm/package.json - <<<"$(node --version)" | sha256sum)
if [ "$(cat "$folder/installed" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
echo "== $folder: node $(node --version), scripts/npm/package.json"
rm -rf "$folder"
mkdir -p "$folder"
cp scripts/npm/package.json "$folder/"
# Their install scripts build nothing that is used: the stores in memory are JavaScript.
npm install --prefix "$folder" --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error \
    >"$folder/npm.log" 2>&1 || give_up "npm could not install them, see $folder/npm.log: $(tail -n 1 "$folder/npm.log")"
echo "$wanted" >"$folder/installed"
