#!/bin/bash
# Builds the component: ./build.sh OUT.wasm. Writes nothing else, here or elsewhere.
set -euo pipefail
out=$(realpath -m "${1:?usage: build.sh OUT.wasm}")
cd "$(dirname "$0")"

missing() {
  echo "build.sh: $1 is missing. $2" >&2
  exit 1
}
apt='On Debian 12: apt-get install --no-install-recommends clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32'
command -v clang-19 >/dev/null || missing clang-19 "$apt"
command -v wasm-ld-19 >/dev/null || missing wasm-ld-19 "$apt"
[ -e "$(clang-19 --target=wasm32-wasi -print-file-name=crt1-reactor.o)" ] || missing wasi-libc "$apt"
[ -e "$(clang-19 --target=wasm32-wasi -print-libgcc-file-name)" ] || missing libclang-rt-19-dev-wasm32 "$apt"
command -v rustc >/dev/null || missing rustc 'Its toolchain brings wasm-component-ld: https://rustup.rs'
linker=$(rustc --print target-libdir)/../bin/wasm-component-ld
[ -x "$linker" ] || missing "$linker" 'It comes with the Rust toolchain: https://rustup.rs'

# In the linker's place stands wasm-component-ld: it runs wasm-ld and makes a component of the result. Debian's wasi-libc
# speaks WASI 0.1; should the program call any of that, the linker's built-in adapter turns it into 0.2. The names stay,
# for the host's backtraces.
clang-19 --target=wasm32-wasi -mexec-model=reactor -O2 -Wall -Wextra -Igen \
  app.c gen/proxy.c gen/proxy_component_type.o \
  -fuse-ld="$linker" -Wl,--strip-debug -o "$out"
