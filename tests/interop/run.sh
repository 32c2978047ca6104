#!/usr/bin/env bash
# Clients that others wrote talk to rust-websocket and rust-grpc, served by the real binary, in cleartext and over TLS, and
# Prometheus scrapes its metrics: run.sh WINDHOVER GUESTS FOLDER. GUESTS is where the guests are built, FOLDER is for what is installed and written; what is
# missing is an error, because a test that did not run proves nothing.
set -euo pipefail
windhover=$(realpath "$1") guests=$(realpath "$2")
mkdir -p "$3"
folder=$(realpath "$3")
cd "$(dirname "$0")"

missing() { echo "interop: $1" >&2; exit 1; }
command -v python3 >/dev/null || missing "python3 is missing; on Debian: apt-get install python3 python3-pip"
python3 -m pip --version >/dev/null 2>&1 || missing "pip is missing; on Debian: apt-get install python3-pip"
command -v npm >/dev/null || missing "Node.js 20 or newer is missing; see https://nodejs.org"
command -v curl >/dev/null || missing "curl is missing; on Debian: apt-get install curl"
command -v prometheus >/dev/null || missing "prometheus is missing; on Debian: apt-get install prometheus"
chromium=$(command -v chromium) || missing "chromium is missing; on Debian: apt-get install chromium"

# Each is installed once, and again when its list has changed.
if ! cmp -s requirements.txt "$folder/python/requirements.txt"; then
    rm -rf "$folder/python"
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-warn-conflicts \
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

# A certificate for localhost, and the authority that vouches for it.
certificates=$folder/certificates
mkdir -p "$certificates"
"$windhover" dev-cert --out "$certificates" >"$folder/dev-cert.log" 2>&1 || { cat "$folder/dev-cert.log" >&2; exit 1; }
authority=$(tr -s '\t `"' '\n' <"$folder/dev-cert.log" | grep '\.pem$' | grep -v 'dev-\(cert\|key\)\.pem$' | head -1)
[ -f "$authority" ] || missing "dev-cert did not tell the file of its certificate authority"

servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true' EXIT
# serve GUEST: sets http, https and admin to the addresses of a server with this guest, whose log is GUEST.log.
serve() {
    local log=$folder/$1.log
    : >"$log"
    "$windhover" serve "$guests/$1.wasm" --no-cache --url http://127.0.0.1:0 --url https://127.0.0.1:0 \
        --admin-url http://127.0.0.1:0 \
        --tls-cert "$certificates/dev-cert.pem" --tls-key "$certificates/dev-key.pem" >"$log" 2>&1 &
    local server=$!
    servers+=($server)
    for _ in {1..300}; do
        http=$(sed -n 's/^Listening on \(http:.*\)/\1/p' "$log") https=$(sed -n 's/^Listening on \(https:.*\)/\1/p' "$log")
        admin=$(sed -n 's/^Administered at //p' "$log")
        [ -n "$http" ] && [ -n "$https" ] && return
        kill -0 $server 2>/dev/null || break
        sleep 0.1
    done
    cat "$log" >&2
    missing "the server of $1 did not start"
}

# told GUEST WHAT: so says the log of its server, within a moment.
told() {
    for _ in {1..50}; do
        grep -q "$2" "$folder/$1.log" && return
        sleep 0.1
    done
    missing "the guest $1 was never told: $2"
}

serve rust_websocket
# The certificate is for this name. The chain is checked here, by somebody who has nothing of ours but the authority.
https=${https/127.0.0.1/localhost}
[ "$(curl --silent --show-error --noproxy '*' --cacert "$authority" --output "$folder/page.html" \
    --write-out '%{http_code} %{http_version} %{ssl_verify_result}' "$https/")" = "200 2 0" ] ||
    missing "curl does not trust $https by $authority, or does not speak HTTP/2 with it"
curl --silent --noproxy '*' --output "$folder/page.html" "$https/" && missing "curl trusts $https without its authority"

export PYTHONPATH=$folder/python
export WINDHOVER=$http WINDHOVER_TLS=$https WINDHOVER_CA=$authority CERTIFICATE=$certificates/dev-cert.pem
export CHROMIUM=$chromium SCREENSHOT=$folder/page.png NET_LOG=$folder/net-log.json
python3 python_client.py
node --test --test-reporter=spec "$folder/node/node_client.js"
node --test --test-reporter=spec "$folder/node/chromium_client.js"

# The other end of the clients' closes: what the guest was told.
for closed in "1001 left" "3999 größer" "1000 enough" "4321 größer" "1005 "; do
    told rust_websocket "closed with $closed"
done

serve rust_grpc
export WINDHOVER=$http WINDHOVER_TLS=$https
PROTO=$PWD/../../guest-examples/rust-grpc python3 grpc_client.py
told rust_grpc "cancelled after [3-9]" # or some more: it was told while it went on
told rust_grpc "cancelled after 0 replies" # while it waited for the client

serve rust_hello
WINDHOVER=$http WINDHOVER_ADMIN=$admin FOLDER=$folder python3 prometheus_client.py

grep -E "ERROR|panic|trap" "$folder"/rust_*.log >&2 && missing "the server's log has an error"
echo "interop: every client was understood, the guests were told of their leaving, and Prometheus found no fault"
