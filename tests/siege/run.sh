#!/usr/bin/env bash
# A siege of the real binary, or one recipe of it: run.sh WINDHOVER GUESTS FOLDER [RECIPE [ARGUMENT...]]. GUESTS is where the
# guests are built, FOLDER is for what is installed and written. Without RECIPE: all, in the order of the README. All traffic
# is to 127.0.0.1 and bounded, in connections and in time.
set -euo pipefail
export WINDHOVER GUESTS SIEGE_FOLDER
WINDHOVER=$(realpath "$1") GUESTS=$(realpath "$2")
mkdir -p "$3"
SIEGE_FOLDER=$(realpath "$3")
recipe=${4:-all}
shift $(($# < 4 ? $# : 4))
cd "$(dirname "$0")"

missing() { echo "siege: $1" >&2; exit 1; }
command -v python3 >/dev/null || missing "python3 is missing; on Debian: apt-get install python3 python3-pip"
python3 -m pip --version >/dev/null 2>&1 || missing "pip is missing; on Debian: apt-get install python3-pip"
command -v slowhttptest >/dev/null || missing "slowhttptest is missing; on Debian: apt-get install slowhttptest"
if ! cmp -s requirements.txt "$SIEGE_FOLDER/python/requirements.txt"; then
    rm -rf "$SIEGE_FOLDER/python"
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-warn-conflicts \
        --target "$SIEGE_FOLDER/python" --requirement requirements.txt
    cp requirements.txt "$SIEGE_FOLDER/python/"
fi
export PYTHONPATH=$SIEGE_FOLDER/python PYTHONDONTWRITEBYTECODE=1

[ "$recipe" = all ] || exec python3 "$recipe.py" "$@"
failed=()
for recipe in siege slow descriptors memory certificates changes rebuilds tls; do
    echo "== $recipe"
    python3 "$recipe.py" || failed+=("$recipe")
done
[ ${#failed[@]} = 0 ] || missing "failed: ${failed[*]}"
echo "siege: it holds"
