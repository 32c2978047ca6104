#!/bin/bash
# Builds the component: ./build.sh OUT.wasm [FOLDER]. FOLDER is where componentize-py is installed at the first run; without
# it, a folder beside this file.
set -euo pipefail
usage="usage: build.sh OUT.wasm [FOLDER]"
out=$(realpath -m "${1:?$usage}")
tools=$(realpath -m "${2:-$(dirname "$0")/.python}")
cd "$(dirname "$0")"

python3 -m pip --version >/dev/null 2>&1 || {
  echo "build.sh: python3 with pip is missing. On Debian: apt-get install python3-pip" >&2
  exit 1
}

# Copied last, so a half-finished or outdated install is done again.
if ! cmp -s requirements.txt "$tools/requirements.txt"; then
  rm -rf "$tools"
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --target "$tools" \
    --requirement requirements.txt
  cp requirements.txt "$tools/"
fi
PYTHONPATH=$tools "$tools/bin/componentize-py" --quiet --wit-path wit --world application componentize app --output "$out"
rm -rf __pycache__ # of the interpreter, which has imported app.py
