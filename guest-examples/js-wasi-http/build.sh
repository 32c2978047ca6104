#!/bin/bash
# Builds the component: ./build.sh OUT.wasm. The first run installs node_modules here; nothing else is left behind.
set -euo pipefail
out=$(realpath -m "${1:?usage: build.sh OUT.wasm}")
cd "$(dirname "$0")"

missing() {
  echo "build.sh: $1 is missing. Node.js 20 or newer brings it: https://nodejs.org" >&2
  exit 1
}
command -v node >/dev/null || missing node
command -v npm >/dev/null || missing npm

# npm writes this file last, so a half-finished or outdated install is done again.
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund
node componentize.js "$out"
