#!/usr/bin/env bash
# Clients that others wrote talk to rust-websocket, served by the real binary: run.sh WINDHOVER GUEST.wasm FOLDER. FOLDER is
# for what is installed and written; what is missing is an error, because a test that did not run proves nothing.
set -euo pipefail
windhover=$(realpath "$1") guest=$(realpath "$2")
mkdir -p "$3"
folder=$(realpath "$3")
cd "$(dirname "$0")"

missing() { echo "interop: $1" >&2; exit 1; }
command -v python3 >/dev/null || missing "python3 is missing; on Debian: apt-get install python3 python3-pip"
python3 -m pip --version >/dev/null 2>&1 || missing "pip is missing; on Debian: apt-get install python3-pip"
command -v npm >/dev/null || missing "Node.js 20 or newer is missing; see https://nodejs.org"
chromium=$(command -v chromium) || missing "chromium is missing; on Debian: apt-get install chromium"

# Each is installed once, and again when its list has changed.
if ! cmp -s requirements.txt "$folder/python/requirements.txt"; then
    rm -rf "$folder/python"
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check \
        --target "$folder/python" --requirement requirements.txt
    cp requirements.txt "$folder/python/"
fi
mkdir -p "$folder/node"
if ! [ "$folder/node/node_modules/.package-lock.json" -nt package-lock.json ]; then
    cp package.json package-lock.json .npmrc "$folder/node/"
    npm ci --prefix "$folder/node" --no-audit --no-fund --silent
fi
# JavaScript modules look for packages beside and above themselves.
cp node_client.js chromium_client.js "$folder/node/"

: >"$folder/server.log"
"$windhover" serve "$guest" --url http://127.0.0.1:0 --no-cache >"$folder/server.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
for _ in {1..300}; do
    address=$(sed -n 's/^Listening on //p' "$folder/server.log")
    [ -n "$address" ] && break
    kill -0 $server 2>/dev/null || break
    sleep 0.1
done
[ -n "$address" ] || { cat "$folder/server.log" >&2; missing "the server did not start"; }

export WINDHOVER=$address CHROMIUM=$chromium SCREENSHOT=$folder/page.png
PYTHONPATH=$folder/python python3 python_client.py
node --test --test-reporter=spec "$folder/node/node_client.js"
node --test --test-reporter=spec "$folder/node/chromium_client.js"

# The other end of the clients' closes: what the guest was told.
for closed in "1001 left" "3999 größer" "1000 enough" "4321 größer" "1005 "; do
    grep -q "closed with $closed" "$folder/server.log" || missing "the guest was never told: closed with $closed"
done
grep -E "ERROR|panic|trap" "$folder/server.log" >&2 && missing "the server's log has an error"
echo "interop: every client was understood, and the guest was told of its close"
