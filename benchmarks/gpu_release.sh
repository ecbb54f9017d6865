#!/usr/bin/env bash
# Train one seed of photographs on a GPU that is there for minutes at a time, on a bare machine without a network.
#
#   benchmarks/gpu_release.sh pack tiny-imagenet-200.zip card   # at home, once: photographs and packages, into card/
#   benchmarks/gpu_release.sh piece card out                    # there: one piece of work; what it leaves lies in out/
#   benchmarks/gpu_release.sh collect out card                  # at home: what came back takes the place of what was sent
#   benchmarks/gpu_release.sh unpack card .                     # at home, once out/done is there: runs/, as any other run
#
# A piece trains the teacher, the supernet with and without task dropout and the generator, and tests them and their rivals:
# it starts where the last one stopped, and stops by itself. It uses the PyTorch that is there; what else is missing there
# travels as wheels in card/packages (PACKAGES, for the Python that is PYTHON_THERE). No file is larger than 15 MiB, but for
# the photographs. Settings come by the environment: PROFILE, SEED, DEVICE, MINUTES of a piece, SET ("key=value key=value"),
# PRECISION, PYTHON, PARTS, and WORK, a folder that a machine which stays may keep.
set -euo pipefail

PROFILE=${PROFILE:-tiny-imagenet-10} SEED=${SEED:-0} DEVICE=${DEVICE:-cuda} MINUTES=${MINUTES:-8} SET=${SET:-}
PRECISION=${PRECISION:-no} PYTHON=${PYTHON:-python3} PYTHON_THERE=${PYTHON_THERE:-3.12}
PACKAGES=${PACKAGES-pydantic pydantic-core annotated-types typing-inspection typing-extensions}
WORK=${WORK:-/tmp/gpu-release}
# What is made, a line each: the last stage, and a setting.
PARTS=${PARTS:-"results
supernet supernet.task_dropout.q=0
tested-EAS supernet.task_dropout.q=0
tested-OFA-T supernet.task_dropout.q=0
tested-OFA-V supernet.task_dropout.q=0
tested-multi-path"}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { echo "gpu_release: $*"; }
fail() {
    say "$*" >&2
    exit 2
}

pack() { # ARCHIVE CARD
    [ -e "$1" ] || fail "$1: no such file"
    mkdir -p "$2/packages"
    PYTHONPATH=$here "$PYTHON" -m benchmarks.pack_photographs "$1" "$2/photographs.tar.xz"
    for name in $PACKAGES; do # the versions that are installed here
        version=$("$PYTHON" -c 'import sys; from importlib.metadata import version; print(version(sys.argv[1]))' "$name")
        "$PYTHON" -m pip download --quiet --no-deps --only-binary=:all: --python-version "$PYTHON_THERE" \
            --implementation cp --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
            --dest "$2/packages" "$name==$version"
    done
    du -ch "$2"/* | tail -1
}

restore() { # CARD: packages, photographs and the state of the run, into WORK, unless they are there
    mkdir -p "$WORK"
    if compgen -G "$1/packages/*.whl" >/dev/null && [ ! -d "$WORK/packages" ]; then
        "$PYTHON" -m pip install --quiet --no-index --no-deps --target "$WORK/packages" "$1"/packages/*.whl
    fi
    if [ -e "$1/photographs.tar.xz" ] && [ ! -d "$WORK/photographs" ]; then
        mkdir "$WORK/photographs.part"
        tar -xJf "$1/photographs.tar.xz" -C "$WORK/photographs.part"
        mv "$WORK/photographs.part" "$WORK/photographs"
    fi
    if compgen -G "$1/state.tar.*" >/dev/null && [ ! -d "$WORK/runs" ]; then
        cat "$1"/state.tar.* | tar -xf - -C "$WORK"
    fi
}

keep() { # OUT: the run, in parts; without prepared images, and without the checkpoint before the last
    mkdir -p "$1" && rm -f "$1"/state.tar.*
    if [ -d "$WORK/runs" ]; then
        tar -cf - -C "$WORK" --exclude=runs/data --exclude='*.previous.pt' --exclude=.lock --exclude='.*.part' runs |
            split -b 15M -d - "$1/state.tar."
    fi
}

left() { # minutes that this piece has left
    echo "$MINUTES $SECONDS" | awk '{ printf "%.2f", $1 - $2 / 60 }'
}

make_until() { # STAGE [KEY=VALUE]: the stage and all before it; what is there is reused, what was interrupted goes on
    local stage=$1 overrides=() status=0 setting
    if [ -d "$WORK/photographs" ]; then overrides+=(--set "data.path=$WORK/photographs"); fi
    for setting in $SET "${@:2}"; do overrides+=(--set "$setting"); done
    say "$stage ${*:2} (minutes left: $(left))"
    "$PYTHON" -m eas_core.cli run --profile "$PROFILE" --seed "$SEED" --device "$DEVICE" --runs "$WORK/runs" \
        --mixed-precision "$PRECISION" --max-minutes "$(left)" --until "$stage" "${overrides[@]}" \
        >>"$log" 2>&1 </dev/null || status=$?
    if [ $status -eq 0 ]; then return 0; fi
    tail -n 3 "$log"
    if tail -n 5 "$log" | grep -q "run again to continue"; then return 75; fi # stopped, saved
    fail "$stage failed; see the end of log.txt"
}

piece() { # CARD OUT
    mkdir -p "$2"
    log=$2/log.txt
    : >"$log"
    rm -f "$2/done"
    trap "keep '$2'" EXIT
    restore "$1"
    export PYTHONPATH=$WORK/packages:$here
    local part
    while read -r part; do
        if [ "$(left | cut -d. -f1)" -lt 1 ] && [ "$MINUTES" != 0 ]; then
            say "the time is over; another piece goes on from here"
            return 0
        fi
        # shellcheck disable=SC2086  # a stage, and perhaps a setting
        make_until $part || {
            status=$?
            [ $status -eq 75 ] || exit $status
            say "stopped and saved; another piece goes on from here"
            return 0
        }
    done <<<"$PARTS"
    touch "$2/done"
    say "all done"
}

collect() { # OUT CARD
    compgen -G "$1/state.tar.*" >/dev/null || fail "$1: nothing came back"
    rm -f "$2"/state.tar.*
    cp "$1"/state.tar.* "$2"
}

unpack() { # CARD FOLDER
    cat "$1"/state.tar.* | tar -xf - -C "$2"
}

case "${1:-} $#" in
"pack 3" | "piece 3" | "collect 3" | "unpack 3") "$@" ;;
*) fail "usage: pack ARCHIVE CARD | piece CARD OUT | collect OUT CARD | unpack CARD FOLDER" ;;
esac
