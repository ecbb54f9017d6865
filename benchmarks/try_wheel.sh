#!/usr/bin/env bash
# Builds wheel and sdist and tries both in clean environments, in a folder without a repository: benchmarks/try_wheel.sh [FOLDER]
# FOLDER gets them (default: thrown away). PIP_ARGUMENTS go to pip, such as --no-deps where dependencies are there already.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/build"
"$scratch/build/bin/pip" install -q build
"$scratch/build/bin/pyproject-build" --outdir "$scratch/dist" .
for built in "$scratch"/dist/*; do
    echo "== $(basename "$built")"
    python3 -m venv --clear "$scratch/clean"
    if [ -n "${SITE_PACKAGES:-}" ]; then # dependencies of another environment
        echo "$SITE_PACKAGES" > "$("$scratch/clean/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/others.pth"
    fi
    # shellcheck disable=SC2086 # several words
    "$scratch/clean/bin/pip" install -q -c constraints.txt ${PIP_ARGUMENTS:-} "$built"
    mkdir -p "$scratch/empty"
    (
        cd "$scratch/empty"
        PATH=$scratch/clean/bin:$PATH
        python -c 'import eas_core, sys; assert eas_core.__file__.startswith(sys.prefix), eas_core.__file__'
        eas --help > /dev/null
        eas tasks > /dev/null
        eas reproduce table-4
        eas specialize --release demo --task polygons --budget 2.3 --device cpu --quiet > found.json
        python -c 'import json; found = json.load(open("found.json")); assert found["madds_millions"] <= 2.3'
        python -c 'from eas_core import load_release; release = load_release("demo", device="cpu"); print(release.name, release.seeds)'
    )
    rm -rf "$scratch/empty"
done
[ $# = 0 ] || { mkdir -p "$1" && cp "$scratch"/dist/* "$1"; }
